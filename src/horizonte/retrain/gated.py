"""One passage through the gate: contest, ruling, page and ledger row, won or lost."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pandas as pd

from horizonte.policy import Gate
from horizonte.report import gate as page
from horizonte.retrain.contest import Contest, contest, ruling
from horizonte.retrain.publish import GATES
from horizonte.retrain.ruling import Ruling
from horizonte.store import gates
from horizonte.store.connection import Connection

logger = logging.getLogger(__name__)
UNREADABLE = "unreadable"  # stands for the version of a folder that could not be loaded


@dataclass(frozen=True)
class Passage:
    """What the gate said of which bytes, and where that is on record."""

    id: int  # of the ledger row
    champion: str | None
    challenger: str | None
    ruling: Ruling
    page: Path


def gated(
    conn: Connection,
    champion: Path,
    challenger: Path,
    *,
    policy: Gate,
    reports: Path,
    now: datetime,
    run_id: int | None = None,
) -> Passage:
    """Hold ``challenger`` against ``champion``, write page and ledger row, and return what was said.

    ``challenger`` of the answer is the version that was gated: promote those bytes and no others.
    ``reports`` is the folder of the reports, ``now`` names the page. Raises StoreFault when the
    database does not answer.
    """
    found = contest(conn, champion, challenger, policy=policy)
    said = ruling(found, policy=policy)
    old, new = found.champion or UNREADABLE, found.challenger or UNREADABLE
    path = reports / GATES / _page(conn, f"{now:%Y-%m-%d}-{new[:12]}")
    evidence = said.evidence() | _facts(found)
    page.write(path, {"as_of": f"{now:%Y-%m-%d %H:%M} UTC", **_facts(found)}, said.evidence())
    row = gates.add(
        conn, old, new, passed=said.passed, reasons=said.reasons, evidence=evidence,
        page=path.relative_to(reports).as_posix(), run_id=run_id,
    )  # fmt: skip
    logger.info(
        "gate %s: %s %s: %s", row, new[:12], "passed" if said.passed else "refused",
        "; ".join(said.reasons),
    )  # fmt: skip
    return Passage(row, found.champion, found.challenger, said, path)


def _page(conn: Connection, name: str) -> str:
    """Return the file name of a page: of the same challenger on the same day it is counted.

    A gate that was killed before its row leaves a page that the next one writes anew.
    """
    before = gates.pages(conn, f"{GATES}/{name}")
    return f"{name}-{before + 1}.html" if before else f"{name}.html"


def _facts(found: Contest) -> dict[str, str | float | None]:
    unseen, seconds = found.unseen_from, found.seconds
    return {
        "champion": found.champion,
        "challenger": found.challenger,
        "unseen_from": None if unseen is None else _written(unseen),
        "seconds": None if seconds is None else round(seconds, 3),
    }


def _written(instant: pd.Timestamp) -> str:
    return f"{instant:%Y-%m-%d %H:%M} UTC"
