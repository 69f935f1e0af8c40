from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from horizonte.contracts import PREPARED
from horizonte.errors import NotFound
from horizonte.params import Rules
from horizonte.prepare.clean import clean
from horizonte.prepare.comparable import comparable

from .conftest import START, Declare, Observe

HOUR = pd.Timedelta("1h")


def quality(prepared: pd.DataFrame) -> list[str]:
    return prepared["quality"].tolist()


def test_the_grid_is_regular_and_says_what_is_missing(
    declare: Declare, observe: Observe, rules: Rules
) -> None:
    """Every cell from the first row to the last is there, short gaps filled, long ones empty."""
    rows = observe([1, np.nan, 3, 4, np.nan, np.nan, np.nan, 8])
    found = clean(rows, series=declare("s/x"), rules=rules)
    assert found["ds"].tolist() == [START + HOUR * i for i in range(8)]
    assert quality(found) == ["ok", "imputed", "ok", "ok", "missing", "missing", "missing", "ok"]
    np.testing.assert_array_equal(found["y"], [1, 2, 3, 4, np.nan, np.nan, np.nan, 8])
    np.testing.assert_array_equal(found["y_raw"], [1, np.nan, 3, 4, np.nan, np.nan, np.nan, 8])


def test_the_result_keeps_its_contract(
    declare: Declare, observe: Observe, rules: Rules, noise: np.ndarray
) -> None:
    """Several series in any order of rows come out as PREPARED, ordered by key."""
    rows = pd.concat([observe(noise, unique_id=u) for u in ("s/b", "s/a")]).sample(
        frac=1, random_state=1
    )
    found = clean(rows, series=declare("s/a", "s/b"), rules=rules)
    pd.testing.assert_frame_equal(PREPARED.check(found), found)
    assert found["unique_id"].is_monotonic_increasing
    np.testing.assert_array_equal(found["y"], np.tile(noise, 2))


@pytest.mark.parametrize(
    ("start", "hours"), [("2024-04-06T13:00:00Z", 25), ("2024-10-05T14:00:00Z", 23)]
)
def test_days_have_as_many_cells_as_hours(
    declare: Declare, rules: Rules, start: str, hours: int
) -> None:
    """A Melbourne day on which clocks change is a grid of 25 or 23 distinct hours."""
    ds = pd.date_range(start, periods=hours, freq="h")
    rows = pd.DataFrame({"unique_id": "s/x", "ds": ds, "y": np.arange(hours, dtype=float)})
    found = clean(rows, series=declare("s/x"), rules=rules)
    assert quality(found) == ["ok"] * hours
    assert len(set(found["ds"].dt.tz_convert("Australia/Melbourne").dt.date)) == 1


def test_every_reason_keeps_the_raw_value(
    declare: Declare, observe: Observe, rules: Rules, noise: np.ndarray
) -> None:
    """A refused value stays in y_raw beside its reason; y is filled in a short gap only."""
    noise[100], noise[200] = 1e6, 800.0
    noise[300:340] = noise[300]
    found = clean(observe(noise), series=declare("s/x", lower=0.0, upper=1e4), rules=rules)
    assert quality(found)[100] == "out_of_range"
    assert quality(found)[200] == "spike"
    assert set(quality(found)[300:340]) == {"flatline"}
    assert found["y_raw"].tolist() == noise.tolist()
    assert found["y"][100] == pytest.approx((noise[99] + noise[101]) / 2)
    assert found["y"][300:340].isna().all()
    assert (found["quality"] == "ok").sum() == len(noise) - 42


def test_annotations_to_ignore_empty_their_cells(
    declare: Declare, observe: Observe, rules: Rules
) -> None:
    """Cells that start in [starts_at, ends_at) of an ignore are never read nor filled."""
    annotations = pd.DataFrame(
        {
            "unique_id": ["s/x", "s/x", "s/y"],
            "starts_at": [START + 2 * HOUR, START + 5 * HOUR, START],
            "ends_at": [START + 3 * HOUR, START + 9 * HOUR, START + 9 * HOUR],
            "kind": ["ignore", "planned_event", "ignore"],
        }
    )
    found = clean(observe(range(8)), series=declare("s/x"), rules=rules, annotations=annotations)
    assert quality(found) == ["ok", "ok", "ignored", "ok", "ok", *["planned_event"] * 3]
    assert np.isnan(found["y"][2])
    assert found["y_raw"][2] == 2


def noted(kind: str, start: int, end: int) -> pd.DataFrame:
    """Return one annotation over cells [start, end)."""
    return pd.DataFrame(
        {
            "unique_id": ["s/x"],
            "starts_at": [START + start * HOUR],
            "ends_at": [START + end * HOUR],
            "kind": [kind],
        }
    )


def test_a_planned_event_is_true_and_judges_nobody(
    declare: Declare, observe: Observe, rules: Rules, noise: np.ndarray
) -> None:
    """Its values stay, unusual as they are, except beyond the limits; nothing is filled in it."""
    noise[300:303], noise[305], noise[308] = 900.0, np.nan, 1e6
    plain = {"series": declare("s/x", upper=1e4), "rules": rules}
    assert "spike" in quality(clean(observe(noise), **plain))
    found = clean(observe(noise), annotations=noted("planned_event", 298, 310), **plain)
    event = quality(found)[298:310]
    assert event == [*["planned_event"] * 7, "missing", *["planned_event"] * 2, "out_of_range",
                     "planned_event"]  # fmt: skip
    assert found["y"][300:303].tolist() == [900.0] * 3
    assert found["y"][[305, 308]].isna().all()
    assert set(quality(found)[:298] + quality(found)[310:]) == {"ok"}


