"""What the routes answer: the champion's forecasts, stored where they are fresh, else computed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TypeVar, cast

import pandas as pd
import psycopg
from psycopg_pool import ConnectionPool, PoolTimeout

from horizonte.config import Settings, settings
from horizonte.embedded import services
from horizonte.embedded.endpoints import S3Settings
from horizonte.errors import Fault, ModelFault, StoreFault
from horizonte.params import Rules
from horizonte.serve import (
    champion,
    explain,
    predict,
    present,
    schemas,
    stored,
    vintages,
    writing,
)
from horizonte.serve.bucket import Bucket
from horizonte.serve.champion import Champion
from horizonte.serve.faults import NoChampion, NotReady
from horizonte.serve.follow import Doors, Follower, Serving
from horizonte.serve.latest import Latest
from horizonte.serve.observations import Call
from horizonte.serve.schemas_explain import Explanation
from horizonte.store import series as series_store
from horizonte.store.connection import Connection, connect, ensure_schema
from horizonte.store.requests import Answer

CONNECTIONS = 6
CONNECT_SECONDS = 5.0
T = TypeVar("T")
_LOADING = NotReady("champion", "loading", "loaded yet", "wait a moment")


class Answers:
    """The state of one serving process: connections, and the champion it follows."""

    def __init__(
        self, pool: ConnectionPool[Connection], follower: Follower, latest: Latest
    ) -> None:
        """Take an open pool, a started follower, and what keeps the newest vintages in memory."""
        self._pool = pool
        self._follower = follower
        self._latest = latest
        self._computing = threading.Lock()

    @classmethod
    def start(cls, setting: Settings, latest: Latest) -> Answers:
        """Open the connections and begin to follow the champion; returns before it is ready."""
        where = setting.database or services.endpoints().database
        pool = ConnectionPool[Connection](
            where,
            kwargs={"autocommit": True, "application_name": "horizonte serve"},
            min_size=1,
            max_size=CONNECTIONS,
            timeout=CONNECT_SECONDS,
            open=True,
            configure=_configure,
            check=ConnectionPool.check_connection,
        )
        home = setting.home_folder()
        follower = Follower(
            Doors(
                connect=lambda: connect(where),
                now=lambda: datetime.now(UTC),
                warm=predict.warm,
                obtain=lambda version: champion.obtain(version, home=home, bucket=_bucket(setting)),
            )
        )
        follower.start()
        return cls(pool, follower, latest)

    def connect(self) -> Connection:
        """Return a new connection to the same database, for a thread that keeps one."""
        return connect(str(self._pool.conninfo))

    def close(self) -> None:
        """Stop following and close the connections."""
        self._follower.stop()
        self._pool.close()

    def why_not_ready(self) -> Fault | None:
        """Return why no forecast can be answered, or None once one was made for real."""
        return None if self._follower.serving else self._follower.refused

    def model_version(self) -> str | None:
        """Return the version that serves, or None."""
        serving = self._follower.serving
        return serving.champion.version if serving else None

    def forecast(
        self, request: schemas.ForecastRequest, *, request_id: str | None
    ) -> schemas.ForecastAnswer:
        """Answer ``request`` by one model version; what is computed is stored with ``request_id``.

        Raises the faults of ``predict.forecast``, NotReady while the champion is being loaded,
        and StoreFault when the database does not answer.
        """
        model = self._model()
        with self._connection() as conn:
            forecasts = self._held(conn, model, request)
        if forecasts is None:
            forecasts = self._on_record(model, request, request_id=request_id)
        version = model.version if model else predict.UNTRAINED
        return schemas.ForecastAnswer(
            model_version=version, request_id=request_id, forecasts=forecasts
        )

    def _held(
        self, conn: Connection, model: Champion | None, request: schemas.ForecastRequest
    ) -> list[schemas.SeriesForecast] | None:
        """Return the answer from memory, or None where any of it is not there or not fresh."""
        names, view = request.names(), self._latest.view
        entries = {name: view.entries[name] for name in names if name in view.entries}
        if request.as_of or request.known_future or len(entries) < len(names):
            return None
        if not vintages.still_fresh(conn, model, entries):
            return None
        shape = present.Shape(request.levels, request.quantiles)
        return [
            stored.forecast(one, _steps(model, request, name, one.facts["freq"]), shape)
            for name, one in entries.items()
        ]

    def _on_record(
        self, model: Champion | None, request: schemas.ForecastRequest, *, request_id: str | None
    ) -> list[schemas.SeriesForecast]:
        """Return the answer from the database, computed where it is not fresh there."""
        names = request.names()
        with self._connection() as conn:
            series = {row["unique_id"]: row for row in _records(series_store.read(conn, names))}
            steps = {
                name: _steps(model, request, name, facts["freq"]) for name, facts in series.items()
            }
            told = self._told(conn, model, series, asked=_asked(request), request_id=request_id)
        shape = present.Shape(request.levels, request.quantiles)
        return [
            present.forecast(told[name], steps=steps[name], facts=series[name], shape=shape)
            for name in names
        ]

    def read(self, question: Callable[..., T], *asked: Any) -> T:
        """Return what ``question`` reads from the database, given a connection and ``asked``."""
        with self._connection() as conn:
            return question(conn, *asked)

    def champion(self) -> Champion | None:
        """Return the champion, or None where none serves."""
        serving = self._follower.serving
        return serving.champion if serving else None

    def current(self) -> schemas.CurrentModel:
        """Say which version serves, since when and why, and what keeps a newer one out."""
        serving, refused = self._serving(), self._follower.refused
        return schemas.CurrentModel(
            model_version=serving.champion.version,
            promoted_at=serving.promotion.recorded_at,
            why=serving.promotion.why,
            ready_since=serving.ready_since,
            refused=str(refused) if refused else None,
            card=dict(serving.champion.card),
        )

    def explain(self, unique_id: str, since: int | None) -> Explanation:
        """Explain the forecast of a series as ``explain.explain`` does, and raise as it does."""
        model = self._serving().champion
        with self._connection() as conn:
            return explain.explain(conn, model, unique_id, since=since, obtain=_version)

    def register(self, call: Call) -> bytes:
        """Register the series that ``call`` declares; raises as ``writing.register`` does."""
        with self._connection() as conn:
            return writing.register(conn, call)

    def observe(self, call: Call) -> Answer:
        """Store the readings of ``call``; raises as ``writing.observe`` does."""
        with self._connection() as conn:
            return writing.observe(conn, call, served=self._rules())

    def annotate(self, call: Call) -> bytes:
        """Keep the annotations of ``call``; raises as ``writing.annotate`` does."""
        with self._connection() as conn:
            return writing.annotate(conn, call, served=self._rules())

    def annotations(self, unique_id: str) -> bytes:
        """Return the annotations of a series; raises NotFound for an unknown one."""
        with self._connection() as conn:
            return writing.annotated(conn, unique_id)

    def _rules(self) -> Rules | None:
        serving = self._follower.serving
        return serving.champion.rules if serving else None

    def _told(
        self,
        conn: Connection,
        model: Champion | None,
        series: Mapping[str, dict[str, Any]],
        *,
        asked: vintages.Asked,
        request_id: str | None,
    ) -> dict[str, present.Told]:
        """Return every series' vintage: the fresh ones as stored, the others computed and stored.

        One request computes at a time; who waited finds what the one before has stored.
        """
        sources = {name: row["source"] for name, row in series.items()}
        live = asked == vintages.LIVE
        told = vintages.fresh(conn, model, sources) if live else {}
        if len(told) < len(sources):
            with self._computing:
                told = vintages.fresh(conn, model, sources) if live else {}
                missing = [name for name in sources if name not in told]
                if missing:
                    told |= vintages.compute(
                        conn, model, missing, request_id=request_id, asked=asked
                    )
        return told

    def _model(self) -> Champion | None:
        """Return the champion; None where there is none to be had, and a fallback answers.

        Raises NotReady while one is being loaded, and StoreFault while nobody can know.
        """
        serving, refused = self._follower.serving, self._follower.refused
        if serving is None and not isinstance(refused, NoChampion | ModelFault):
            raise refused or _LOADING
        return serving.champion if serving else None

    def _serving(self) -> Serving:
        serving = self._follower.serving
        if serving is None:
            raise self._follower.refused or _LOADING
        return serving

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        try:
            with self._pool.connection() as conn:
                yield conn
        except (psycopg.OperationalError, PoolTimeout) as why:
            raise StoreFault(
                "database",
                type(why).__name__,
                "reachable",
                "start it (horizonte up), or correct HORIZONTE_DATABASE",
            ) from why


def _steps(
    model: Champion | None, request: schemas.ForecastRequest, name: str, declared: str
) -> int:
    return predict.steps_of(request.horizon, *predict.grid(model, name, declared))


def _asked(request: schemas.ForecastRequest) -> vintages.Asked:
    as_of = None if request.as_of is None else pd.Timestamp(request.as_of).tz_convert("UTC")
    return vintages.Asked(as_of, request.ahead())


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return cast("list[dict[str, Any]]", frame.to_dict("records"))


def _configure(conn: Connection) -> None:
    ensure_schema(conn)


def _bucket(setting: Settings) -> Bucket:
    return Bucket.of(S3Settings.parse(setting.s3) if setting.s3 else services.endpoints().s3)


@lru_cache(maxsize=2)
def _version(version: str) -> Champion:
    """Return a model that served before, kept while it is asked about; raises as ``obtain`` does."""
    setting = settings()
    return champion.obtain(version, home=setting.home_folder(), bucket=_bucket(setting))
