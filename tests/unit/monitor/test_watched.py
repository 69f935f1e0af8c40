"""What is learnt for a week is what each of its days would learn."""

from __future__ import annotations

import pandas as pd
import pytest
from tests.series import declared
from tests.unit.monitor.made import made, prepared

from horizonte.monitor.days import days
from horizonte.monitor.watched import watch


@pytest.mark.parametrize("freq", ["PT1H", "P1D"])
def test_an_earlier_day_of_the_week_is_seen_as_it_was(freq: str) -> None:
    """Looking back from the end of a week says of each of its days what that day said."""
    y = made(798, freq=freq)
    y[y.index >= y.index[-1].normalize() - pd.Timedelta(days=4)] += 9.0
    meta = declared("a", freq=freq).iloc[0].to_dict()
    seen = days(prepared(y), meta, now=y.index[-1] + pd.Timedelta(freq))
    assert seen is not None
    whole = watch(seen, rate=0.5)
    assert whole is not None
    told = set()
    for rows in range(whole.level.end + 126, len(seen) + 1):
        then = watch(seen.until(rows), rate=0.5)
        assert then is not None
        now = then.told(unit="MW")
        back = whole.until(rows).told(unit="MW")
        assert (now and (now.name, now.since)) == (back and (back.name, back.since))
        told.add(now and now.name)
    assert "level shift" in told