def test_rules_start_anew_with_another_sensor(
    declare: Declare, observe: Observe, rules: Rules, noise: np.ndarray
) -> None:
    """Neither a run of equal values nor a filled gap reaches across a replacement."""
    noise[300:340], noise[500] = noise[300], np.nan
    plain = {"series": declare("s/x"), "rules": rules}
    assert set(quality(clean(observe(noise), **plain))[300:340]) == {"flatline"}
    notes = pd.concat([noted("sensor_replaced", c, c + 1) for c in (304, 308, 312, 501)])
    found = clean(observe(noise), annotations=notes, **plain)
    assert set(quality(found)[300:312]) == {"ok"}
    assert set(quality(found)[312:340]) == {"flatline"}
    assert quality(found)[500] == "missing"


def test_each_sensor_is_cleaned_as_if_it_were_alone(
    declare: Declare, observe: Observe, rules: Rules, noise: np.ndarray
) -> None:
    """The rows on either side of a replacement are what cleaning them alone gives."""
    noise[480:] = 5 * noise[480:] + 400
    plain = {"series": declare("s/x"), "rules": rules}
    rows = observe(noise)
    whole = clean(rows, annotations=noted("sensor_replaced", 480, 481), **plain)
    parts = [clean(part, **plain) for part in (rows[:480], rows[480:])]
    pd.testing.assert_frame_equal(whole, pd.concat(parts, ignore_index=True))


def test_without_annotations_nothing_changes(
    declare: Declare, observe: Observe, rules: Rules, noise: np.ndarray
) -> None:
    """No annotations, and those of another series, give the frame that none at all gives."""
    noise[100], noise[300:340], noise[500:502] = 800.0, 7.0, np.nan
    plain = {"series": declare("s/x"), "rules": rules}
    bare = clean(observe(noise), **plain)
    others = noted("sensor_replaced", 200, 201).assign(unique_id="s/y")
    for notes in (others, others.iloc[:0]):
        pd.testing.assert_frame_equal(clean(observe(noise), annotations=notes, **plain), bare)
        assert comparable(bare, notes) is bare
    assert comparable(bare, None) is bare


def test_until_ends_what_is_not_known_ahead(
    declare: Declare, observe: Observe, rules: Rules
) -> None:
    """A silent series reaches ``until`` with missing cells; one known ahead keeps its future."""
    rows = pd.concat([observe(range(4), unique_id="s/x"), observe(range(9), unique_id="s/k")])
    series = pd.concat([declare("s/x"), declare("s/k", known_ahead_hours=24.0)])
    found = clean(rows, series=series, rules=rules, until=START + 6.5 * HOUR)
    ends = found.groupby("unique_id")["ds"].max()
    assert ends.to_dict() == {"s/x": START + 6 * HOUR, "s/k": START + 8 * HOUR}
    assert quality(found)[-3:] == ["missing"] * 3
    assert (
        clean(rows, series=series, rules=rules, until=START - HOUR)["unique_id"].tolist()
        == ["s/k"] * 9
    )


def test_what_is_known_ahead_is_not_judged(
    declare: Declare, observe: Observe, rules: Rules
) -> None:
    """A holiday flag that is zero for months and one for a day is neither flat nor a spike."""
    flag = np.zeros(960)
    flag[500] = 1
    found = clean(observe(flag), series=declare("s/x", known_ahead_hours=24.0), rules=rules)
    assert set(quality(found)) == {"ok"}


def test_directions_are_not_spikes(
    declare: Declare, observe: Observe, rules: Rules, noise: np.ndarray
) -> None:
    """A vane near north may read 359 and then 1."""
    vane = np.mod(noise - 100, 360)
    rows = observe(vane)
    vanes = declare("s/x", unit="deg", lower=0.0, upper=360.0)
    assert set(quality(clean(rows, series=vanes, rules=rules))) == {"ok"}


def test_null_rules_trust_every_value(
    declare: Declare, observe: Observe, rules: Rules, noise: np.ndarray
) -> None:
    """With flatline_after and spike_mads null only limits are judged."""
    noise[100], noise[300:] = 800.0, 5.0
    trusting = rules.model_copy(update={"flatline_after": None, "spike_mads": None})
    found = clean(observe(noise), series=declare("s/x"), rules=trusting)
    assert set(quality(found)) == {"ok"}


def test_rows_off_the_grid_fall_to_their_cell(declare: Declare, rules: Rules) -> None:
    """The grid stands where most rows do; of several rows in one cell the last counts."""
    ds = [START + HOUR * h for h in (0.25, 1.25, 2.25, 2.75, 3.25)]
    rows = pd.DataFrame({"unique_id": "s/x", "ds": ds, "y": [1.0, 2, 3, 4, 5]})
    found = clean(rows, series=declare("s/x"), rules=rules)
    assert found["ds"].tolist() == [START + HOUR * h for h in (0.25, 1.25, 2.25, 3.25)]
    assert found["y"].tolist() == [1, 2, 4, 5]


def test_no_rows_are_no_grid(declare: Declare, observe: Observe, rules: Rules) -> None:
    """Nothing in, nothing out, in the contract's types."""
    found = clean(observe([]), series=declare("s/x"), rules=rules)
    pd.testing.assert_frame_equal(found, PREPARED.empty())


def test_undeclared_series_are_refused(declare: Declare, observe: Observe, rules: Rules) -> None:
    """A series without a declaration is named with those that have one."""
    with pytest.raises(NotFound, match="s/x"):
        clean(observe([1]), series=declare("s/y"), rules=rules)
