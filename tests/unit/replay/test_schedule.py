"""When readings are sent, and what faults do to them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from horizonte.errors import ConfigFault
from horizonte.replay import faults, schedule

STEP = pd.Timedelta("1h")
START = pd.Timestamp("2025-03-01T00:00Z")


@pytest.fixture
def readings() -> pd.DataFrame:
    ds = pd.date_range(START, periods=200, freq="h")
    parts = [pd.DataFrame({"unique_id": u, "ds": ds, "y": np.arange(200.0)}) for u in ("a", "b")]
    return pd.concat(parts, ignore_index=True).sample(frac=1, random_state=1)


def plan(readings: pd.DataFrame, *, speed: float = 1, seed: int = 0, **asked: float):
    return schedule.plan(readings, step=STEP, speed=speed, faults=asked, seed=seed)


def test_readings_are_sent_in_order_of_time_on_a_faster_clock(readings: pd.DataFrame) -> None:
    """At 600 times the speed one hour takes six seconds, and sequences count per series."""
    sent = plan(readings, speed=600)
    assert sent["at_seconds"].tolist() == [6.0 * hour for hour in range(200) for _ in "ab"]
    assert sent.groupby("unique_id")["sequence"].apply(list).tolist() == [list(range(1, 201))] * 2


def test_missing_values_are_not_sent(readings: pd.DataFrame) -> None:
    """A reading without a value is no message."""
    readings.iloc[0, readings.columns.get_loc("y")] = np.nan
    assert len(plan(readings)) == 399


@pytest.mark.parametrize("speed", [0, -1, float("nan"), float("inf")])
def test_an_impossible_speed_is_refused(readings: pd.DataFrame, speed: float) -> None:
    """A speed that is not a positive number is a ConfigFault."""
    with pytest.raises(ConfigFault, match="speed"):
        plan(readings, speed=speed)


def test_messages_are_the_rows_of_the_plan(readings: pd.DataFrame) -> None:
    """Each row becomes one message with plain Python values and aware instants."""
    first = next(schedule.messages(plan(readings)))
    assert first == schedule.Message(0.0, "a", START, 0.0, 1, None)


def test_a_window_is_half_open_and_never_empty(readings: pd.DataFrame) -> None:
    """From is included, to is not, and a window beside the recording is refused."""
    kept = schedule.window(readings, start=START + STEP, end=START + 3 * STEP)
    assert sorted(kept["ds"].unique()) == [START + STEP, START + 2 * STEP]
    with pytest.raises(ConfigFault, match="replay"):
        schedule.window(readings, start=START + 1000 * STEP, end=None)


@pytest.mark.parametrize("name", sorted(faults.KINDS))
def test_a_fault_is_seeded(readings: pd.DataFrame, name: str) -> None:
    """Equal seeds give equal plans, the fault changes the plan, and no series is lost."""
    one, two = (plan(readings, seed=3, **{name: 0.1}) for _ in range(2))
    pd.testing.assert_frame_equal(one, two)
    assert not one.equals(plan(readings))
    assert set(one["unique_id"]) == {"a", "b"}


def test_no_share_is_no_fault(readings: pd.DataFrame) -> None:
    """Every fault at share 0 leaves the plan as it was."""
    pd.testing.assert_frame_equal(plan(readings, **dict.fromkeys(faults.KINDS, 0)), plan(readings))


@pytest.mark.parametrize("asked", [{"flood": 0.1}, {"late": 1.5}, {"late": float("nan")}])
def test_an_unknown_fault_or_share_is_refused(
    readings: pd.DataFrame, asked: dict[str, float]
) -> None:
    """A fault that does not exist or a share outside 0 to 1 is a ConfigFault naming it."""
    with pytest.raises(ConfigFault, match=next(iter(asked))):
        plan(readings, **asked)


def test_duplicates_are_equal_and_adjacent(readings: pd.DataFrame) -> None:
    """A duplicate carries the same reading and sequence; nothing is lost."""
    sent = plan(readings, duplicates=0.2)
    again = sent[sent.duplicated(["unique_id", "ds"])]
    assert 40 <= len(again) <= 120
    assert len(sent.drop_duplicates(["unique_id", "ds", "y", "sequence"])) == 400


def test_late_readings_keep_their_time(readings: pd.DataFrame) -> None:
    """A late reading comes 1 to 24 steps later than due, as itself."""
    sent = plan(readings, late=0.2)
    delay = sent["at_seconds"] - (sent["ds"] - START).dt.total_seconds()
    assert set(delay[delay > 0] / 3600) <= set(range(1, 25))
    assert 40 <= (delay > 0).sum() <= 120
    assert len(sent.drop_duplicates(["unique_id", "ds", "y"])) == 400


def test_out_of_order_readings_follow_their_successor(readings: pd.DataFrame) -> None:
    """Within a series some readings are older than one sent before; none is lost."""
    sent = plan(readings, out_of_order=0.1)
    older = sent.groupby("unique_id")["ds"].diff() < pd.Timedelta(0)
    assert 10 <= older.sum() <= 80
    assert len(sent) == 400


def test_a_gap_swallows_sequences(readings: pd.DataFrame) -> None:
    """One stretch of each series is missing, and its sequence numbers with it."""
    sent = plan(readings, gaps=0.1)
    jumps = sent.groupby("unique_id")["sequence"].diff().dropna()
    assert len(sent) == 360
    assert set(jumps) <= {1, 21}


def test_a_stuck_sensor_repeats_itself(readings: pd.DataFrame) -> None:
    """Throughout one stretch of 20 readings a series has one value."""
    sent = plan(readings, stuck=0.1)
    assert (sent.groupby(["unique_id", "y"]).size().groupby("unique_id").max() == 20).all()


def test_a_unit_change_multiplies_a_stretch(readings: pd.DataFrame) -> None:
    """One stretch of 20 readings a series is a thousand times as large."""
    sent = plan(readings, unit_change=0.1)
    true = (sent["ds"] - START) / STEP
    assert ((sent["y"] == true * 1000) & (true > 0)).sum() in range(38, 41)


def test_a_level_shift_lasts_to_the_end(readings: pd.DataFrame) -> None:
    """The last stretch of each series is off by two standard deviations."""
    sent = plan(readings, level_shift=0.1)
    off = (sent["y"] - (sent["ds"] - START) / STEP).abs()
    assert (off > 1).sum() == 40
    assert (sent.loc[off > 1, "ds"] >= START + 180 * STEP).all()


def test_a_skewed_clock_stamps_the_future(readings: pd.DataFrame) -> None:
    """One stretch is stamped ten steps ahead and still sent when it was due."""
    sent = plan(readings, clock_skew=0.1)
    ahead = (sent["ds"] - START).dt.total_seconds() - sent["at_seconds"]
    assert ahead.value_counts().to_dict() == {0.0: 360, 36_000.0: 40}


def test_garbage_comes_besides(readings: pd.DataFrame) -> None:
    """Garbage is sent as raw bytes, and every reading is still there."""
    sent = plan(readings, garbage=0.1)
    bad = sent[sent["raw"].notna()]
    assert 15 <= len(bad) <= 80
    assert set(bad["raw"]) <= set(faults.GARBAGE)
    assert len(sent) - len(bad) == 400


def test_all_faults_together_still_make_a_plan(readings: pd.DataFrame) -> None:
    """Every fault at once gives messages in order of sending, none before the start."""
    sent = plan(readings, **dict.fromkeys(faults.KINDS, 0.05))
    assert sent["at_seconds"].is_monotonic_increasing
    assert sent["at_seconds"].min() >= 0
