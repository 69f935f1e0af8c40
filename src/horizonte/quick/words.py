"""What the quick forecast found, in plain sentences."""

from __future__ import annotations

import pandas as pd

from horizonte.quick.chain import Quick


def sentences(found: Quick, *, refused: int = 0) -> list[str]:
    """Return what a person should know before trusting the numbers, most important first."""
    series = found.forecast["unique_id"].nunique()
    said = [
        f"{series} series forecast {found.horizon} steps of {found.freq} ahead, each from its own last value.",
        *_worth(found),
        "The 80 % band (q10 to q90) is meant to hold 8 of 10 values, the 90 % band (q05 to q95) 9 of 10. "
        "Both come from errors this method made on your own past values that it had not fitted.",
    ]
    if refused:
        said.append(
            f"{refused} cells or rows of the file were refused; the sheet 'Refused' says why."
        )
    for name, why in found.trained.skipped.get(found.freq, {}).items():
        said.append(f"The {name} models were left out to keep the time budget ({why}).")
    return said + found.notes


def _worth(found: Quick) -> list[str]:
    scores = found.scores
    if scores.empty:
        return [
            "The history is too short to test forecasts on its own past: treat the bands as rough."
        ]
    gain = scores["gain"].median()
    if pd.isna(gain):
        return ["On the past, every simple rule was already exact."]
    better, change = int((scores["gain"] > 0).sum()), "smaller" if gain >= 0 else "larger"
    return [
        f"On the past, {better} of {len(scores)} series were forecast better than by the best simple rule "
        f"(yesterday, last week, last value or typical day); the median error is {abs(gain):.0%} {change}."
    ]
