"""Pages on their way into the bucket: each gets there once, whenever the bucket is there again."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from horizonte.errors import StoreFault
from horizonte.loop import listing, pages
from horizonte.serve.bucket import Bucket

PREFIX = "reports/monitoring"


class Kept:
    """A bucket in memory, which can be away."""

    def __init__(self) -> None:
        self.pages: dict[str, bytes] = {}
        self.away = False

    def put(self, key: str, body: bytes, media: str) -> None:
        """Keep a page."""
        if self.away:
            raise StoreFault("bucket", key, "there", "start it")
        self.pages[key] = body

    def remove(self, key: str) -> None:
        """Keep it no more."""
        self.pages.pop(key, None)


class Place:
    """A project with looks, and its bucket."""

    def __init__(self, root: Path) -> None:
        self.root, self.bucket = root, Kept()
        self.whole = root / pages.FOLDER
        self.whole.mkdir(parents=True)
        (self.whole / "index.html").write_text("all")

    def look(self, folder: str, *names: str, said: str = "x") -> None:
        """Write pages as a look does."""
        pages.changing(self.whole / folder)
        (self.whole / folder).mkdir(parents=True, exist_ok=True)
        for name in names:
            (self.whole / folder / name).write_text(said)

    def upload(self) -> int:
        """Bring the bucket up to date; the list of all is always put."""
        return listing.upload(self.root, cast("Bucket", self.bucket)) - 1


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """An empty one."""
    return Place(tmp_path)


def test_what_was_held_up_gets_there_later(place: Place) -> None:
    """Looks of several dates, while the bucket was away, also beside a look that is there."""
    place.look("2026-01-13/1", "index.html")
    assert place.upload() == 1
    place.bucket.away = True
    place.look("2026-01-13/2", "index.html")
    place.look("2026-01-14/1", "index.html", "inputs.html")
    with pytest.raises(StoreFault):
        place.upload()
    place.bucket.away = False
    assert place.upload() == 3
    assert place.upload() == 0
    assert set(place.bucket.pages) == {
        f"{PREFIX}/{name}.html"
        for name in ("index", "2026-01-13/1/index", "2026-01-13/2/index", "2026-01-14/1/index",
                     "2026-01-14/1/inputs")
    }  # fmt: skip


def test_a_date_that_is_whole_is_not_walked(place: Place) -> None:
    """Until a page of it is written anew or thinned out, which the bucket then gets."""
    place.look("2026-01-13/1", "index.html", "inputs.html")
    place.upload()
    (place.whole / "2026-01-13/1" / pages.UPLOADED).unlink()
    assert place.upload() == 0
    listing.thin(place.whole / "2026-01-13/1")
    assert place.upload() == 1
    assert f"{PREFIX}/2026-01-13/1/inputs.html" not in place.bucket.pages
    place.look("2026-01-13/1", "index.html", said="again")
    assert place.upload() == 1
    assert place.bucket.pages[f"{PREFIX}/2026-01-13/1/index.html"] == b"again"


def test_a_date_that_was_killed_halfway_is_walked_again(place: Place) -> None:
    """What was written before any mark, or by an older version, is found."""
    (place.whole / "2026-01-12").mkdir()
    (place.whole / "2026-01-12/index.html").write_text("a look of before they had folders")
    assert place.upload() == 1
