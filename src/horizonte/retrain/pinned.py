"""Which data a retraining sees: all but the newest days, which are kept for the gate."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import pandas as pd

from horizonte.monitor.evidence import Named
from horizonte.pipeline import files
from horizonte.policy import Gate
from horizonte.retrain import told
from horizonte.retrain.refused import Refused
from horizonte.retrain.workspace import git
from horizonte.serve import inputs
from horizonte.store import pins, promotions, series
from horizonte.store.connection import Connection
from horizonte.store.promotions import Promotion

DAY = pd.Timedelta(days=1)


@dataclass(frozen=True)
class Pinned:
    """The pin of a retraining, and the commit and branch that it starts from."""

    as_of: datetime
    recorded: str | None
    base: str
    branch: str
    days: int  # after it, for the gate
    changed: dict[str, str] = field(default_factory=dict)  # since when courses are others, ISO-8601

    def as_json(self) -> dict[str, Any]:
        """Return the pin as the ledger keeps it."""
        return asdict(self) | {"as_of": self.as_of.isoformat()}

    @classmethod
    def of(cls, stored: dict[str, Any]) -> Self:
        """Return what ``as_json`` gave."""
        return cls(**stored | {"as_of": datetime.fromisoformat(stored["as_of"])})


def pin(
    conn: Connection,
    champion: Promotion,
    *,
    root: Path,
    gate: Gate,
    named: Sequence[Named] = (),
) -> Pinned:
    """Return ``told.pin`` by the newest clock of the targets' sources, and what a training is told.

    ``named`` is what happened, by the monitor. Raises Refused where the champion has seen later
    data: too few days would be left on which neither model was trained.
    """
    now, card = newest(conn, files.declared(root)), promotions.card(conn, champion.sha256)
    as_of = told.pin(gate, now=now, named=named, card=card)
    days = (now - as_of) // DAY
    seen = pd.Timestamp(str(card["data_as_of"]))
    if as_of < seen:
        raise Refused(
            f"the champion has seen everything until {seen:%Y-%m-%d %H:%M}Z, and the gate needs "
            f"{days} days after it: ask again when readings reach {seen + days * DAY:%Y-%m-%d}"
        )
    recorded = pins.take(conn, as_of).recorded
    branch = git(root, "rev-parse", "--abbrev-ref", "HEAD")
    return Pinned(
        as_of.to_pydatetime(),
        recorded,
        git(root, "rev-parse", "HEAD"),
        "main" if branch == "HEAD" else branch,
        days,
        {u: at.isoformat() for u, at in told.told(named, card, until=as_of).items()},
    )


def newest(conn: Connection, declared: Iterable[str]) -> pd.Timestamp:
    """Return the newest clock among ``declared`` sources of targets, to the hour; raise Refused for none.

    What clients registered has clocks of its own, and is not trained on.
    """
    known = series.read(conn)
    sources = known.loc[
        (known["role"] == "target") & known["source"].isin(declared), "source"
    ].unique()
    clocks = [k.as_of for k in inputs.knowledge(conn, sources).values()]
    if not clocks:
        raise Refused("no target has a reading yet: load some")
    return max(clocks).floor("h")
