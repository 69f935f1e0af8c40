"""Incremental cleaning equals a full one, whatever comes in whatever order."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from horizonte.params import Rules
from horizonte.prepare.clean import affected, clean, clean_between, reach
from horizonte.prepare.grid import phase

from .conftest import START, declare

RULES = Rules.model_validate(
    {"impute_up_to": "PT3H", "flatline_after": "PT3H", "spike_window": "P4D", "spike_mads": 6.0}
)
SERIES = declare("s/x", lower=0.0)
HOUR, TICK = pd.Timedelta("1h"), pd.Timedelta(1, "us")
SIZE = 2_000

# where it starts, how long it is, and what it holds
batch = st.tuples(
    st.integers(0, SIZE - 1),
    st.integers(1, 400),
    st.sampled_from(["walk", "noise", "stuck", "zero", "coarse", "far", "impossible"]),
    st.integers(0, 2**32 - 1),
)
note = st.tuples(
    st.integers(0, SIZE),
    st.integers(1, 60),
    st.sampled_from(["ignore", "shutdown", "sensor_replaced", "planned_event", "unit_changed"]),
)


def values(kind: str, count: int, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    return {
        "walk": 50 + np.abs(np.cumsum(random.normal(size=count))),
        "noise": random.lognormal(3, 0.3, count),
        "stuck": np.full(count, float(random.integers(1, 60))),
        "zero": np.zeros(count),
        "coarse": np.round(random.lognormal(1, 0.5, count)),
        "far": random.choice([20.0, 20.5, 21.0, 900.0], count, p=[0.4, 0.3, 0.28, 0.02]),
        "impossible": random.normal(0, 5, count),
    }[kind]


def rows_of(y: pd.Series) -> pd.DataFrame:
    return pd.DataFrame({"unique_id": "s/x", "ds": y.index, "y": y.to_numpy()})


def refresh(
    prepared: pd.DataFrame, y: pd.Series, touched: pd.DataFrame, notes: pd.DataFrame
) -> pd.DataFrame:
    """Rebuild of ``prepared`` what ``affected`` names, reading of ``y`` only what it allows."""
    first, last = y.index.min(), y.index.max()
    stands = phase(y.index.as_unit("ns").asi8, HOUR.value)
    if len(prepared) and prepared["ds"].iloc[0].value % HOUR.value != stands:
        prepared = prepared.iloc[:0]  # the grid moved: all of it is made anew
    grid = START.floor("h") + pd.Timedelta(stands, "ns")
    grown = (
        [(first, prepared["ds"].min()), (prepared["ds"].max(), last)]
        if len(prepared)
        else [(first, last)]
    )
    new = pd.DataFrame(grown, columns=["starts_at", "ends_at"]).assign(unique_id="s/x")
    found = affected(pd.concat([touched, new]), rules=RULES, series=SERIES)
    for part in found.itertuples():
        start = max(part.starts_at, first - HOUR + TICK)
        read = y[(y.index >= part.reads_from) & (y.index < part.reads_until)]
        if read.empty:  # nothing tells the grid there: the store too makes all of it anew
            return clean(rows_of(y), series=SERIES, rules=RULES, annotations=notes)
        ranges = pd.DataFrame(
            {
                "unique_id": ["s/x"],
                "starts_at": [start],
                "ends_at": [min(part.ends_at, last + TICK)],
                "grid": [grid],
            }
        )
        made = clean_between(
            rows_of(read), series=SERIES, rules=RULES, ranges=ranges, annotations=notes
        )
        inside = (prepared["ds"] >= start) & (prepared["ds"] < part.ends_at)
        kept = [p for p in (prepared[~inside], made) if len(p)]
        prepared = pd.concat(kept).sort_values("ds", ignore_index=True)
    return prepared


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    batches=st.lists(batch, min_size=1, max_size=7),
    noted=st.lists(note, min_size=1, max_size=4),
    withdrawn=st.integers(0, 4),
    jitter=st.sampled_from([0, 0, 60, 3_599]),
)
@example(  # a note far from all that was read
    batches=[(0, 1, "walk", 0), (1070, 2, "walk", 0)],
    noted=[(535, 1, "ignore")],
    withdrawn=0,
    jitter=0,
)
def test_incremental_equals_full(
    batches: list[tuple[int, int, str, int]],
    noted: list[tuple[int, int, str]],
    withdrawn: int,
    jitter: int,
) -> None:
    """After any batches, late rows, corrections, annotations and withdrawals both are equal.

    Also for a sensor whose times are up to ``jitter`` seconds off, in and out of order.
    """
    y, prepared = pd.Series(dtype=float), pd.DataFrame({"ds": pd.to_datetime([], utc=True)})
    notes = pd.DataFrame(
        [("s/x", START + HOUR * at, START + HOUR * (at + n), kind) for at, n, kind in noted],
        columns=["unique_id", "starts_at", "ends_at", "kind"],
    ).assign(factor=0.001, offset=2.0)
    known = notes.iloc[:0]
    for at, count, kind, seed in batches:
        off = np.random.default_rng(seed).integers(0, jitter + 1, SIZE)[:count].astype("m8[s]")
        whole_hours = np.arange(at, min(at + count, SIZE)).astype("m8[h]")
        ds = START + pd.TimedeltaIndex(whole_hours + off[: len(whole_hours)])
        new = pd.Series(values(kind, len(ds), seed), index=ds)
        y = new.combine_first(y) if len(y) else new
        touched = pd.DataFrame({"unique_id": "s/x", "starts_at": ds, "ends_at": ds + TICK})
        prepared = refresh(prepared, y, touched, known)
    for known in (notes, notes.iloc[withdrawn:]):
        prepared = refresh(prepared, y, notes[["unique_id", "starts_at", "ends_at"]], known)
    whole = clean(rows_of(y), series=SERIES, rules=RULES, annotations=known)
    pd.testing.assert_frame_equal(prepared, whole)


def edge(repeats: int) -> np.ndarray:
    """Return a run of 90 at cells 400 to 489 whose last context cells hold ``repeats`` repeats."""
    y = np.random.default_rng(1).normal(100, 1, 900)
    y[400:490] = 55.0
    for cell in range(587, 587 - 2 * repeats, -2):
        y[cell] = y[cell - 1]
    y[300:399], y[491:530] = 77.0, 33.0
    return y


def test_a_far_correction_is_followed_to_the_end() -> None:
    """A correction at the far edge of a run's context decides on cells 180 away, and both agree."""
    quality = []
    for repeats in range(28):
        y = pd.Series(edge(repeats), index=START + HOUR * np.arange(900))
        quality.append(clean(rows_of(y), series=SERIES, rules=RULES)["quality"][400])
    repeats = quality.index("ok")
    assert repeats > 0, "the run is stuck with few repeats beside it, natural with many"
    y = pd.Series(edge(repeats), index=START + HOUR * np.arange(900))
    before = clean(rows_of(y), series=SERIES, rules=RULES)
    at = y.index[587]
    y[at] += 1
    touched = pd.DataFrame({"unique_id": ["s/x"], "starts_at": [at], "ends_at": [at + TICK]})
    whole = clean(rows_of(y), series=SERIES, rules=RULES)
    assert (before["quality"] != whole["quality"]).to_numpy().nonzero()[0].min() == 400
    found = refresh(before, y, touched, pd.DataFrame(columns=["unique_id", "kind"]))
    pd.testing.assert_frame_equal(found, whole)


