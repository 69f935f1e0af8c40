"""Explanations against a real database: removing what is named does what is told, parts add up."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest

from horizonte.errors import DataFault, ModelFault, NotFound
from horizonte.ingest.notes import OPEN
from horizonte.serve import champion as champions
from horizonte.serve import folder as model_folder
from horizonte.serve import predict, vintages
from horizonte.serve.champion import Champion
from horizonte.serve.explain import explain
from horizonte.serve.schemas_explain import Changed, Explanation
from horizonte.store import annotations, ledger
from horizonte.store.connection import Connection

NOW = datetime(2025, 3, 10, tzinfo=UTC)
DAY, HOUR = pd.Timedelta(days=1), pd.Timedelta(hours=1)
Load = Callable[..., ledger.Counts]


@pytest.fixture(scope="session")
def champion(model: Path) -> Champion:
    """The trained model, loaded."""
    return champions.load(model)


@pytest.fixture
def other(model: Path, tmp_path: Path) -> Callable[[Callable[[Path], None]], Champion]:
    """Make another model version: a copy of the folder, edited."""

    def make(edit: Callable[[Path], None]) -> Champion:
        copy = Path(shutil.copytree(model, tmp_path / "edited"))
        edit(copy)
        card = json.loads((copy / model_folder.CARD).read_text())
        card["files"] = {p: model_folder.sha256((copy / p).read_bytes()) for p in card["files"]}
        (copy / model_folder.CARD).write_text(json.dumps(card, indent=1, sort_keys=True))
        return champions.load(copy)

    return make


def never(version: str) -> Champion:
    raise ModelFault("model version", version, "in the bucket", "publish the model again")


def told(conn: Connection, champion: Champion, name: str, **asked: Any) -> Explanation:
    return explain(conn, champion, name, **({"obtain": never} | asked))


def mean(conn: Connection, champion: Champion, name: str) -> np.ndarray[Any, Any]:
    found = predict.forecast(conn, champion, unique_ids=[name], now=NOW)[0]
    return found.rows["mean"].to_numpy()


def delete(conn: Connection, condition: str) -> None:
    """Remove readings for good, as only an operator can."""
    conn.execute("ALTER TABLE observation DISABLE TRIGGER append_only")
    assert conn.execute(f"DELETE FROM observation WHERE {condition}".encode()).rowcount > 0
    conn.execute("ALTER TABLE observation ENABLE TRIGGER append_only")


def reading(name: str, ds: pd.Timestamp, y: float) -> pd.DataFrame:
    return pd.DataFrame({"unique_id": [name], "ds": [ds], "y": [y]})


def adds_up(found: Explanation) -> Changed:
    """Check that the parts are the whole difference, and that it is what is forecast now."""
    changed = found.changed
    assert changed is not None
    at = [found.ds.index(ds) for ds in changed.ds]
    for column in ("mean", "lo_80", "hi_80"):
        parts = np.sum([getattr(part, column) for part in changed.parts], axis=0)
        total = np.array(getattr(changed.total, column))
        assert np.abs(parts - total).max() <= changed.tolerance * max(found.mean)
    assert np.isfinite(np.array(found.mean)[at] - changed.total.mean).all()
    return changed


def moved(changed: Changed) -> set[str]:
    """Return the parts in which anything, mean or interval, moved at all."""
    return {str(p.name) for p in changed.parts if any(p.mean) or any(p.lo_80) or any(p.hi_80)}


def test_what_is_explained_is_the_forecast(private: Connection, champion: Champion) -> None:
    """Its mean is, to the last bit, what the forecast says; effects and remainder close."""
    for name in ("site/a", "site/b", "plant/load"):
        found = told(private, champion, name)
        assert found.mean == mean(private, champion, name).tolist()
        total = np.sum([d.effect.steps for d in found.drivers], axis=0)
        assert np.allclose(total + found.remainder.steps, found.together.steps, atol=1e-9)
        sizes = [d.effect.size for d in found.drivers]
        assert sizes == sorted(sizes, reverse=True)
        assert found.sentences[0].startswith(f"{name} is forecast to average")
        assert found.changed is None
        assert found.no_change == "no earlier live vintage of this series is on record"
    assert {d.kind for d in found.drivers} == {"last_day", "last_week", "older"}


REMOVED = {
    "site/temperature": "unique_id = 'site/temperature'",
    "site/open": "unique_id = 'site/open'",
    "last_day": "unique_id = 'site/a' AND ds > '{cutoff}'::timestamptz - interval '1 day'",
    "last_week": "unique_id = 'site/a' AND ds > '{cutoff}'::timestamptz - interval '7 days'"
    " AND ds <= '{cutoff}'::timestamptz - interval '1 day'",
    "older": "unique_id = 'site/a' AND ds <= '{cutoff}'::timestamptz - interval '7 days'",
}


@pytest.mark.parametrize("name", REMOVED)
def test_removing_a_driver_does_what_was_told(
    private: Connection, champion: Champion, name: str
) -> None:
    """With the driver's rows deleted, the forecast moves by the effect told, within 5 %."""
    found = told(private, champion, "site/a")
    driver = next(d for d in found.drivers if name in (d.kind, *d.subjects))
    before = mean(private, champion, "site/a")
    delete(private, REMOVED[name].format(cutoff=found.cutoff.isoformat()))
    really = before - mean(private, champion, "site/a")
    assert driver.effect.size > 0
    assert np.abs(really - driver.effect.steps).max() <= 0.05 * driver.effect.size
    assert all(name not in (d.kind, *d.subjects) for d in told(private, champion, "site/a").drivers)


