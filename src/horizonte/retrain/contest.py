"""Champion and challenger as of the same past instants, on data that neither was trained on."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from horizonte import freq
from horizonte.contracts import BACKTEST, QUANTILE_COLUMNS
from horizonte.errors import Fault
from horizonte.model import metrics
from horizonte.model.forecaster import Forecaster
from horizonte.policy import Gate
from horizonte.prepare.comparable import held, in_force, misread, replacements
from horizonte.prepare.windows import Windows
from horizonte.retrain import artefact
from horizonte.retrain.daily import CHALLENGER, CHAMPION, NAIVE
from horizonte.retrain.gate import judge
from horizonte.retrain.ruling import Ruling
from horizonte.serve import champion as champions
from horizonte.serve import inputs, past
from horizonte.serve.champion import Champion
from horizonte.serve.inputs import Group, Reach
from horizonte.serve.past import Ask
from horizonte.store.connection import Connection

logger = logging.getLogger(__name__)
DAY = pd.Timedelta(days=1)
_NO_SCALE = pd.DataFrame({"unique_id": pd.Series(dtype=str), "mae": [], "rmse": []})


@dataclass(frozen=True)
class Contest:
    """What both said beside what came, and what is wrong with the challenger as an artefact."""

    champion: str | None  # versions; None for a folder that could not be loaded
    challenger: str | None
    unseen_from: pd.Timestamp | None
    rows: pd.DataFrame  # BACKTEST of champion, challenger and naive, with day and as_of
    scale: pd.DataFrame
    left_out: dict[str, str]  # series → why it does not count
    faults: tuple[str, ...]
    seconds: float | None  # of the challenger's slowest answer


class _Pair(NamedTuple):
    champion: Champion
    challenger: Champion

    def forecasters(self, group: Group) -> list[Forecaster]:
        iso = freq.iso(group.step)
        return [self.champion.forecasters[iso], self.challenger.forecasters[iso]]


class _Told(NamedTuple):
    """What a group brings to the contest."""

    rows: pd.DataFrame
    scale: pd.DataFrame
    left_out: dict[str, str]


def contest(
    conn: Connection,
    champion: Path,
    challenger: Path,
    *,
    as_of: pd.Timestamp | None = None,
    policy: Gate,
) -> Contest:
    """Forecast with both folders, daily, over the last ``policy.days`` that neither was trained on.

    Each source by its own clock, or by ``as_of`` where that is earlier. Both get the inputs that
    a live forecast would have had; a forecast counts when the whole of it can be held against
    what came. Writes nothing. A folder that cannot be loaded, or that does not answer as a
    champion must, is a fault of the contest and no error.
    """
    faults: list[str] = []
    loaded: list[Champion | None] = []
    for who, folder in ((CHAMPION, champion), (CHALLENGER, challenger)):
        try:
            loaded.append(champions.load(folder))
        except Fault as why:
            loaded.append(None)
            faults.append(f"the {who} cannot be loaded: {why}")
    known, new = loaded
    if known is None or new is None:
        old, young = (None if one is None else one.version for one in loaded)
        return Contest(old, young, None, _none(), _NO_SCALE, {}, tuple(faults), None)
    answered = artefact.examine(conn, new, beside=known, seconds=policy.answer_seconds)
    with inputs.one_view(conn):
        return _compare(conn, _Pair(known, new), as_of=as_of, policy=policy, answered=answered)


def ruling(found: Contest, *, policy: Gate) -> Ruling:
    """Return the gate's ruling on a contest: the test, and whatever is wrong with the artefact."""
    said = judge(found.rows, scale=found.scale, policy=policy)
    if found.champion is not None and found.champion == found.challenger:
        return said.refused("the challenger is the champion, byte for byte")
    return said.refused(*found.faults, left_out=found.left_out)


def _compare(
    conn: Connection,
    pair: _Pair,
    *,
    as_of: pd.Timestamp | None,
    policy: Gate,
    answered: artefact.Answered,
) -> Contest:
    unseen, faults = _unseen(pair)
    told: list[_Told] = []
    left_out = dict(answered.left_out)
    if unseen is not None:
        for group in past.groups(conn, answered.compared, as_of=as_of):
            instants = _instants(group, pair, since=unseen, days=policy.days)
            if instants:
                told.append(_told(conn, group, pair, instants))
            else:
                left_out |= dict.fromkeys(group.targets, _too_early(group, unseen))
    for one in told:
        left_out |= one.left_out
    return Contest(
        pair.champion.version,
        pair.challenger.version,
        unseen,
        pd.concat([t.rows for t in told], ignore_index=True) if told else _none(),
        pd.concat([t.scale for t in told], ignore_index=True) if told else _NO_SCALE,
        left_out,
        (*answered.faults, *faults),
        answered.seconds,
    )


