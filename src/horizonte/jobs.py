"""The jobs: one thin loop each over functions of the package."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from threading import Event

from horizonte import clock, params, paths
from horizonte.config import settings
from horizonte.errors import Fault, NotFound
from horizonte.ingest import consume as consumer
from horizonte.ingest import fetch, files, letters, notes
from horizonte.ingest import pull as pulling
from horizonte.ingest import watch as watching
from horizonte.ingest.notesheet import Note
from horizonte.ingest.pulled import PullWatch
from horizonte.ingest.sources import Source, find_source, load_sources
from horizonte.params import Rules
from horizonte.serve import champion, issuer_process, predict, published, vintages
from horizonte.serve.faults import NoChampion
from horizonte.store import prepared, promotions, series
from horizonte.store.connection import Connection, connect


def ingest(paths_: Sequence[Path], *, source: str, now: datetime, again: bool) -> Iterator[str]:
    """Load files of a declared source, re-clean what they touched, and say what became of each.

    Raises NotFound for a source that is not declared, and DataFault for a file that is refused
    as a whole; files before it stay loaded.
    """
    declared, rules = _declared(source)
    with connect() as conn:
        for path in paths_:
            result = files.ingest(conn, path, source=declared, now=now, again=again)
            prepared.follow(conn, rules)
            yield (
                f"{path.name}: {result.rows_read} readings, {result.accepted} new, "
                f"{result.unchanged} unchanged, {result.corrected} corrected, {result.refused} refused"
            )


def pull(source: str) -> str:
    """Ask the endpoint of a declared source once; return what it brought."""
    declared, rules = _declared(source)
    with connect() as conn:
        return str(
            pulling.pull(conn, declared, now=clock.now(), rules=rules, client=fetch.client())
        )


def pull_watch(source: str, *, port: int, silent_seconds: float) -> Iterator[str]:
    """Ask the endpoint of a declared source at its interval until interrupted; say what came.

    Metrics and liveness are served on ``port`` of loopback (0: a free one).
    """
    declared, rules = _declared(source)
    stop = Event()
    client = fetch.client(wait=stop.wait)
    every = pulling.interval(declared)
    watch = PullWatch(declared, every=every, now=time.time())
    port, server = watching.serve(watch, port=port, silent_seconds=silent_seconds)
    url = f"http://127.0.0.1:{port}"
    yield f"pulling {source} every {every:.0f} s; metrics at {url}/metrics"
    with consumer.known(settings().home_folder(), source, url, folder=consumer.PULLS):
        for found in pulling.watch(
            declared,
            connect=connect,
            now=clock.now,
            rules=rules,
            client=client,
            stop=stop,
            told=watch.told,
        ):
            watch.failed.inc(isinstance(found, Fault))
            yield str(found)
    server.shutdown()


def annotate(given: Note | Path) -> notes.Noted:
    """Keep what people know: one note, or a spreadsheet of many; the prepared database follows."""
    rules = params.load(paths.project_root() / paths.MARKER).clean
    with connect() as conn:
        if isinstance(given, Path):
            return notes.annotate_file(conn, given, now=clock.now(), rules=rules)
        return notes.annotate_one(conn, given, now=clock.now(), rules=rules)


def replay_letters(which: letters.Which) -> letters.Replayed:
    """Read refused messages again by the declarations as they are now."""
    root = paths.project_root()
    rules = params.load(root / paths.MARKER).clean
    with connect() as conn:
        sources = load_sources(root / "sources.yaml").values()
        return letters.replay(conn, sources, which, rules=rules)


def _declared(source: str) -> tuple[Source, Rules]:
    root = paths.project_root()
    found = find_source(load_sources(root / "sources.yaml"), source)
    return found, params.load(root / paths.MARKER).clean


def forecast(*, source: str | None = None) -> str:
    """Issue and store the live forecasts that are not up to date; return what was done.

    ``source`` limits it to that source's targets. Raises NoChampion before the first promotion,
    NotFound for a source without targets, and the faults of ``predict.forecast``.
    """
    with connect() as conn:
        return _issue(conn, source)


def watch(*, source: str | None, told: Callable[[str], None]) -> None:
    """Issue live forecasts of what something new is known of, at once, until interrupted.

    One process of a database does so; further ones wait and take over. Raises ConfigFault for a
    source without targets.
    """
    stop = Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    with contextlib.suppress(KeyboardInterrupt):
        issuer_process.run(stop, only=source, told=told)


def _issue(conn: Connection, source: str | None) -> str:
    model = _champion(conn)
    told = vintages.compute(conn, model, _targets(conn, model, source))
    made = [one.vintage for one in told.values() if one.origin == "computed"]
    lines = [
        f"{v.unique_id}: {len(v.rows)} steps of {v.freq} after {v.cutoff:%Y-%m-%d %H:%M}Z"
        + (f" ({v.degraded})" if v.degraded else "")
        for v in made
    ]
    said = f"{len(made)} forecasts issued by model {model.version[:12]}"
    if len(told) > len(made):
        said += f", {len(told) - len(made)} already from all that is known"
    return "\n".join([said, *lines])


def _targets(conn: Connection, model: champion.Champion, source: str | None) -> list[str]:
    served = predict.served(model)
    if source is None:
        return served
    known = series.read(conn)
    own = sorted(set(served) & set(known.loc[known["source"] == source, "unique_id"]))
    if not own:
        raise NotFound("source", source, "one with targets of the champion", f"it serves {served}")
    return own


def _champion(conn: Connection) -> champion.Champion:
    promotion = promotions.current_promotion(conn)
    if promotion is None:
        raise NoChampion("promotion", None, "a promoted model", "publish one: horizonte publish")
    return published.obtain(promotion.sha256)
