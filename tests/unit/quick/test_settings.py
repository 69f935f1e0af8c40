"""Settings of a source that a command names as ``name=value``."""

from __future__ import annotations

import pytest

from horizonte.errors import DataFault
from horizonte.quick.files import settings


def test_values_are_yaml() -> None:
    """Texts, numbers, truth values and lists are told apart; an equals sign may stand in a value."""
    found = settings(["sheet=Plan1", "header_row=3", "day_first=true", "ignore=[a, b]", "id=a=b"])
    assert found["day_first"] is True
    assert found["ignore"] == ["a", "b"]
    assert [found[k] for k in ("sheet", "header_row", "id")] == ["Plan1", 3, "a=b"]


@pytest.mark.parametrize("text", ["sheet", "x=[1"])
def test_what_is_no_setting(text: str) -> None:
    """What has no value, or one that is no YAML, says how it is written."""
    with pytest.raises(DataFault, match="--set"):
        settings([text])