def test_with_everything_removed_the_fit_alone_is_left(
    private: Connection, champion: Champion
) -> None:
    """``together`` is the distance to a forecast from an empty history."""
    found = told(private, champion, "site/a")
    delete(private, "unique_id IN ('site/a', 'site/temperature', 'site/open')")
    left = mean(private, champion, "site/a")
    assert np.allclose(np.array(found.mean) - left, found.together.steps, atol=1e-9)
    degraded = told(private, champion, "site/a")
    assert degraded.drivers == []
    assert "no trusted value in the whole look-back" in " ".join(degraded.sentences)


@pytest.mark.parametrize("factor", [None, 2.0])
def test_a_stale_end_is_compared_with_the_weeks_before(
    private: Connection, champion: Champion, world: Any, load: Load, factor: float | None
) -> None:
    """The effect of staleness is what readings like last week's would really change.

    Also where another ``factor`` was noted in between: last week's readings need none.
    """
    rows = world.until("site", world.end)
    load(private, rows[rows["unique_id"] == "site/a"])
    if factor:
        note = {"starts_at": world.end - 2 * DAY, "ends_at": OPEN, "kind": "unit_changed"}
        note |= {"unique_id": "site/b", "available_at": world.end - 2 * DAY, "note": ""}
        made = {"factor": factor, "offset": 0.0, "withdrawn": False}
        annotations.add(private, pd.DataFrame([note | made]))
    found = told(private, champion, "site/b")
    driver = next(d for d in found.drivers if d.kind == "staleness")
    assert driver.subjects == ["2025-03-09T00:00Z"]
    before, own = mean(private, champion, "site/b"), rows[rows["unique_id"] == "site/b"]
    usual = own[(own["ds"] > world.end - 8 * DAY) & (own["ds"] <= world.end - 7 * DAY)]
    load(private, usual.assign(ds=usual["ds"] + 7 * DAY, y=usual["y"] / (factor or 1.0)))
    really = before - mean(private, champion, "site/b")
    assert np.allclose(really, driver.effect.steps, atol=1e-9)
    assert driver.effect.size > 0


def test_what_people_said_is_a_driver_and_a_change(
    private: Connection, champion: Champion, world: Any
) -> None:
    """An annotation made since is a part by itself; without it the forecast is the old one."""
    vintages.compute(private, champion, ["site/a"])
    before = mean(private, champion, "site/a")
    end = world.end - DAY
    note = {"starts_at": end - 10 * HOUR, "ends_at": end, "kind": "ignore", "note": "a fair"}
    facts = {"unique_id": "site/a", "available_at": end, "withdrawn": False, **note}
    annotations.add(private, pd.DataFrame([facts]))
    found = told(private, champion, "site/a")
    driver = next(d for d in found.drivers if d.kind == "annotations")
    assert driver.subjects == ["site/a: ignore, a fair"]
    assert np.allclose(np.array(found.mean) - before, driver.effect.steps, atol=1e-9)
    changed = adds_up(found)
    assert moved(changed) == {"new_annotations"}
    assert changed.annotations == 1


def test_new_readings_of_all_kinds_add_up(
    private: Connection, champion: Champion, world: Any, load: Load
) -> None:
    """An hour later: actuals and covariates have parts, rows are counted, lead times shrink."""
    vintages.compute(private, champion, ["site/a"])
    end = world.end - DAY
    names = ["site/a", "site/temperature"]
    later = world.readings[world.readings["unique_id"].isin(names)]
    load(private, later[(later["ds"] > end) & (later["ds"] <= end + HOUR)])
    found = told(private, champion, "site/a")
    changed = adds_up(found)
    assert moved(changed) == {"new_actuals", "new_covariates"}
    assert (changed.readings.new, changed.readings.corrected) == (1, 0)
    assert (changed.covariate_rows.new, changed.covariate_rows.ahead) == (1, 0)
    assert pd.Timedelta(changed.cutoff_moved) == HOUR
    assert (len(changed.ds), len(found.ds)) == (11, 12)
    assert "new actuals" in " ".join(found.sentences)