def _unseen(pair: _Pair) -> tuple[pd.Timestamp | None, list[str]]:
    """Return from when on neither has seen anything: the later of their pins."""
    pins, faults = [], []
    for who, one in zip((CHAMPION, CHALLENGER), pair, strict=True):
        pin = pd.to_datetime(str(one.card.get("data_as_of")), utc=True, errors="coerce")
        if isinstance(pin, pd.Timestamp):
            pins.append(pin)
        else:
            faults.append(
                f"the {who}'s card.json does not say what it was trained on (data_as_of): "
                "train again: dvc repro"
            )
    return (None if faults else max(pins)), faults


def _instants(group: Group, pair: _Pair, *, since: pd.Timestamp, days: int) -> list[pd.Timestamp]:
    """Return, oldest first, the daily instants whose whole forecast has come, none before ``since``."""
    end = group.at.as_of
    last = end - max(f.horizon for f in pair.forecasters(group)) * group.step
    first, every = max(since, end - days * DAY), max(DAY, group.step)
    if last < first:
        return []
    return [last - every * k for k in range(int((last - first) // every), -1, -1)]


def _told(conn: Connection, group: Group, pair: _Pair, instants: Sequence[pd.Timestamp]) -> _Told:
    """Return BACKTEST rows of both and of the naive, for the targets of one group."""
    seen = past.read(conn, group, list(pair), first=instants[0])
    asked = [Ask(pair.champion), Ask(pair.challenger), Ask(pair.challenger, naive)]
    said = zip((CHAMPION, CHALLENGER, NAIVE), seen.forecasts(asked, instants), strict=True)
    rows = pd.concat([part.assign(model=who) for who, part in said], ignore_index=True)
    rows = rows[rows["unique_id"].isin(group.targets)]
    came = seen.actuals(rules=pair.challenger.rules, since=instants[0] - DAY)
    rows = rows.merge(came, on=["unique_id", "ds"], how="left")
    end = group.at.as_of
    rows["day"] = -(pd.Index(end - rows["as_of"]) // DAY)
    noted = in_force(seen.annotations, end)
    rows["y"] = rows["y"].mask(misread(rows, noted, series=group.series))
    rows = held(rows, replacements(noted))
    reach = Reach(pair.champion.forecasters[freq.iso(group.step)].tail, 1)
    history = seen.at(instants[0], rules=pair.challenger.rules, reach=reach).history
    scale = metrics.scale(history[["unique_id", "ds", "y"]], freq_=freq.iso(group.step))
    gone = {
        str(u): "it did not change before these days, so its losses have no scale"
        for u in scale.loc[scale["mae"].isna(), "unique_id"]
    }
    kept = [*BACKTEST.columns, "day", "as_of"]
    return _Told(rows.loc[~rows["unique_id"].isin(gone), kept], scale, gone)


def naive(forecaster: Forecaster, view: Windows) -> pd.DataFrame:
    """Return what the naive that the training chose for each series says; it has no quantiles."""
    names = np.array([forecaster.selection.naive_of(u) for u in view.unique_id])
    parts = []
    for name in np.unique(names):
        mine = view.take(names == name)
        parts.append(mine.frame(forecaster.members[str(name)].predict(mine)))
    return pd.concat(parts, ignore_index=True).assign(**dict.fromkeys(QUANTILE_COLUMNS, np.nan))


def _too_early(group: Group, unseen: pd.Timestamp) -> str:
    return (
        f"its clock stands at {group.at.as_of:%Y-%m-%d %H:%M} UTC, and the models have seen "
        f"everything until {unseen:%Y-%m-%d %H:%M}"
    )


def _none() -> pd.DataFrame:
    return BACKTEST.empty().assign(
        day=pd.Series(dtype=int), as_of=pd.Series(dtype="datetime64[ns, UTC]")
    )
