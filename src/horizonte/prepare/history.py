"""What a forecast may look back on: the one way from revisions to prepared rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from horizonte.params import Rules
from horizonte.prepare.cleaner import Cleaner
from horizonte.prepare.grid import Ints, Reals, nanoseconds, phase
from horizonte.prepare.stretch import Observed, joined


@dataclass(frozen=True)
class _Versions:
    """All revisions of one series, ordered by (ds, revision)."""

    unique_id: str
    ds: Ints
    y: Reals
    available_at: Ints

    def visible(self, instant: pd.Timestamp) -> Ints:
        """Return which rows are the newest of their ds that were available at ``instant``."""
        found = np.flatnonzero(self.available_at <= instant.value)
        ds = self.ds[found]
        newest = np.ones(len(found), dtype=bool)
        newest[:-1] = ds[1:] != ds[:-1]
        return found[newest]


@dataclass(frozen=True)
class Archive:
    """All revisions, from which ``at`` tells what was known at any instant, cleaned.

    Rows that became available after the instant cannot change the answer, nor can annotations
    made after it: as of first, then clean.
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
        parts = (slice(a, b) for a, b in pairwise(ends))
        versions = [
            _Versions(str(u), ds[p], y[p], seen[p]) for u, p in zip(ids, parts, strict=True)
        ]
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
        parts = []
        for one in self._observed(instant):
            if not len(one.ds):
                continue
            first, last = int(one.ds[0]), int(one.ds[-1])
            end = last if until is None or one.cleaner.known_ahead else int(until.value)
            if start is None or start <= first:
                parts.append(one.clean(first, end))
            else:
                parts.append(one.clean_within(start, end + 1))
        return joined(parts)

    def _observed(self, instant: pd.Timestamp) -> Iterator[Observed]:
        known = self.annotations
        if known is not None:
            known = known[known["available_at"] <= instant]
        declared = {str(row.unique_id): row for row in self.series.itertuples(index=False)}
        for own in self.versions:
            meta = declared[own.unique_id]
            cleaner = Cleaner.of(meta, rules=self.rules, annotations=known)
            seen = own.visible(instant)
            ds = own.ds[seen]
            yield Observed(cleaner, ds, own.y[seen], phase(ds, cleaner.step))


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
