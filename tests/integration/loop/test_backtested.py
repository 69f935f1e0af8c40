"""The backtest of a version goes with it, so that drift of its errors can be told from the first weeks on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.integration.loop.world import DAY, HOUR, RULES, SPREAD, START, World, course

from horizonte.config import settings
from horizonte.contracts import BACKTEST, QUANTILE_COLUMNS
from horizonte.embedded.endpoints import Endpoints, S3Settings
from horizonte.loop import monitor
from horizonte.pipeline import files
from horizonte.report import card
from horizonte.retrain import backtested
from horizonte.retrain.publish import publish
from horizonte.serve.bucket import Bucket
from horizonte.store import annotations, prepared

pytestmark = [pytest.mark.filterwarnings("ignore")]  # Evidently warns as it is imported
DAYS = 420


def trained(root: Path, world: World) -> Path:
    """A model folder where the pipeline leaves it, with the backtest of a year and more beside it."""
    rng, parts = np.random.default_rng(8), []
    for day in range(-DAYS, 0):
        numbers = np.arange(24 * day, 24 * day + 24)
        ds = START + pd.to_timedelta(numbers, unit="h")
        own = {"unique_id": world.name, "cutoff": ds[0] - HOUR, "ds": ds, "mean": course(numbers)}
        parts.append(pd.DataFrame(own).assign(y=course(numbers) + rng.normal(0, SPREAD, 24)))
    rows = pd.concat(parts, ignore_index=True).assign(model="ensemble")
    rows = rows.assign(**dict.fromkeys(QUANTILE_COLUMNS, np.nan))[BACKTEST.columns]
    middle = START - 56 * DAY
    for path, own in (
        (files.SELECTED, rows[rows["cutoff"] < middle]),
        (files.BACKTEST, rows[rows["cutoff"] >= middle]),
    ):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        BACKTEST.write(own.reset_index(drop=True), root / path)
    return root / files.MODEL


def statuses(world: World) -> list[str]:
    """What the newest verdict says of the drift of the champion's errors."""
    found = world.monitor().verdict.evidence["drifts"]
    return [d["statuses"][0] for d in found if d["kind"] == "residual"]


@pytest.mark.parametrize(("shift", "status"), [(0.0, "no drift"), (12.0, "drift")])
def test_drift_of_errors_is_told_after_a_month(
    world: World, tmp_path: Path, shift: float, status: str
) -> None:
    """Of a champion whose backtest was published with it, on a host that did not train it."""
    assert backtested.keep(world.bucket, trained(tmp_path / "trained", world), world.version)
    world.live(28, shift=shift)
    assert statuses(world) == [status]


def test_what_was_misread_before_it_served_is_no_measure(world: World, tmp_path: Path) -> None:
    """Ten days of another unit, noted after the training, hide no drift of the errors after them.

    Nor do forecasts of the days before, that were held against readings in that unit.
    """
    starts, ends = START - 33.5 * DAY, START - 23.5 * DAY
    folder = trained(tmp_path / "trained", world)
    rows = BACKTEST.read(folder.parents[2] / files.BACKTEST)
    wrong = rows["ds"].between(starts, ends, inclusive="left")
    came = rows.assign(y=rows["y"].where(~wrong, 1000 * rows["y"]))
    BACKTEST.write(came, folder.parents[2] / files.BACKTEST)
    numbers = ((rows["ds"] - START) // HOUR).to_numpy()
    world.readings(numbers, came["y"].to_numpy())
    note = {"starts_at": starts, "ends_at": ends, "kind": "unit_changed", "note": ""}
    note |= {"unique_id": world.name, "factor": 0.001, "offset": 0.0}
    note |= {"available_at": START, "withdrawn": False}
    annotations.add(world.conn, pd.DataFrame([note]))
    prepared.follow(world.conn, RULES, [world.name])
    assert backtested.keep(world.bucket, folder, world.version)
    world.live(28, shift=12.0)
    assert statuses(world) == ["drift"]


def test_without_a_backtest_months_must_pass(world: World) -> None:
    """Nothing is held against four weeks alone."""
    world.live(28, shift=12.0)
    assert statuses(world) == ["not testable"]


def test_it_is_fetched_once_and_stands_for_new_intervals_too(world: World, tmp_path: Path) -> None:
    """From the bucket into the cache; while the bucket is away there is none, and that is no fault."""
    away = type(world.bucket)("no-such-bucket", world.bucket.client)
    backtested.keep(world.bucket, trained(tmp_path, world), "first")
    home = settings().home_folder()

    def read(version: str, card: dict[str, object], bucket: object) -> int:
        return len(backtested.read(version, card, home=home, bucket=lambda: bucket))  # type: ignore[arg-type, return-value]

    assert read("first", {}, away) == 0
    assert read("first", {}, world.bucket) == 24 * DAYS
    assert read("second", {"recalibrated": {"from": "first"}}, away) == 24 * DAYS
    third = {"recalibrated": {"from": "second", "trained": "first"}}
    assert read("third", third, away) == 24 * DAYS
    assert read("other", {}, world.bucket) == 0


def test_a_folder_from_elsewhere_has_none(world: World, tmp_path: Path) -> None:
    """Neither one that lies alone, nor one beside which the pipeline left nothing."""
    assert not backtested.keep(world.bucket, tmp_path / "model", "x")
    assert not backtested.keep(world.bucket, tmp_path / files.MODEL, "x")


def test_without_any_bucket_a_verdict_is_still_reached(world: World) -> None:
    """Where S3 was never started nor set there is no backtest, and no page in the bucket: both are said."""

    def none() -> Bucket:
        return Bucket.of(Endpoints(None, None).s3)

    world.live(1)
    assert monitor.run(world.conn, root=world.root, bucket=none).new


def test_a_damaged_copy_is_fetched_again(world: World, tmp_path: Path) -> None:
    """A host that lost power leaves half a file; one in the bucket that cannot be read is as none."""
    home, name = settings().home_folder(), f"damaged {world.name}".replace("/", " ")
    backtested.keep(world.bucket, trained(tmp_path, world), name)
    copy = home / backtested.PREFIX / f"{name}.parquet"
    for left in (b"", b"PAR1 and then nothing"):
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(left)
        assert len(backtested.read(name, {}, home=home, bucket=lambda: world.bucket)) == 24 * DAYS
    world.bucket.put_once(f"{backtested.PREFIX}/{name} too.parquet", b"no such thing")
    assert backtested.read(f"{name} too", {}, home=home, bucket=lambda: world.bucket).empty


def test_new_intervals_are_published_without_a_warning(
    world: World, bucket: S3Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """They lie where a training would lie, with no backtest of their own beside them, and lack none."""
    folder = tmp_path / files.MODEL
    folder.mkdir(parents=True)
    again = {"from": world.version, "trained": world.version}
    card.write(folder, {"data_as_of": START.isoformat(), "series": [], "recalibrated": again})
    publish(world.conn, folder, s3=bucket, why="new intervals")
    assert "without a backtest" not in caplog.text
