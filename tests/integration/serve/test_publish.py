"""Publication: the same bytes are the same version, and no crash leaves a half-made champion."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from horizonte.embedded.endpoints import S3Settings
from horizonte.errors import ModelFault, StoreFault
from horizonte.retrain import publish as publication
from horizonte.retrain.publish import publish
from horizonte.serve import champion
from horizonte.serve import folder as model_folder
from horizonte.serve.bucket import Bucket
from horizonte.store import promotions
from horizonte.store.connection import Connection

Make = Callable[[str], Path]


def test_a_second_publication_changes_nothing(
    conn: Connection, bucket: S3Settings, variant: Make
) -> None:
    """Publishing the same folder twice gives one version and one promotion."""
    folder = variant("twice")
    first = publish(conn, folder, s3=bucket, why="first")
    count = len(promotions.promotions(conn))
    assert publish(conn, folder, s3=bucket, why="again") == first
    assert len(promotions.promotions(conn)) == count
    row = promotions.current_promotion(conn)
    assert row is not None
    assert (row.sha256, row.why) == (first, "first")
    assert promotions.model_versions(conn)["uri"].iloc[-1].endswith(f"models/{first}/")


def test_what_was_published_comes_back_byte_for_byte(
    conn: Connection, bucket: S3Settings, variant: Make, tmp_path: Path
) -> None:
    """The champion fetched from the bucket is the folder that was gated."""
    folder = variant("bytes")
    version = publish(conn, folder, s3=bucket, why="bytes")
    got = champion.obtain(version, home=tmp_path / "home", bucket=Bucket.of(bucket))
    assert got.version == version == model_folder.verified(folder)[0]
    assert set(got.forecasters) == {"PT1H", "PT30M"}
    for path in folder.rglob("*.*"):
        copy = tmp_path / "home/models" / version / path.relative_to(folder)
        assert copy.read_bytes() == path.read_bytes()


@pytest.mark.parametrize("step", range(6))
def test_killed_between_any_two_steps_it_heals(
    conn: Connection,
    bucket: S3Settings,
    variant: Make,
    step: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Killed after any write, the old champion stays, and the next call finishes."""
    old = publish(conn, variant("old"), s3=bucket, why="old")
    folder = variant(f"killed-{step}")
    done = 0
    real = Bucket.put_once

    def dying(self: Bucket, key: str, content: bytes) -> bool:
        nonlocal done
        if done == step:
            raise KeyboardInterrupt
        done += 1
        return real(self, key, content)

    monkeypatch.setattr(Bucket, "put_once", dying)
    with pytest.raises(KeyboardInterrupt):
        publish(conn, folder, s3=bucket, why="new")
    row = promotions.current_promotion(conn)
    assert row is not None
    assert row.sha256 == old
    monkeypatch.undo()
    version = publish(conn, folder, s3=bucket, why="new")
    row = promotions.current_promotion(conn)
    assert row is not None
    assert row.sha256 == version


