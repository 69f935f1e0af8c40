"""The gate on a real database: planted challengers through the path that answers requests."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from horizonte.contracts import QUANTILE_COLUMNS
from horizonte.ingest.notes import OPEN
from horizonte.policy import Gate
from horizonte.retrain.contest import contest, ruling
from horizonte.retrain.gated import gated
from horizonte.retrain.ruling import Ruling
from horizonte.serve import champion as champions
from horizonte.serve import folder as model_folder
from horizonte.serve import predict
from horizonte.store import annotations, gates
from horizonte.store.connection import Connection, connect

pytestmark = pytest.mark.slow
PIN = pd.Timestamp("2025-02-14", tz="UTC")  # 23 days before the clock
END = pd.Timestamp("2025-03-09T01:00Z")
POLICY = Gate(days=28, gain=0.01, alpha=0.05, coverage=0.15, answer_seconds=30)
NAMES = ["plant/load", "site/a", "site/b"]
Trained = Callable[[pd.Timestamp, Sequence[str]], Path]


@pytest.fixture
def naive(trained: Trained) -> Path:
    """A champion that is nothing but naives."""
    return trained(PIN, ("naive",))


@pytest.fixture
def linear(trained: Trained) -> Path:
    """A challenger that is much better than the naives."""
    return trained(PIN, ("naive", "linear"))


@pytest.fixture
def altered(tmp_path: Path) -> Callable[..., Path]:
    """Make a copy of a model whose saved forecasters were changed, with a card that agrees."""

    def make(folder: Path, change: Callable[[dict[str, Any]], None], **facts: object) -> Path:
        copy = Path(shutil.copytree(folder, tmp_path / f"{folder.parent.name}-altered"))
        for path in copy.glob("*/forecaster.json"):
            content = json.loads(path.read_text())
            change(content)
            path.write_text(json.dumps(content))
        card = json.loads((copy / model_folder.CARD).read_text()) | facts
        files = [p for p in copy.rglob("*") if p.is_file() and p.name != model_folder.CARD]
        card["files"] = {
            p.relative_to(copy).as_posix(): model_folder.sha256(p.read_bytes()) for p in files
        }
        (copy / model_folder.CARD).write_text(json.dumps(card))
        return copy

    return make


def held(loaded: str, champion: Path, challenger: Path, **policy: Any) -> Ruling:
    chosen = POLICY.model_copy(update=policy)
    with connect(loaded) as conn:
        return ruling(contest(conn, champion, challenger, policy=chosen), policy=chosen)


def test_a_better_model_passes_and_a_worse_one_does_not(
    loaded: str, naive: Path, linear: Path
) -> None:
    """Linear against naive is won on every series, the other way round it is lost."""
    won, lost = held(loaded, naive, linear), held(loaded, linear, naive)
    assert won.passed, won.reasons
    assert [one.unique_id for one in won.series] == NAMES
    assert all(one.gain > 0.05 for one in won.series)
    assert not lost.passed
    assert lost.gain is not None
    assert lost.gain < -0.05


def test_both_say_what_a_request_as_of_then_is_told(
    private: Connection, naive: Path, linear: Path
) -> None:
    """Bit for bit, also where a reading was corrected and a note withdrawn in between."""
    at = pd.Timestamp("2025-02-20T05:00Z")
    note = {
        "unique_id": "site/a", "starts_at": at, "ends_at": at + pd.Timedelta(hours=9),
        "kind": "ignore", "note": "frozen", "withdrawn": False, "available_at": END,
    }  # fmt: skip
    changed = {"ignored": note, "event": {**note, "unique_id": "site/b", "kind": "planned_event"}}
    annotations.add(private, pd.DataFrame(changed.values()))
    private.execute(
        """INSERT INTO observation (unique_id, ds, revision, y, available_at, source,
                                    ingest_batch_id)
           SELECT unique_id, ds, 1, y * 3, ds + interval '6 days', source, ingest_batch_id
           FROM observation WHERE unique_id = 'plant/load' AND ds = '2025-02-20T05:00Z'"""
    )
    found = contest(private, naive, linear, policy=POLICY)
    instants = found.rows["as_of"].unique()
    assert len(instants) == 46
    columns = ["mean", *QUANTILE_COLUMNS]
    for who, folder in (("champion", naive), ("challenger", linear)):
        model, mine = champions.load(folder), found.rows[found.rows["model"] == who]
        for (name, as_of), rows in mine.groupby(["unique_id", "as_of"]):
            (one,) = predict.forecast(
                private, model, unique_ids=[name], as_of=as_of, now=as_of, purpose="replay"
            )
            said = rows.sort_values("ds")
            assert said["cutoff"].unique().tolist() == [one.cutoff]
            assert said[columns].to_numpy().tobytes() == one.rows[columns].to_numpy().tobytes()
    actual = found.rows.set_index(["unique_id", "ds"])["y"]
    inside = slice(at, at + pd.Timedelta(hours=8))
    for name in ("site/a", "site/b"):
        assert actual.sort_index().loc[name].loc[inside].isna().all()
    assert actual.drop(index=["site/a", "site/b"], level=0).notna().all()


def test_what_was_forecast_from_another_unit_is_not_judged(
    private: Connection, naive: Path, linear: Path
) -> None:
    """Until a note says so, forecasts of the series and of those that read it took it for their own."""
    at, known = pd.Timestamp("2025-02-18T06:00Z"), pd.Timestamp("2025-02-21T06:00Z")
    note = {
        "unique_id": "site/temperature", "starts_at": at, "ends_at": OPEN, "note": "",
        "kind": "unit_changed", "factor": 1.0, "offset": 0.0, "withdrawn": False,
        "available_at": known,
    }  # fmt: skip
    annotations.add(private, pd.DataFrame([note]))
    found = contest(private, naive, linear, policy=POLICY)
    reading = ["site/a"]
    rows = found.rows[found.rows["unique_id"].isin(reading)]
    wrong = (rows["cutoff"] >= at) & (rows["cutoff"] < known)
    assert wrong.any()
    assert rows["y"][wrong].isna().all()
    assert rows["y"][~wrong].notna().all()
    assert found.rows["y"][~found.rows["unique_id"].isin(reading)].notna().all()


def test_a_sensor_replaced_in_these_days_is_judged_on_its_successor(
    private: Connection, naive: Path, linear: Path
) -> None:
    """Only forecasts that were made after the replacement are held against what came."""
    at = pd.Timestamp("2025-02-18T06:00Z")
    note = {
        "unique_id": "site/b", "starts_at": at, "ends_at": at + pd.Timedelta(hours=1),
        "kind": "sensor_replaced", "note": "new", "withdrawn": False, "available_at": at,
    }  # fmt: skip
    annotations.add(private, pd.DataFrame([note]))
    found = contest(private, naive, linear, policy=POLICY)
    scored = found.rows[(found.rows["unique_id"] == "site/b") & found.rows["y"].notna()]
    assert scored["cutoff"].min() >= at
    days = {one.unique_id: one.days for one in ruling(found, policy=POLICY).series}
    assert days == {"plant/load": 23, "site/a": 23, "site/b": 19}


def test_only_days_that_neither_has_seen_count(loaded: str, trained: Trained, naive: Path) -> None:
    """A challenger pinned later leaves fewer days, and one pinned at the end leaves none."""
    later = trained(PIN + pd.Timedelta(days=4), ("naive", "linear"))
    assert held(loaded, naive, later).days == 19
    latest = trained(PIN + pd.Timedelta(days=20), ("naive", "linear"))
    said = held(loaded, naive, latest)
    assert not said.passed
    assert (said.days, said.gain) == (0, None)
    assert "pin the challenger earlier" in said.reasons[0]
    assert set(said.left_out) == set(NAMES)


def test_an_equal_model_is_refused_and_the_same_one_by_name(
    loaded: str, linear: Path, altered: Callable[..., Path]
) -> None:
    """No gain is no reason to swap."""
    twin = altered(linear, lambda _: None, intended_use="the same again")
    assert held(loaded, linear, twin).reasons[0].startswith("the gain of 0.0 %")
    assert held(loaded, linear, linear).reasons[0] == (
        "the challenger is the champion, byte for byte"
    )


def test_bands_too_narrow_are_refused(
    loaded: str, naive: Path, linear: Path, altered: Callable[..., Path]
) -> None:
    """Right on average and wrong about how sure it is."""

    def narrow(card: dict[str, Any]) -> None:
        unit = card["calibration"]["unit"]
        card["calibration"]["unit"] = {u: [v * 0.3 for v in own] for u, own in unit.items()}

    said = held(loaded, naive, altered(linear, narrow))
    assert not said.passed
    assert [r for r in said.reasons if r.startswith("the 80 % interval holds")]


def test_worse_than_naive_is_refused_whatever_the_champion(
    loaded: str, linear: Path, altered: Callable[..., Path]
) -> None:
    """A champion that is cut off at a limit is beaten by a challenger that is cut off less."""

    def at_most(limit: float) -> Callable[[dict[str, Any]], None]:
        return lambda card: [row.update(upper=limit) for row in card["series"]] and None

    worse = altered(linear, at_most(60.0))
    better = Path(shutil.copytree(worse, worse.with_name("better")))
    better = altered(better, at_most(70.0))
    said = held(loaded, worse, better)
    assert said.gain is not None
    assert said.gain > 0.05
    assert [r for r in said.reasons if "worse than the best seasonal naive" in r]


def test_a_damaged_folder_is_a_reason_and_no_error(
    loaded: str, naive: Path, linear: Path, tmp_path: Path
) -> None:
    """Of either side; the file is named."""
    broken = Path(shutil.copytree(linear, tmp_path / "broken"))
    path = broken / "PT1H" / "forecaster.json"
    path.write_bytes(path.read_bytes() + b" ")
    for pair in ((naive, broken), (broken, naive), (naive, tmp_path / "nothing")):
        said = held(loaded, *pair)
        assert not said.passed
        assert "cannot be loaded" in said.reasons[0]
    assert "PT1H/forecaster.json" in held(loaded, naive, broken).reasons[0]


def test_a_slow_or_shrunken_challenger_is_refused(
    loaded: str, naive: Path, linear: Path, altered: Callable[..., Path]
) -> None:
    """Too slow an answer, and a series that is not served any more."""
    assert "are allowed" in held(loaded, naive, linear, answer_seconds=1e-6).reasons[0]

    def without(card: dict[str, Any]) -> None:
        card["series"] = [row for row in card["series"] if row["unique_id"] != "site/b"]

    said = held(loaded, naive, altered(linear, without))
    assert said.reasons[0].startswith("it does not know site/b, which the champion serves")
    assert "site/b" not in [one.unique_id for one in said.series]


def test_a_card_without_a_pin_is_refused(
    loaded: str, naive: Path, linear: Path, altered: Callable[..., Path]
) -> None:
    """Nobody can say which days it has not seen."""
    said = held(loaded, naive, altered(linear, lambda _: None, data_as_of=None))
    assert "does not say what it was trained on" in said.reasons[0]
    assert np.isnan(said.gain or np.nan)


@pytest.mark.parametrize("won", [True, False])
def test_won_or_lost_it_is_a_row_and_a_page(
    private: Connection, naive: Path, linear: Path, tmp_path: Path, won: bool
) -> None:
    """Both name the bytes that were gated; the page loads nothing and says every reason."""
    pair = (naive, linear) if won else (linear, naive)
    now = END.to_pydatetime()
    made = gated(private, *pair, policy=POLICY, reports=tmp_path, now=now)
    (row,) = gates.read(private)
    version, _ = model_folder.verified(pair[1])
    assert (row.id, row.passed, row.challenger) == (made.id, won, version)
    assert gates.passed(private, row.champion, version) is won
    assert row.evidence["gain"] == made.ruling.gain
    assert made.page == tmp_path / str(row.page)
    assert made.page.name == f"2025-03-09-{version[:12]}.html"
    text = made.page.read_text()
    for reason in row.reasons:
        assert f"<p>{reason}.</p>" in text
    assert text.count("<svg") == 2
    assert not re.search(r"""(src|href)=["'](?!#)|@import|url\((?!#)""", text)


def test_a_second_passage_of_the_day_leaves_the_first_its_page(
    private: Connection, naive: Path, linear: Path, tmp_path: Path
) -> None:
    """Asked again on the same day, the same challenger has a page beside the one before."""
    given: dict[str, Any] = {"policy": POLICY, "reports": tmp_path, "now": END.to_pydatetime()}
    first = gated(private, naive, linear, **given)
    before = first.page.read_text()
    second = gated(private, linear, linear, **given)
    assert second.page.name == f"{first.page.stem}-2.html"
    assert first.page.read_text() == before
    assert [tmp_path / str(row.page) for row in gates.read(private)] == [second.page, first.page]


def test_a_refusal_without_a_comparison_has_a_page_too(
    private: Connection, naive: Path, tmp_path: Path
) -> None:
    """No figures, the reason, and a name that says that there is no version."""
    made = gated(
        private,
        naive,
        tmp_path / "nothing",
        policy=POLICY,
        reports=tmp_path,
        now=END.to_pydatetime(),
    )
    assert made.page.name == "2025-03-09-unreadable.html"
    assert "cannot be loaded" in made.page.read_text()
    assert gates.read(private)[0].challenger == "unreadable"
