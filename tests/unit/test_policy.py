from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from horizonte import params, policy
from horizonte.errors import ConfigFault

FILE = Path(__file__).parents[2] / "params.yaml"


@pytest.fixture
def content() -> dict[str, Any]:
    return dict(yaml.safe_load(FILE.read_text())[params.LOOP])


def test_the_committed_policy_loads() -> None:
    """Section ``loop`` of params.yaml is complete and right, and no stage's parameters hold it."""
    found = policy.load(FILE)
    assert found.monitor.window == pd.Timedelta("28D")
    assert params.LOOP not in params.load(FILE).model_dump()


def test_what_is_written_reads_back_equal() -> None:
    """The JSON form of a policy, as in the ledger, parses to an equal policy."""
    found = policy.load(FILE)
    assert policy.parse(found.model_dump(mode="json")) == found


@pytest.mark.parametrize(
    ("part", "key", "value"),
    [
        ("monitor", "window", "a month"),
        ("triggers", "coverage", 0.7),
        ("brakes", "min_rows", 0),
        ("gate", "alpha", 0),
        ("retrain", "onto", "anything"),
    ],
)
def test_wrong_values_are_named(
    content: dict[str, Any], part: str, key: str, value: object
) -> None:
    """A wrong value is refused with its key, itself and what is allowed."""
    content[part][key] = value
    with pytest.raises(ConfigFault) as refused:
        policy.parse(content)
    assert f"{part}.{key}" in refused.value.thing
    assert refused.value.value == value


def test_a_file_without_policy_is_refused(tmp_path: Path) -> None:
    """A params.yaml without section ``loop`` is named."""
    path = tmp_path / "params.yaml"
    path.write_text("train: {}\n")
    with pytest.raises(ConfigFault, match="loop"):
        policy.load(path)
