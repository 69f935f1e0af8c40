"""Shapes: how long one that stood out counts."""

from __future__ import annotations

from itertools import pairwise

import pandas as pd
from tests.series import declared
from tests.unit.monitor.made import made, prepared

from horizonte.monitor import shapes
from horizonte.monitor.days import days
from horizonte.monitor.watched import Watched, watch


def test_a_passage_counts_until_the_next_length_meets_it() -> None:
    """Short shapes count for a week, longer ones until the next length begins where they began."""
    assert shapes.hold(6) == shapes.hold(20) == shapes.HOLD
    assert [shapes.hold(n) for n in (36, 48, 64, 90)] == [12, 16, 26, 36]
    assert max(map(shapes.hold, shapes.STEPS)) == shapes.LONGEST


def test_a_level_that_stays_shifted_stands_out_once() -> None:
    """Looked at twice a week for two months, a small shift does not come and go."""
    y = made(900, memory=0.95)
    y = y + 3.0 * (y.index >= y.index[0] + pd.Timedelta(days=790))
    seen = days(prepared(y), declared("a").iloc[0].to_dict(), now=y.index[-1])
    assert seen is not None
    told = [_stands_out(watch(seen.until(rows), rate=0.5)) for rows in range(794, 856, 3)]
    assert not told[0]
    assert sum(after and not before for before, after in pairwise(told)) == 1
    assert told[-1]


def _stands_out(watched: Watched | None) -> bool:
    return watched is not None and watched.level.alarm(0.2) is not None
