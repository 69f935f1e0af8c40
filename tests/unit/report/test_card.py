"""The model card: equal for equal folders, complete to the byte."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from tests.series import declared

from horizonte import params
from horizonte.contracts import SERIES
from horizonte.report import card

ROOT = Path(__file__).parents[3]


def test_card_covers_the_folder(tmp_path: Path) -> None:
    """Every other file is listed with its hash; writing the card twice gives the same bytes."""
    (tmp_path / "PT1H").mkdir()
    (tmp_path / "PT1H/model.json").write_text("{}")
    series = SERIES.check(declared("a/x", covariates=["a/z", "a/b"], source="a"))
    made = card.describe(params.load(ROOT / "params.yaml"), series=series, scores={"a/x": {"m": 1}})
    for _ in range(2):
        card.write(tmp_path, made)
        text = (tmp_path / "card.json").read_text()
    found = json.loads(text)
    assert found["files"] == {"PT1H/model.json": hashlib.sha256(b"{}").hexdigest()}
    assert found["series"][0]["covariates"] == ["a/b", "a/z"]
    assert found["params"]["clean"]["impute_up_to"] == "PT2H"
    assert "lightgbm" in found["libraries"]
