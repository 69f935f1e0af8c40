"""Recalibration on a real database: bands that held too little hold what they say, fits unchanged."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import pytest
from tests.integration.serve.conftest import write_card

from horizonte.policy import Gate
from horizonte.retrain import recalibrate
from horizonte.retrain.contest import contest, ruling
from horizonte.retrain.pinned import Pinned
from horizonte.retrain.refused import Refused
from horizonte.serve import champion
from horizonte.serve import folder as model_folder
from horizonte.store import annotations
from horizonte.store.connection import Connection, connect

pytestmark = pytest.mark.slow
TRAINED = pd.Timestamp("2025-02-10", tz="UTC")
PIN = pd.Timestamp("2025-02-26", tz="UTC")
POLICY = Gate(days=14, gain=0.01, alpha=0.1, coverage=0.12, answer_seconds=30)


def _pinned(at: pd.Timestamp) -> Pinned:
    return Pinned(at.to_pydatetime(), None, "base", "main", 14)


@pytest.fixture
def narrow(trained: Callable[[pd.Timestamp, Sequence[str]], Path], tmp_path: Path) -> Path:
    """A champion whose bands are an eighth as wide as they should be."""
    import shutil

    copy = Path(shutil.copytree(trained(TRAINED, ("naive", "linear")), tmp_path / "narrow"))
    facts = json.loads((copy / model_folder.CARD).read_text())
    for path in copy.glob("*/forecaster.json"):
        content = json.loads(path.read_text())
        offsets = content["calibration"]["offsets"]
        for name, bands in offsets.items():
            offsets[name] = [[value / 8 for value in band] for band in bands]
        path.write_text(json.dumps(content))
    write_card(copy, **{k: v for k, v in facts.items() if k not in ("files", "params")})
    return copy


def test_narrow_bands_are_widened_and_the_gate_lets_them_pass(
    private: Connection, narrow: Path, tmp_path: Path
) -> None:
    """Coverage comes back into its band on later days; nothing but the bands has changed."""
    made = tmp_path / "made"
    recalibrate.make(private, narrow, made, pinned=_pinned(PIN))
    version, card = model_folder.verified(made)
    assert card["recalibrated"]["from"] == model_folder.verified(narrow)[0] != version
    said = ruling(contest(private, narrow, made, policy=POLICY), policy=POLICY)
    assert said.passed, said.reasons
    assert said.coverage_80 is not None
    assert abs(said.coverage_80 - 0.8) <= POLICY.coverage
    assert all(one.champion_coverage_80 < 0.6 for one in said.series)
    changed = {
        p.relative_to(made).as_posix()
        for p in made.rglob("*")
        if p.is_file() and p.read_bytes() != (narrow / p.relative_to(made)).read_bytes()
    }
    assert changed == {"card.json", "PT1H/forecaster.json", "PT30M/forecaster.json"}


def test_a_replaced_sensor_calibrates_nothing_of_its_successor(
    private: Connection, narrow: Path, tmp_path: Path
) -> None:
    """What was forecast before the replacement is not held against what came after it."""
    at = PIN - pd.Timedelta(days=6)
    note = {
        "unique_id": "site/a", "starts_at": at, "ends_at": at + pd.Timedelta(hours=1),
        "kind": "sensor_replaced", "note": "new", "withdrawn": False, "available_at": at,
    }  # fmt: skip
    annotations.add(private, pd.DataFrame([note]))
    model = champion.load(narrow)
    rows = recalibrate.held_against(private, model, "PT1H", since=TRAINED, pin=PIN)
    own = rows[rows["unique_id"] == "site/a"]
    assert len(own)
    assert not ((own["cutoff"] < at) & (own["ds"] >= at)).any()


def test_what_was_forecast_from_another_unit_calibrates_nothing(
    private: Connection, narrow: Path
) -> None:
    """Cutoffs between a change of unit and the note on it are left out, of that series alone."""
    at, known = PIN - pd.Timedelta(days=6), PIN - pd.Timedelta(days=4)
    note = {
        "unique_id": "site/a", "starts_at": at, "ends_at": PIN, "kind": "unit_changed", "note": "",
        "factor": 1.0, "offset": 0.0, "withdrawn": False, "available_at": known,
    }  # fmt: skip
    model = champion.load(narrow)
    before = recalibrate.held_against(private, model, "PT1H", since=TRAINED, pin=PIN)
    annotations.add(private, pd.DataFrame([note]))
    rows = recalibrate.held_against(private, model, "PT1H", since=TRAINED, pin=PIN)
    wrong = (before["unique_id"] == "site/a") & before["cutoff"].between(at, known, "left")
    assert wrong.any()
    pd.testing.assert_frame_equal(
        rows.reset_index(drop=True), before[~wrong].reset_index(drop=True)
    )


def test_too_few_cutoffs_are_refused(loaded: str, narrow: Path, tmp_path: Path) -> None:
    """A champion trained a week ago has said too little to be calibrated on, and the reason says when."""
    with connect(loaded) as conn, pytest.raises(Refused, match="14 cutoffs"):
        recalibrate.make(
            conn, narrow, tmp_path / "made", pinned=_pinned(TRAINED + pd.Timedelta(days=7))
        )


def test_no_day_left_is_refused_as_such(narrow: Path, loaded: str, tmp_path: Path) -> None:
    """Where the days of the gate begin where the training ended, no stretch of one day is named."""
    with (
        connect(loaded) as conn,
        pytest.raises(Refused, match="until 2025-02-10, and there") as why,
    ):
        recalibrate.make(conn, narrow, tmp_path / "made", pinned=_pinned(TRAINED))
    assert "between" not in str(why.value)
