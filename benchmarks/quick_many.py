"""The quick forecast of many series: 400 hourly series of 700 points, 48 steps, time and memory.

Run: python benchmarks/quick_many.py [SERIES]. Promise: 400 series in at most 3 minutes and 4 GiB.
"""

from __future__ import annotations

import resource
import sys
import time

import numpy as np
import pandas as pd

from horizonte import quick

POINTS, HORIZON, BUDGET_SECONDS = 700, 48, 60


def made(count: int) -> pd.DataFrame:
    """Return ``count`` seeded series with a day, a week, a slow walk and noise of their own."""
    rng, t = np.random.default_rng(7), np.arange(POINTS)
    parts = []
    for i in range(count):
        day, week, phase = rng.uniform(2, 20), rng.uniform(0, 8), rng.uniform(0, 6)
        y = (
            100
            + day * np.sin(2 * np.pi * t / 24 + phase)
            + week * np.sin(2 * np.pi * t / 168)
            + rng.normal(0, 0.3, POINTS).cumsum()
            + rng.normal(0, rng.uniform(0.5, 4), POINTS)
        )
        ds = pd.date_range("2025-01-01", periods=POINTS, freq="h")
        parts.append(pd.DataFrame({"unique_id": f"series {i}", "ds": ds, "y": y}))
    return pd.concat(parts, ignore_index=True)


def main() -> None:
    """Measure and print a Markdown table."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    history = made(count)
    began = time.perf_counter()
    found = quick.run(history, horizon=HORIZON, budget_seconds=BUDGET_SECONDS)
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    better = (found.scores["gain"] > 0).mean()
    print(
        "| series | points | seconds | peak GiB | better than the best naive | left out |\n|---|---|---|---|---|---|"
    )
    left_out = ", ".join(found.trained.skipped[found.freq]) or "nothing"
    print(f"| {count} | {POINTS} | {seconds:.0f} | {peak:.2f} | {better:.0%} | {left_out} |")


if __name__ == "__main__":
    main()