def test_killed_before_the_pointer_moves_it_heals(
    conn: Connection, bucket: S3Settings, variant: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The version and the promotion come together or not at all."""
    old = publish(conn, variant("before"), s3=bucket, why="old")
    folder = variant("pointer")
    with monkeypatch.context() as patch:
        patch.setattr(promotions, "promote", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            publish(conn, folder, s3=bucket, why="new")
    row = promotions.current_promotion(conn)
    assert row is not None
    assert row.sha256 == old
    assert old != publish(conn, folder, s3=bucket, why="new")


def test_a_folder_that_differs_from_its_card_is_refused(
    conn: Connection, bucket: S3Settings, variant: Make
) -> None:
    """Nothing of a tampered folder reaches bucket or ledger."""
    folder = variant("tampered")
    (folder / "PT1H/forecaster.json").write_text("{}")
    before = len(promotions.promotions(conn))
    with pytest.raises(ModelFault, match=r"PT1H/forecaster\.json"):
        publish(conn, folder, s3=bucket, why="no")
    assert len(promotions.promotions(conn)) == before


def test_other_bytes_under_the_hash_are_noticed(
    conn: Connection, bucket: S3Settings, variant: Make
) -> None:
    """What somebody wrote by hand under the key is neither overwritten nor promoted."""
    folder = variant("squatted")
    version, _ = model_folder.verified(folder)
    Bucket.of(bucket).put_once(f"models/{version}/PT1H/forecaster.json", b"{}")
    with pytest.raises(ModelFault, match="other bytes"):
        publish(conn, folder, s3=bucket, why="no")
    assert version not in set(promotions.promotions(conn)["sha256"])


def test_a_bucket_that_is_down_is_a_fault(
    conn: Connection, variant: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unreachable endpoint is a StoreFault that says what to start."""
    nowhere = S3Settings("bucket", "http://127.0.0.1:9", "key", "secret")
    with pytest.raises(StoreFault, match="horizonte up"):
        publish(conn, variant("down"), s3=nowhere, why="no")


def test_the_cache_serves_while_the_bucket_is_down(
    conn: Connection, bucket: S3Settings, variant: Make, tmp_path: Path
) -> None:
    """A whole cached folder needs no bucket; a damaged one is fetched anew, or refused."""
    version = publish(conn, variant("cached"), s3=bucket, why="cache")
    champion.obtain(version, home=tmp_path, bucket=Bucket.of(bucket))
    assert champion.obtain(version, home=tmp_path, bucket=None).version == version
    (tmp_path / "models" / version / "PT1H/forecaster.json").write_text("{")
    with pytest.raises(ModelFault):
        champion.obtain(version, home=tmp_path, bucket=None)
    assert champion.obtain(version, home=tmp_path, bucket=Bucket.of(bucket)).version == version
    shutil.rmtree(tmp_path / "models" / version / "PT30M")
    assert champion.obtain(version, home=tmp_path, bucket=Bucket.of(bucket)).version == version


def test_the_marker_comes_last(bucket: S3Settings, variant: Make) -> None:
    """Where card.json stands in the bucket, every other file stands already."""
    order: list[str] = []

    class Recording(Bucket):
        def put_once(self, key: str, content: bytes) -> bool:
            order.append(key.rsplit("/", 1)[1])
            return super().put_once(key, content)

    real = Bucket.of(bucket)
    folder = variant("order")
    publication.upload(Recording(real.name, real.client), folder, model_folder.verified(folder)[0])
    assert order[-1] == model_folder.CARD


def test_pages_of_the_training_go_along(
    conn: Connection, bucket: S3Settings, variant: Make, tmp_path: Path
) -> None:
    """Notebooks and reports beside a trained model lie under its version; what is no page does not."""
    folder = tmp_path / "project/data/models/model"
    shutil.copytree(variant("with pages"), folder)
    reports = tmp_path / "project/data/reports"
    (reports / "notebooks").mkdir(parents=True)
    for name in ("index.html", "notebooks/train.html", "plots_template.html", "summary.json"):
        (reports / name).write_text(name)
    version = publish(conn, folder, s3=bucket, why="with pages")
    start = f"reports/training/{version}/"
    found = Bucket.of(bucket).listed(start)
    assert [key.removeprefix(start) for key in found] == ["index.html", "notebooks/train.html"]
    assert Bucket.of(bucket).get(start + "notebooks/train.html", most=9) == b"notebooks"


def test_pages_of_gates_that_a_bucket_did_not_take_come_later(
    bucket: S3Settings, tmp_path: Path
) -> None:
    """A bucket that is away stops nothing; the next time it is given what it does not hold."""
    there = Bucket.of(bucket)
    (tmp_path / "gates").mkdir()
    for name in ("2030-01-01-lost.html", "2030-01-02-won.html"):
        (tmp_path / "gates" / name).write_text(name)
    publication.upload_gates(Bucket("no-such-bucket", there.client), tmp_path)
    publication.upload_gates(there, tmp_path)
    (tmp_path / "gates/2030-01-01-lost.html").write_text("held already")
    publication.upload_gates(there, tmp_path)
    assert there.get("reports/gates/2030-01-01-lost.html") == b"2030-01-01-lost.html"
    assert there.get("reports/gates/2030-01-02-won.html") == b"2030-01-02-won.html"
