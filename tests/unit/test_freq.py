from __future__ import annotations

import pandas as pd
import pytest

from horizonte import freq
from horizonte.errors import DataFault


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("PT2H", 7_200), ("P7D", 604_800), ("pt37h", 133_200), ("P1DT30M", 88_200), ("P1W", 604_800)],
)
def test_durations_are_read(text: str, seconds: int) -> None:
    """ISO-8601 durations of fixed length give their length, in either case."""
    assert freq.duration(text) == pd.Timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text", ["P1M", "P1Y", "P", "PT", "P1H", "2h", "", "P1DT", "PT1H2H", "-P1D"]
)
def test_other_texts_are_no_durations(text: str) -> None:
    """Months, years and whatever has no fixed length are refused, not approximated."""
    with pytest.raises(DataFault, match="duration"):
        freq.duration(text)


@pytest.mark.parametrize("text", ["PT30M", "P1D", "P2DT1H", "PT37H", "PT10S"])
def test_durations_are_written_short(text: str) -> None:
    """A duration is written in its shortest form, and reads back."""
    span = freq.duration(text)
    assert freq.duration(freq.written(span)) == span
    assert freq.written(span) == {"PT37H": "P1DT13H"}.get(text, text)


@pytest.mark.parametrize("text", ["P1M", "PT0S", "P8D", "month", "-1h"])
def test_a_freq_is_a_fixed_step(text: str) -> None:
    """A month is no freq, nor is what is shorter than a second or longer than a week."""
    with pytest.raises(DataFault, match="fixed step"):
        freq.step(text)
