from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from horizonte import params
from horizonte.errors import ConfigFault

FILE = Path(__file__).parents[2] / "params.yaml"


@pytest.fixture
def content() -> dict[str, Any]:
    return {k: v for k, v in yaml.safe_load(FILE.read_text()).items() if k != params.LOOP}


def test_the_committed_parameters_load() -> None:
    """params.yaml is complete and right; durations are Timedeltas."""
    found = params.load(FILE)
    assert found.features.horizon == pd.Timedelta("48h")
    assert found.features.steps("PT10M") == 288


def test_what_is_written_reads_back_equal() -> None:
    """The JSON form of the parameters, as in a model card, parses to equal parameters."""
    found = params.load(FILE)
    written = found.model_dump(mode="json")
    assert written["clean"]["impute_up_to"] == "PT2H"
    assert params.parse(written) == found


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("clean", "impute_up_to", "2h"),
        ("clean", "impute_up_to", "P1M"),
        ("clean", "flatline_after", "PT0H"),
        ("clean", "spike_mads", -1),
        ("features", "horizon", 48),
        ("features", "test_days", -1),
        ("features", "selection_days", "many"),
        ("train", "families", ["naive", "oracle"]),
        ("train", "families", []),
        ("train", "seed", None),
        ("evaluate", "buckets", ["PT6H", "soon"]),
        ("snapshot", "as_of", "2018-01-01T00:00:00"),
        ("report", "drift_window", None),
    ],
)
def test_wrong_values_are_named(
    content: dict[str, Any], section: str, key: str, value: object
) -> None:
    """A wrong value is refused with its key, itself and what is allowed."""
    content[section][key] = value
    with pytest.raises(ConfigFault) as refused:
        params.parse(content)
    assert refused.value.thing.startswith(f"params.yaml {section}.{key}")
    assert refused.value.value in ([value], value, *(value if isinstance(value, list) else []))
    assert refused.value.allowed
    assert refused.value.fix


def test_unknown_keys_are_refused(content: dict[str, Any]) -> None:
    """A misspelt key is refused with the keys that exist, in a section and at the top."""
    content["clean"]["spike_mad"] = 3
    with pytest.raises(ConfigFault, match=r"clean\.spike_mad: 3 is not a known key.*spike_mads"):
        params.parse(content)
    with pytest.raises(ConfigFault, match=r"trian.*snapshot, clean"):
        params.parse({**content, "clean": params.load(FILE).clean.model_dump(), "trian": {}})


def test_missing_keys_are_refused(content: dict[str, Any]) -> None:
    """A key that is not there is refused with what it means."""
    del content["features"]["tail"]
    with pytest.raises(ConfigFault, match=r"features\.tail.*look back"):
        params.parse(content)


def test_null_switches_rules_off(content: dict[str, Any]) -> None:
    """The flatline and spike rules may be null."""
    content["clean"] |= {"flatline_after": None, "spike_mads": None}
    assert params.parse(content).clean.spike_mads is None


@pytest.mark.parametrize("text", [": :", "- a", ""])
def test_files_that_are_no_parameters_are_refused(tmp_path: Path, text: str) -> None:
    """Broken YAML, a list and an empty file are refused by name, as is an absent file."""
    path = tmp_path / "params.yaml"
    path.write_text(text)
    with pytest.raises(ConfigFault, match=r"params\.yaml"):
        params.load(path)
    with pytest.raises(ConfigFault, match=r"none\.yaml"):
        params.load(tmp_path / "none.yaml")


def test_parameters_cannot_be_changed() -> None:
    """Parameters are frozen: a run cannot drift from what it was given."""
    found = params.load(FILE)
    with pytest.raises(ValueError, match="frozen"):
        found.train.seed = 8  # type: ignore[misc]
