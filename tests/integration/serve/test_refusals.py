"""A model that cannot be trusted or read is refused, said aloud, and the old one goes on serving."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prometheus_client import REGISTRY
from tests.integration.serve.conftest import write_card

from horizonte import clock
from horizonte.embedded import process
from horizonte.embedded.endpoints import S3Settings
from horizonte.errors import ModelFault, NotFound, StoreFault
from horizonte.retrain.publish import publish
from horizonte.serve import champion, predict
from horizonte.serve import folder as model_folder
from horizonte.serve.bucket import Bucket
from horizonte.serve.follow import Doors, Follower
from horizonte.store import promotions
from horizonte.store.connection import Connection, connect

Make = Callable[[str], Path]
NOWHERE = S3Settings("bucket", "http://127.0.0.1:9", "key", "secret")


@dataclass(frozen=True)
class Shop:
    """Where models are published and followed."""

    url: str
    conn: Connection
    s3: S3Settings
    variant: Make
    home: Path

    def publish(self, use: str) -> str:
        return publish(self.conn, self.variant(use), s3=self.s3, why=use)

    def put(self, folder: Path) -> str:
        """Publish ``folder`` as somebody would who checks nothing, and return its version."""
        version = self.register(folder)
        promotions.promote(self.conn, version, "by hand", by="test")
        return version

    def register(self, folder: Path) -> str:
        """Upload and register ``folder``, unchecked, and return its version."""
        files = {
            p.relative_to(folder).as_posix(): p.read_bytes()
            for p in folder.rglob("*")
            if p.is_file()
        }
        card = json.loads(files[model_folder.CARD])
        listed = {**card["files"], model_folder.CARD: model_folder.sha256(files[model_folder.CARD])}
        version = model_folder.identity(listed)
        for path, content in files.items():
            Bucket.of(self.s3).put_once(f"models/{version}/{path}", content)
        promotions.register_model(self.conn, version, uri="by hand", card={})
        return version

    def follower(self, s3: S3Settings | None = None) -> Follower:
        """A follower as the service has it."""
        bucket = Bucket.of(s3 or self.s3)
        return Follower(
            Doors(
                connect=lambda: connect(self.url),
                obtain=lambda v: champion.obtain(v, home=self.home, bucket=bucket),
                warm=predict.warm,
                now=clock.now,
            )
        )


@pytest.fixture
def shop(loaded: str, conn: Connection, bucket: S3Settings, variant: Make, tmp_path: Path) -> Shop:
    return Shop(loaded, conn, bucket, variant, tmp_path / "home")


def newer(folder: Path) -> None:
    write_card(folder, format=model_folder.FORMAT + 1)


def other_library(folder: Path) -> None:
    write_card(folder, libraries={"numpy": "99.1.0"})


def pickled_file(folder: Path) -> None:
    (folder / "PT1H/extra.pkl").write_bytes(b"\x80\x04N.")
    write_card(folder)


def pickled_array(folder: Path) -> None:
    target = next(folder.glob("PT1H/*/*.npy"))
    np.save(target, np.array([{"a": 1}], object), allow_pickle=True)
    write_card(folder)


def escaping(folder: Path) -> None:
    card = json.loads((folder / model_folder.CARD).read_text())
    card["files"]["../escaped.json"] = model_folder.sha256(b"{}")
    (folder / model_folder.CARD).write_text(json.dumps(card))


def no_card(folder: Path) -> None:
    (folder / model_folder.CARD).write_text('{"files": {}}')


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (newer, "card.json format"),
        (other_library, "numpy"),
        (pickled_file, "extra.pkl"),
        (pickled_array, "saved linear model"),
        (escaping, "escaped.json"),
        (no_card, "freq"),
    ],
)
def test_what_was_made_wrong_is_refused(
    shop: Shop, damage: Callable[[Path], None], said: str
) -> None:
    """Of a newer format or library, with a pickle, outside its folder, empty: the old one stays."""
    follow = shop.follower()
    good = shop.publish(f"good-{damage.__name__}")
    follow.look(shop.conn)
    folder = shop.variant(f"bad-{damage.__name__}")
    damage(folder)
    shop.put(folder)
    with pytest.raises(ModelFault, match=said):
        follow.look(shop.conn)
    assert version_of(follow) == good
    assert not list(shop.home.rglob("escaped.json"))


@pytest.mark.parametrize("damage", ["truncated", "tampered", "missing"])
def test_an_object_damaged_between_upload_and_load_is_refused(shop: Shop, damage: str) -> None:
    """What the bucket gives is not what was published: nothing of it is kept, the old one stays."""
    follow = shop.follower()
    good = shop.publish(f"whole-{damage}")
    follow.look(shop.conn)
    version = shop.publish(damage)
    key = f"models/{version}/PT1H/forecaster.json"
    client: Any = Bucket.of(shop.s3).client
    content = client.get_object(Bucket=shop.s3.bucket, Key=key)["Body"].read()
    if damage == "missing":
        client.delete_object(Bucket=shop.s3.bucket, Key=key)
    else:
        other = content[:-9] if damage == "truncated" else content.replace(b"naive", b"n4ive")
        client.put_object(Bucket=shop.s3.bucket, Key=key, Body=other)
    with pytest.raises((ModelFault, NotFound), match=r"forecaster\.json"):
        follow.look(shop.conn)
    assert version_of(follow) == good
    assert not (shop.home / "models" / version).exists()
    client.put_object(Bucket=shop.s3.bucket, Key=key, Body=content)
    follow.look(shop.conn)
    assert version_of(follow) == version


def test_it_is_said_aloud_and_the_next_promotion_is_followed(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    """A running follower logs an error, keeps the reason and a metric, and takes the next."""
    shop.publish("first")
    follow = shop.follower()
    follow.start()
    try:
        eventually(lambda: follow.serving is not None)
        folder = shop.variant("bad")
        newer(folder)
        shop.put(folder)
        eventually(lambda: "format" in str(follow.refused))
        assert REGISTRY.get_sample_value("horizonte_champion_refused") == 1
        assert any(r.levelno == logging.ERROR and "format" in r.message for r in caplog.records)
        version = shop.publish("next")
        eventually(lambda: version_of(follow) == version)
        assert follow.refused is None
        assert REGISTRY.get_sample_value("horizonte_champion_refused") == 0
    finally:
        follow.stop()


def test_what_is_registered_stands_ready_before_it_is_promoted(shop: Shop) -> None:
    """A registered version and the previous champion are not made again at the swap."""
    old = shop.publish("old")
    follow = shop.follower()
    follow.look(shop.conn)
    version = shop.register(shop.variant("registered"))
    follow.prepare(shop.conn)
    shutil.rmtree(shop.home)  # from here on nothing could be loaded
    follow._doors = shop.follower(NOWHERE)._doors
    promotions.promote(shop.conn, version, "swap", by="test")
    follow.look(shop.conn)
    assert version_of(follow) == version
    follow.prepare(shop.conn)
    promotions.promote(shop.conn, old, "back", by="test", kind="rollback")
    follow.look(shop.conn)
    assert version_of(follow) == old


def test_at_most_three_stand_ready(shop: Shop) -> None:
    """However many are registered: the champion, the one before, and the newest."""
    follow = shop.follower()
    for number in range(4):
        shop.publish(f"crowd-{number}")
        follow.look(shop.conn)
        shop.register(shop.variant(f"waiting-{number}"))
        follow.prepare(shop.conn)
    assert len(follow._shelf.versions()) == 3


def test_without_the_bucket_the_cache_serves_and_damage_is_refused(shop: Shop) -> None:
    """The bucket down, a whole cached folder starts a service; one with a file more does not."""
    version = shop.publish("kept")
    shop.follower().look(shop.conn)
    down = shop.follower(NOWHERE)
    down.look(shop.conn)
    assert version_of(down) == version
    more = shop.home / "models" / version / "PT1H/more.json"
    more.write_text("{}")
    with pytest.raises(StoreFault, match="start S3"):
        shop.follower(NOWHERE).look(shop.conn)
    again = shop.follower()
    again.look(shop.conn)
    assert version_of(again) == version
    assert not more.exists()


def version_of(follow: Follower) -> str | None:
    return follow.serving.champion.version if follow.serving else None


def eventually(condition: Callable[[], object]) -> None:
    """Wait for what must come, however slow the machine is."""
    assert process.wait_until(lambda: bool(condition()), seconds=60)
