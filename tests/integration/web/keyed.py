"""A service that asks for keys, with two promoted models and a ledger that tells of them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pandas as pd
import pytest
from tests.integration.serve.conftest import write_card
from tests.integration.web.conftest import running

from horizonte import config
from horizonte.contracts import SCORE
from horizonte.embedded.endpoints import S3Settings
from horizonte.retrain.publish import publish
from horizonte.serve import run
from horizonte.store import evaluations, gains, gates, keys, retrainings, verdicts
from horizonte.store.connection import Connection, connect

Trained = Callable[[pd.Timestamp, Sequence[str]], Path]
PIN = pd.Timestamp("2025-02-14", tz="UTC")
MONDAY = pd.Timestamp("2025-03-03", tz="UTC")
WEEK = pd.Timedelta(days=7)
LOST = "c0ffee" + "0" * 58
PASSED = "decade" + "0" * 58  # the gate, in a request that failed then
MISTAKEN = "<b>the boiler</b> is new"


class Keyed(NamedTuple):
    """Where everything is: ``tokens`` by scope, ``champion`` and the one before, ``former``."""

    database: str
    url: str
    tokens: dict[str, str]
    champion: str
    former: str


@pytest.fixture(scope="module")
def keyed(
    loaded: str, bucket: S3Settings, trained: Trained, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Keyed]:
    """The service in a home of its own."""
    folder, model = tmp_path_factory.mktemp("keyed"), trained(PIN, ("naive",))
    given = {"DATABASE": loaded, "S3": bucket.url(), "PORT": "0", "ISSUE": "off", "AUTH": "keys"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (given | {"HOME": str(folder / "home")}).items():
            patch.setenv(f"HORIZONTE_{name}", value)
        config.settings.cache_clear()
        with connect(loaded) as conn:
            tokens = {s: keys.create(conn, [s], note=f"{s} of the test") for s in keys.SCOPES}
            copies = [_copy(model, folder / use, error) for use, error in (("a", 0.7), ("b", 0.6))]
            former, champion = (publish(conn, c, s3=bucket, why=f"made {c.name}") for c in copies)
            fill(conn, champion, former)
        yield Keyed(loaded, run.start(), tokens, champion, former)
        run.stop()
    config.settings.cache_clear()


@pytest.fixture(scope="module")
def web(keyed: Keyed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """The web app before that service, with a key of its own that may read."""
    env = {"DATABASE": keyed.database, "WEB_SERVICE": keyed.url, "MQTT": "mqtt://127.0.0.1:1"}
    env |= {"WEB_KEY": keyed.tokens["read"], "HOME": str(tmp_path_factory.mktemp("home"))}
    given = {f"HORIZONTE_{name}": value for name, value in env.items()}
    with running(tmp_path_factory.mktemp("web"), **given) as client:
        yield client


def _copy(model: Path, target: Path, error: float) -> Path:
    shutil.copytree(model, target)
    score = {"mase": error, "naive_mase": 0.9, "naive": "naive_week", "weights": {"linear": 1.0}}
    write_card(
        target,
        data_as_of=PIN.isoformat(),
        scores={"site/a": score},
        intended_use=f"Forecasts of version {target.name}.",
    )
    return target


def fill(conn: Connection, champion: str, former: str) -> None:
    """Put scores, a verdict, the retraining that it asked for, a lost gate and a gain on record."""
    _score(conn, champion, "site/a", 0, (0.9, 0.8), rows=100)
    _score(conn, champion, "site/a", 0, (0.6, 0.8), rows=100)  # after a correction
    _score(conn, champion, "site/a", 1, (0.3, 0.8), rows=50)
    _score(conn, champion, "site/b", 0, (0.5, 1.0), rows=100)
    _score(conn, former, "site/a", 0, (0.75, 0.8), rows=100)
    number = verdicts.add(
        conn, _verdict(champion), drifts=[_drift()], findings=[_finding(), _turned()]
    )
    run_id = retrainings.request(
        conn, "retrain", why=MISTAKEN, by=f"verdict {number}", verdict_id=number
    )
    reasons = ["1.0 % worse than the champion"]
    series = [
        {"unique_id": "site/a", "days": 28, "champion": 0.5, "challenger": 0.505, "gain": -0.01}
        | {"coverage_80": 0.79}
    ]
    numbers = {"gain": -0.01, "low": -0.03, "high": 0.012, "days": 28, "series": series}
    gate = gates.add(
        conn,
        champion,
        LOST,
        passed=False,
        reasons=reasons,
        evidence=numbers,
        run_id=run_id,
        page="gates/2025-03-17-c0ffee000000.html",
    )
    asked = "The model is to be trained again."
    retrainings.request(conn, "recalibrate", why=asked, by="monitor", verdict_id=number)
    retrainings.record(conn, 2, "pinned", {"as_of": "2025-02-20T00:00:00+00:00", "days": 14})
    better = {"gain": 0.02, "low": 0.01, "high": 0.03, "days": 28}
    gates.add(conn, champion, PASSED, passed=True, reasons=[], evidence=better, run_id=2)
    retrainings.record(conn, 2, "failed", {"why": "no bucket"})
    retrainings.record(conn, run_id, "started", {"again": 0})
    retrainings.record(conn, run_id, "trained", {"challenger": LOST})
    held = {"gate": gate, "passed": False, "reasons": reasons, "page": "/srv/secret/page.html"}
    retrainings.record(conn, run_id, "gated", held)
    retrainings.record(conn, run_id, "refused", {"why": reasons[0]})
    found = {"days": 14, "gain": 0.051, "low": 0.012, "high": 0.09, "said": "helped"}
    gains.add(conn, 2, as_of=MONDAY, found=found, evidence={})


def _score(
    conn: Connection,
    version: str,
    series: str,
    week: int,
    errors: tuple[float, float],
    *,
    rows: int,
) -> None:
    plain: dict[str, Any] = dict.fromkeys(SCORE.columns, 0.5) | {"coverage_80": 0.8, "rows": rows}
    both = zip(("ensemble", "seasonal_naive"), errors, strict=True)
    named = [{"model": m, "mase": e, "unique_id": series, "bucket": "all"} for m, e in both]
    start = MONDAY + week * WEEK
    evaluations.add(
        conn,
        pd.DataFrame([plain | one for one in named]),
        model_version=version,
        starts_at=start,
        ends_at=start + WEEK,
    )


def _turned() -> dict[str, Any]:
    told = {"sentence_en": "site/b reads otherwise.", "sentence_pt": "site/b lê de outro modo."}
    return _finding() | told | {"unique_id": "site/b", "name": "unit change", "size": 1000.0}


def _verdict(champion: str) -> dict[str, Any]:
    skill = {"value": 0.75, "low": 0.62, "high": 0.88}
    window = {"rows": 150, "days": 14, "skill": skill, "coverage_80": None, "coverage_90": None}
    target = {"unique_id": "site/a", "window": window, "reference": 0.5}
    turned = {"unique_id": "site/b", "name": "unit change", "since": MONDAY.isoformat()}
    found = [turned | {"factor": 0.001, "offset": 0.0}]
    return {
        "model_version": champion,
        "as_of": MONDAY + 2 * WEEK,
        "action": "retrain",
        "triggers": ["skill decay: site/a"],
        "brakes": ["annotation: skill decay: site/b"],
        "sentence_en": "The model is to be trained again.",
        "sentence_pt": "O modelo deve ser treinado de novo.",
        "evidence": {
            "targets": [target],
            "serving_days": 14.0,
            "known_days": 44.0,
            "findings": found,
        },
        "policy": {"triggers": {"skill_decay": 0.2}},
        "report": "reports/monitoring/2025-03-17/2/index.html",
    }


def _drift() -> dict[str, Any]:
    names = ("current_start", "current_end", "reference_start", "reference_end", "against")
    empty: dict[str, Any] = dict.fromkeys(names)
    return empty | {
        "unique_id": "site/temperature",
        "kind": "input",
        "status": "drift",
        "reason": "above its threshold",
        "rows_current": 168,
        "rows_reference": 168,
        "distance": 0.91,
        "threshold": 0.42,
        "pairs": 52,
    }


def _finding() -> dict[str, Any]:
    return {
        "unique_id": "site/a",
        "name": "level shift",
        "since": MONDAY,
        "size": 1.4,
        "sentence_en": "The level of site/a has shifted.",
        "sentence_pt": "O nível de site/a mudou.",
        "evidence": {},
    }
