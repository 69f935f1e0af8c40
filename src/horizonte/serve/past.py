"""Forecasts as of many past instants, read once: the live computation, not a copy of it.

Gate, shadow and replay ask what several models say on the same inputs. The revisions of a stretch
are read once, then told as of each instant, so that models differ in nothing that they were given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import pandas as pd

from horizonte import freq
from horizonte.model.forecaster import Forecaster
from horizonte.params import Rules
from horizonte.prepare.asof import as_of as known_at
from horizonte.prepare.comparable import in_force
from horizonte.prepare.windows import Windows
from horizonte.serve import inputs, predict
from horizonte.serve.champion import Champion
from horizonte.serve.inputs import Group, Inputs, Knowledge, Reach
from horizonte.store import annotations as notes
from horizonte.store import observations
from horizonte.store.connection import Connection
from horizonte.store.pins import Pin

CELLS = 4_000_000  # of one batch of histories, whatever the number of instants


class Ask(NamedTuple):
    """What is asked of a model: its forecast, or another answer from the same view."""

    champion: Champion
    answer: Callable[[Forecaster, Windows], pd.DataFrame] = Forecaster.answer


@dataclass(frozen=True)
class Past:
    """All that became known of a group over a stretch of instants."""

    group: Group
    revisions: pd.DataFrame  # REVISION
    annotations: pd.DataFrame  # ANNOTATION, with those that were withdrawn

    def at(self, instant: pd.Timestamp, *, rules: Rules, reach: Forecaster | Reach) -> Inputs:
        """Return what a forecast as of ``instant`` reads, equal to what ``inputs.read`` gives."""
        group = replace(self.group, at=Knowledge(instant, 0))
        start = inputs.since(group, rules=rules, forecaster=reach)
        rows = known_at(self.revisions[self.revisions["ds"] >= start], instant)
        noted = in_force(self.annotations, instant).reset_index(drop=True)
        return inputs.made(rows, noted, group, rules=rules, forecaster=reach)

    def forecasts(
        self, asked: Sequence[Ask], instants: Sequence[pd.Timestamp]
    ) -> list[pd.DataFrame]:
        """Return per ask what is said, with ``cutoff`` and ``as_of``, of every target at every instant.

        A champion says the same bits as in one live forecast after the other. It must know the
        group's freq; what it says of a target that it does not know is of no use.
        """
        said: list[list[pd.DataFrame]] = [[] for _ in asked]
        for batch in self._batches(asked, instants):
            views: dict[tuple[str, str, int], tuple[Windows, pd.Series]] = {}
            for parts, ask in zip(said, asked, strict=True):
                forecaster = ask.champion.forecasters[freq.iso(self.group.step)]
                rules = ask.champion.rules
                key = (rules.model_dump_json(), forecaster.tail, forecaster.horizon)
                if key not in views:
                    made = [self.at(one, rules=rules, reach=forecaster) for one in batch]
                    views[key] = _view(forecaster, made), _ends(made, batch)
                view, ends = views[key]
                rows = ask.answer(forecaster, view)
                parts.append(rows.assign(as_of=_asked(rows, ends)))
        return [pd.concat(parts, ignore_index=True) for parts in said]

    def actuals(self, *, rules: Rules, since: pd.Timestamp) -> pd.DataFrame:
        """Return (unique_id, ds, y) that came from ``since`` on and is trusted.

        No imputed value, no annotated stretch, nothing that a former sensor read.
        """
        end = self.group.at.as_of
        prepared = self.at(end, rules=rules, reach=Reach(freq.written(end - since), 1)).prepared
        good = prepared[(prepared["quality"] == "ok") & prepared["y"].notna()]
        return good[["unique_id", "ds", "y"]]

    def _batches(
        self, asked: Sequence[Ask], instants: Sequence[pd.Timestamp]
    ) -> Iterator[Sequence[pd.Timestamp]]:
        """Yield instants that are answered together: so many that their histories fit into memory.

        Two instants within one step may share a cutoff, and histories are told apart by it.
        """
        iso = freq.iso(self.group.step)
        steps = max(pd.Timedelta(a.champion.forecasters[iso].tail) for a in asked) / self.group.step
        gaps = pd.Series(instants).diff().dropna()
        apart = gaps.empty or gaps.min() >= self.group.step
        size = max(1, int(CELLS // (steps * len(self.group.ids)))) if apart else 1
        for first in range(0, len(instants), size):
            yield instants[first : first + size]


def groups(
    conn: Connection, names: Sequence[str], *, as_of: pd.Timestamp | None = None
) -> list[Group]:
    """Return ``names`` as groups, each known until its source's clock, or ``as_of`` where earlier.

    A target whose source has brought nothing is in none.
    """
    if not names:
        return []
    series = predict.series_of(conn, names)
    known = {
        source: state if as_of is None else replace(state, as_of=min(state.as_of, as_of))
        for source, state in inputs.knowledge(conn, set(series["source"])).items()
    }
    owned = series.set_index("unique_id")["source"]
    return inputs.groups(series, [n for n in names if owned[n] in known], known)


def read(
    conn: Connection,
    group: Group,
    champions: Sequence[Champion],
    *,
    first: pd.Timestamp,
) -> Past:
    """Return the past of ``group`` that ``champions`` read for forecasts from ``first`` to its ``at``."""
    iso = freq.iso(group.step)
    early = replace(group, at=Knowledge(first, 0))
    start = min(
        inputs.since(early, rules=c.rules, forecaster=c.forecasters[iso]) for c in champions
    )
    return Past(
        group,
        observations.revisions(conn, Pin(group.at.as_of), group.ids, start),
        notes.history(conn, group.at.as_of, group.ids),
    )


def _view(forecaster: Forecaster, made: Sequence[Inputs]) -> Windows:
    futures = [_stacked(one.known, one) for one in made if one.known is not None]
    return forecaster.view(
        pd.concat([_stacked(one.history, one) for one in made], ignore_index=True),
        horizon=forecaster.horizon,
        known_future=pd.concat(futures, ignore_index=True) if futures else None,
    )


def _stacked(frame: pd.DataFrame, made: Inputs) -> pd.DataFrame:
    return frame.assign(cutoff=pd.to_datetime(frame["unique_id"].map(made.cutoffs), utc=True))


def _ends(made: Sequence[Inputs], instants: Sequence[pd.Timestamp]) -> pd.Series:
    found = {
        (name, cutoff): instant
        for one, instant in zip(made, instants, strict=True)
        for name, cutoff in one.cutoffs.items()
    }
    return pd.Series(found)


def _asked(rows: pd.DataFrame, ends: pd.Series) -> pd.Series:
    """Return the instant that each of ``rows`` (unique_id, cutoff) was asked at."""
    keys = pd.MultiIndex.from_frame(rows[["unique_id", "cutoff"]])
    return pd.Series(ends.reindex(keys).to_numpy(), index=rows.index)
