"""What a forecast may look back on: the one way from revisions to prepared rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from horizonte import freq
from horizonte.params import Rules
from horizonte.prepare.cleaner import Cleaner
from horizonte.prepare.comparable import in_force
from horizonte.prepare.grid import Ints, Reals, nanoseconds, phase
from horizonte.prepare.stretch import Cleaned, Observed, joined


@dataclass(frozen=True)
class _Versions:
    """All revisions of one series, ordered by (ds, revision)."""

    unique_id: str
    ds: Ints
    y: Reals
    available_at: Ints
    steady: bool  # whether all stand at the same place within a step

    def first(self, instant: int) -> int | None:
        """Return the first ds that was available at ``instant``, None before any was."""
        seen = self.available_at <= instant
        at = int(seen.argmax()) if len(seen) else 0
        return int(self.ds[at]) if len(seen) and seen[at] else None

    def at(self, instant: int, since: int) -> tuple[Ints, Reals]:
        """Return ds and y from ``since`` on: of each ds the newest row available at ``instant``."""
        start = int(np.searchsorted(self.ds, since))
        rows = start + np.flatnonzero(self.available_at[start:] <= instant)
        ds = self.ds[rows]
        newest = np.ones(len(rows), dtype=bool)
        newest[:-1] = ds[1:] != ds[:-1]
        return ds[newest], self.y[rows[newest]]

    def phase(self, instant: int, step: int) -> int:
        """Return where the grid of what was available at ``instant`` stands within ``step``."""
        rest = self.ds[0] % step
        return int(rest) if self.steady else phase(self.at(instant, int(self.ds[0]))[0], step)


@dataclass(frozen=True)
class Archive:
    """All revisions, from which ``at`` tells what was known at any instant, cleaned.

    Rows that became available after the instant cannot change the answer, nor can annotations
    made or withdrawn after it: as of first, then clean.
    """

    versions: tuple[_Versions, ...]
    series: pd.DataFrame
    rules: Rules
    annotations: pd.DataFrame | None

    @classmethod
    def of(
        cls,
        revisions: pd.DataFrame,
        *,
        series: pd.DataFrame,
        rules: Rules,
        annotations: pd.DataFrame | None = None,
    ) -> Archive:
        """Return the archive of the REVISION rows whose series SERIES declares."""
        kept = revisions[revisions["unique_id"].isin(series["unique_id"])]
        codes, ids = pd.factorize(kept["unique_id"], sort=True)
        ds = nanoseconds(kept["ds"])
        order = np.lexsort((kept["revision"].to_numpy(), ds, codes))
        ends = np.searchsorted(codes[order], np.arange(len(ids) + 1))
        ds, seen = ds[order], nanoseconds(kept["available_at"])[order]
        y = kept["y"].to_numpy(dtype=float)[order]
        steps = {
            u: freq.step(f).value for u, f in zip(series["unique_id"], series["freq"], strict=True)
        }
        versions = []
        for name, (a, b) in zip(ids, pairwise(ends), strict=True):
            rest = ds[a:b] % steps[name]
            steady = bool((rest == rest[0]).all())
            versions.append(_Versions(str(name), ds[a:b], y[a:b], seen[a:b], steady))
        return cls(tuple(versions), series, rules, annotations)

    def at(
        self,
        instant: pd.Timestamp,
        *,
        until: pd.Timestamp | None = None,
        tail: pd.Timedelta | None = None,
    ) -> pd.DataFrame:
        """Return the PREPARED rows as they could be known at ``instant``.

        Grids end at their last row, or at the cell that holds ``until`` (a cutoff) for all that
        are not known ahead. With ``tail`` only the cells later than ``tail`` before ``until``
        (else ``instant``) are returned, equal to those of the whole at a fraction of its cost.
        """
        instant = pd.Timestamp(instant)
        start = None if tail is None else int(((until or instant) - tail).value) + 1
        end = None if until is None else int(until.value)
        cleaners = zip(self.versions, self._cleaners(instant), strict=True)
        parts = (_stretch(own, c, int(instant.value), (start, end)) for own, c in cleaners)
        return joined([part for part in parts if part is not None])

    def noted(self, instant: pd.Timestamp) -> pd.DataFrame | None:
        """Return the annotations that were in force at ``instant``; None where none are known."""
        return None if self.annotations is None else in_force(self.annotations, instant)

    def _cleaners(self, instant: pd.Timestamp) -> Iterator[Cleaner]:
        known = self.noted(instant)
        declared = {str(row.unique_id): row for row in self.series.itertuples(index=False)}
        for own in self.versions:
            meta = declared[own.unique_id]
            yield Cleaner.of(meta, rules=self.rules, annotations=known)


def _stretch(
    own: _Versions, cleaner: Cleaner, instant: int, ends: tuple[int | None, int | None]
) -> Cleaned | None:
    """Return one series from the first of ``ends`` to the second; None when nothing is known."""
    first = own.first(instant)
    if first is None:
        return None
    start, end = ends
    whole = start is None or start <= first
    since = first if whole or start is None else start - cleaner.widths.cells * cleaner.step
    ds, y = own.at(instant, since)
    if end is None or cleaner.known_ahead:
        if not len(ds):
            return None
        end = int(ds[-1])
    one = Observed(cleaner, ds, y, own.phase(instant, cleaner.step))
    return one.clean(first, end) if whole or start is None else one.clean_within(start, end + 1)


def history_as_of(
    revisions: pd.DataFrame,
    *,
    series: pd.DataFrame,
    rules: Rules,
    instant: pd.Timestamp,
    annotations: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return all PREPARED rows as they could be known at ``instant``; see ``Archive`` for many."""
    archive = Archive.of(revisions, series=series, rules=rules, annotations=annotations)
    return archive.at(instant)