def test_touched_rows_near_each_other_are_one_stretch() -> None:
    """Stretches that overlap are merged, those apart are not, and reads are wider by the reach."""
    width = reach(RULES, "PT1H")
    ds = [START, START + HOUR, START + 5 * width]
    found = affected(pd.DataFrame({"unique_id": "s/x", "ds": ds}), rules=RULES, series=SERIES)
    assert found["starts_at"].tolist() == [START - width, START + 4 * width]
    assert found["ends_at"].tolist() == [START + HOUR + TICK + width, START + 6 * width + TICK]
    assert (found["starts_at"] - found["reads_from"] == width).all()
    assert (found["reads_until"] - found["ends_at"] == width).all()


def test_nothing_touched_is_nothing_affected() -> None:
    """No touched row asks for no work."""
    nothing = pd.DataFrame({"unique_id": [], "ds": pd.to_datetime([], utc=True)})
    assert affected(nothing, rules=RULES, series=SERIES).empty


@pytest.mark.parametrize("freq", ["PT10M", "PT30M", "PT1H", "P1D"])
def test_reach_covers_the_declared_windows(freq: str, rules: Rules) -> None:
    """The reach is no narrower than any rule's window, on any grid."""
    width = reach(rules, freq)
    assert width >= rules.spike_window + rules.impute_up_to
    assert width % pd.Timedelta(freq) == pd.Timedelta(0)