def test_a_correction_is_a_new_actual(
    private: Connection, champion: Champion, world: Any, load: Load
) -> None:
    """Another value for an old instant is told as new actuals only, and counted as corrected."""
    vintages.compute(private, champion, ["plant/load"])
    load(private, reading("plant/load", world.end - 2 * DAY, 190.0))
    changed = adds_up(told(private, champion, "plant/load"))
    assert moved(changed) == {"new_actuals"}
    assert (changed.readings.new, changed.readings.corrected) == (0, 1)
    assert changed.covariate_rows.new == 0


def test_what_is_known_ahead_anew_is_a_covariate_change(
    private: Connection, champion: Champion, world: Any, load: Load
) -> None:
    """Closing days that were announced open moves the covariate part only, counted as ahead."""
    vintages.compute(private, champion, ["site/a"])
    ds = world.end - DAY + HOUR * np.arange(1, 25)
    rows = pd.DataFrame({"unique_id": "site/open", "ds": ds, "y": 1.0})
    load(private, rows)
    changed = adds_up(told(private, champion, "site/a"))
    assert moved(changed) == {"new_covariates"}
    assert changed.covariate_rows.corrected == changed.covariate_rows.ahead > 0


def test_a_new_model_is_a_part_of_its_own(
    private: Connection,
    champion: Champion,
    other: Callable[..., Champion],
) -> None:
    """Other weights of the members, the same calibration: all of the change is the new model's."""

    def heavier(folder: Path) -> None:
        for path in folder.glob("*/linear/weights.npy"):
            np.save(path, np.load(path) * 1.05)

    vintages.compute(private, champion, ["plant/load"])
    new = other(heavier)
    changed = adds_up(told(private, new, "plant/load", obtain=lambda _: champion))
    assert moved(changed) == {"new_model"}
    assert changed.model_version == champion.version


def test_an_old_model_reads_as_far_back_as_it_did(
    private: Connection, champion: Champion, other: Callable[..., Champion]
) -> None:
    """One with a longer look-back than the new one is recomputed to the last bit."""

    def longer(folder: Path) -> None:
        for path in folder.glob("*/forecaster.json"):
            path.write_text(path.read_text().replace("P14D", "P28D"))

    old = other(longer)
    vintages.compute(private, old, ["plant/load"])
    changed = adds_up(told(private, champion, "plant/load", obtain=lambda _: old))
    assert moved(changed) == {"new_model"}


def test_a_recalibration_moves_the_intervals_only(
    private: Connection, champion: Champion, other: Callable[..., Champion]
) -> None:
    """Wider offsets, the same members: the part is recalibration, and the mean stays."""

    def wider(folder: Path) -> None:
        for path in folder.glob("*/forecaster.json"):
            card = json.loads(path.read_text())
            offsets = card["calibration"]["offsets"]
            card["calibration"]["offsets"] = {
                u: (np.array(v) * 2).tolist() for u, v in offsets.items()
            }
            path.write_text(json.dumps(card))

    vintages.compute(private, champion, ["plant/load"])
    found = told(private, other(wider), "plant/load", obtain=lambda _: champion)
    changed = adds_up(found)
    assert moved(changed) == {"recalibration"}
    assert not any(changed.total.mean)
    assert changed.total.width > 0
    assert "80 % interval" in " ".join(found.sentences)


def test_an_old_model_that_is_gone_is_said(
    private: Connection, champion: Champion, variant: Callable[[str], Path], load: Load, world: Any
) -> None:
    """Without it the parts still add up, its own being one with what cannot be recomputed."""
    vintages.compute(private, champions.load(variant("gone")), ["plant/load"])
    load(private, reading("plant/load", world.end - 2 * DAY, 190.0))
    found = told(private, champion, "plant/load")
    changed = adds_up(found)
    assert changed.parts[0].name == "new_model"
    assert "unexplained" not in {p.name for p in changed.parts}
    assert "publish the model again" in str(changed.old_model)
    assert "cannot be had" in " ".join(found.sentences)


def test_what_cannot_be_recomputed_is_told(
    private: Connection, champion: Champion, world: Any
) -> None:
    """When rows that the old vintage read are gone, the rest is a part called unexplained."""
    vintages.compute(private, champion, ["plant/load"])
    delete(private, f"unique_id = 'plant/load' AND ds > '{world.end - 3 * DAY}'")
    found = told(private, champion, "plant/load", since=_run(private))
    assert moved(adds_up(found)) == {"unexplained"}
    assert "no longer give" in " ".join(found.sentences)


