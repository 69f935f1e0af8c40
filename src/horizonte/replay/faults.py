"""Faults that devices, networks and people make, on request and seeded: what happened is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from horizonte.errors import ConfigFault

# Each name with the share of readings (garbage, duplicates, late, out_of_order) or of the time of
# every series (the others: one stretch of it) that it strikes.
Faults = Mapping[str, float]
Frame = pd.DataFrame
LATE_STEPS = 24
UNIT_FACTOR = 1000.0
GARBAGE = (
    b"",
    b"NaN",
    b"1e400",
    b"null",
    b"ERR 17",
    b"\xff\xfe\x00\x01",
    b"[[[[1]]]]",
    b'{"value": "many", "ts": "yesterday"}',
    b'{"value": true, "ts": "2099-01-01T00:00:00Z"}',
    b'{"value": 1, "ts": "0001-01-01T00:00:00Z"}',
)


def duplicates(rows: Frame, share: float, random: np.random.Generator, _: pd.Timedelta) -> Frame:
    """Send a share of the messages twice, the second one a moment later, byte for byte equal."""
    again = rows[random.random(len(rows)) < share].copy()
    again["due"] += pd.Timedelta(1, "ns")
    return pd.concat([rows, again], ignore_index=True)


def late(rows: Frame, share: float, random: np.random.Generator, step: pd.Timedelta) -> Frame:
    """Hold a share of the messages back by 1 to 24 steps; they keep their times."""
    struck = random.random(len(rows)) < share
    delay = pd.to_timedelta(random.integers(1, LATE_STEPS + 1, len(rows)) * step.value, unit="ns")
    return rows.assign(due=rows["due"] + delay.where(struck, pd.Timedelta(0)))


def out_of_order(
    rows: Frame, share: float, random: np.random.Generator, step: pd.Timedelta
) -> Frame:
    """Send a share of the messages just after their successor of the same series."""
    struck = random.random(len(rows)) < share
    delay = np.where(struck, int(step.value * 1.01), 0)
    return rows.assign(due=rows["due"] + pd.to_timedelta(delay, unit="ns"))


def gaps(rows: Frame, share: float, random: np.random.Generator, _: pd.Timedelta) -> Frame:
    """Never send one stretch of every series; its sequence numbers are missing, too."""
    return rows[~_stretches(rows, share, random)].reset_index(drop=True)


def stuck(rows: Frame, share: float, random: np.random.Generator, _: pd.Timedelta) -> Frame:
    """Repeat the value at the beginning of one stretch of every series throughout it."""
    inside = _stretches(rows, share, random)
    held = rows["y"].where(inside).groupby(rows["unique_id"]).transform("first")
    return rows.assign(y=rows["y"].where(~inside, held))


def unit_change(rows: Frame, share: float, random: np.random.Generator, _: pd.Timedelta) -> Frame:
    """Send one stretch of every series in a unit a thousand times smaller (MW becomes kW)."""
    inside = _stretches(rows, share, random)
    return rows.assign(y=rows["y"].where(~inside, rows["y"] * UNIT_FACTOR))


def level_shift(rows: Frame, share: float, random: np.random.Generator, _: pd.Timedelta) -> Frame:
    """Add two standard deviations of the series to its last stretch, as a moved sensor does."""
    spread = rows.groupby("unique_id")["y"].transform("std").fillna(1.0)
    inside = _stretches(rows, share, None)
    sign = random.choice([-1.0, 1.0])
    return rows.assign(y=rows["y"].where(~inside, rows["y"] + sign * 2.0 * spread))


def clock_skew(rows: Frame, share: float, random: np.random.Generator, step: pd.Timedelta) -> Frame:
    """Stamp one stretch of every series ten steps into the future, sent when it was due."""
    inside = _stretches(rows, share, random)
    return rows.assign(ds=rows["ds"].where(~inside, rows["ds"] + 10 * step))


def garbage(rows: Frame, share: float, random: np.random.Generator, _: pd.Timedelta) -> Frame:
    """Send, besides, messages that are no readings: one per struck reading, on its topic."""
    bad = rows[random.random(len(rows)) < share].copy()
    picks = random.integers(0, len(GARBAGE), len(bad))
    bad["raw"] = pd.Series([GARBAGE[pick] for pick in picks], index=bad.index, dtype=object)
    return pd.concat([rows, bad], ignore_index=True)


Fault = Callable[[Frame, float, np.random.Generator, pd.Timedelta], Frame]
# In the order in which they happen: in the sensor, in its clock, on the way.
KINDS: dict[str, Fault] = {
    fault.__name__: fault
    for fault in (
        stuck,
        unit_change,
        level_shift,
        clock_skew,
        gaps,
        garbage,
        out_of_order,
        late,
        duplicates,
    )
}


def check(faults: Faults) -> None:
    """Raise ConfigFault for a fault that does not exist or a share outside 0 to 1."""
    for name, share in faults.items():
        if name not in KINDS:
            raise ConfigFault("fault", name, f"one of {', '.join(KINDS)}", "name one of these")
        if not 0 <= share <= 1:
            raise ConfigFault(f"fault {name}", share, "a share from 0 to 1", "0.01 is one per cent")


def apply(rows: Frame, faults: Faults, *, step: pd.Timedelta, seed: int) -> Frame:
    """Return the rows after every fault asked for; each draws from a seed of its own.

    So adding one fault leaves what another one strikes as it was, where both keep the rows.
    """
    check(faults)
    for number, (name, fault) in enumerate(KINDS.items()):
        if faults.get(name):
            rows = fault(rows, faults[name], np.random.default_rng([seed, number]), step)
    return rows


def _stretches(rows: Frame, share: float, random: np.random.Generator | None) -> pd.Series:
    """Mark one stretch of ``share`` of every series: anywhere, or its end without ``random``."""
    inside = pd.Series(data=False, index=rows.index)
    for _, found in rows.groupby("unique_id", sort=True):
        length = round(len(found) * share)
        free = len(found) - length
        first = free if random is None else int(random.integers(0, free + 1))
        inside.loc[found.sort_values("ds", kind="stable").index[first : first + length]] = True
    return inside