def test_late_rows_are_new_since_and_not_known_then(
    private: Connection, champion: Champion, world: Any, load: Load
) -> None:
    """A row that was available then but stored later is told as new, not as unexplained."""
    last, half = world.end - DAY, pd.Timedelta("30min")
    load(private, reading("plant/load", last + 2 * half, 60.0))
    vintages.compute(private, champion, ["plant/load"])
    load(private, reading("plant/load", last + half, 160.0))
    changed = adds_up(told(private, champion, "plant/load"))
    assert moved(changed) == {"new_actuals"}
    assert (changed.readings.new, changed.cutoff_moved) == (1, "P0DT0H0M0S")


def test_since_chooses_the_vintage(
    private: Connection, champion: Champion, world: Any, load: Load
) -> None:
    """Left out, the previous vintage; a run of another is refused naming those that would do."""
    vintages.compute(private, champion, ["plant/load"])
    first = _run(private)
    load(private, reading("plant/load", world.end - 2 * DAY, 190.0))
    vintages.compute(private, champion, ["plant/load"])
    second = _run(private)
    previous = told(private, champion, "plant/load").changed
    assert previous is not None
    assert previous.run_id == first
    itself = told(private, champion, "plant/load", since=second)
    assert itself.changed is not None
    assert moved(itself.changed) == set()
    assert "nothing moved" in " ".join(itself.sentences)
    with pytest.raises(DataFault, match=f"take one of {second}, {first}"):
        told(private, champion, "plant/load", since=second + 1)


def _run(conn: Connection) -> int:
    row = conn.execute("SELECT max(run_id) FROM vintage").fetchone()
    assert row is not None
    return int(row[0])


def test_a_vintage_that_has_run_out_is_not_compared(
    private: Connection, champion: Champion, world: Any, load: Load
) -> None:
    """When no instant is in both, changed is null and says why."""
    vintages.compute(private, champion, ["plant/load"])
    load(private, reading("plant/load", world.end + DAY, 100.0))
    found = told(private, champion, "plant/load")
    assert found.changed is None
    assert "ends before this forecast begins" in str(found.no_change)


def test_an_unknown_series_names_the_nearest(private: Connection, champion: Champion) -> None:
    """A typing error is answered with what was probably meant."""
    with pytest.raises(NotFound, match="did you mean plant/load"):
        told(private, champion, "plant/lod")


@pytest.mark.slow
def test_the_service_explains_and_stores_nothing(client: httpx.Client, conn: Connection) -> None:
    """The route answers in its documented shape, refuses as problems, and issues no vintage."""
    client.post("/forecast", json={"series": ["site/a", "plant/load"]})
    before = _run(conn)
    for name in ("site/a", "site/b", "plant/load"):
        answer = client.get(f"/explain/{name}")
        assert answer.status_code == 200, answer.text
        found = Explanation.model_validate(answer.json())
        assert (found.unique_id, found.changed) == (name, None)
    assert _run(conn) == before
    missing = client.get("/explain/site/aa")
    assert (missing.status_code, missing.json()["type"]) == (404, "/problems/unknown-series")
    assert "site/a" in missing.json()["fix"]
    assert client.get("/explain/site/a?since=999999").json()["field"] == "since"
    assert client.get("/explain/site/a?since=0").status_code == 422


@pytest.mark.slow
def test_the_service_fetches_the_model_that_served_before(
    client: httpx.Client, loaded: str, conn: Connection, bucket: Any, variant: Callable[[str], Path]
) -> None:
    """After a promotion the old version is had from the cache or bucket, and nothing is lost."""
    import time

    from horizonte.retrain.publish import publish

    client.post("/forecast", json={"series": "site/b"})
    version = publish(conn, variant("explained"), s3=bucket, why="another card")
    began = time.monotonic()
    while client.get("/models/current").json()["model_version"] != version:
        assert time.monotonic() - began < 30
        time.sleep(0.05)
    found = Explanation.model_validate(client.get("/explain/site/b").json())
    assert found.model_version == version
    changed = adds_up(found)
    assert changed.old_model is None
    assert changed.model_version != version
    assert moved(changed) == set()


@pytest.mark.slow
def test_the_document_has_an_example(client: httpx.Client) -> None:
    """``/docs.json`` describes the answer, with an example that is one."""
    document = client.get("/docs.json").json()
    assert "/explain/{unique_id}" in document["paths"]
    example = document["components"]["schemas"]["Explanation"]["example"]
    assert Explanation.model_validate(example).changed is None
