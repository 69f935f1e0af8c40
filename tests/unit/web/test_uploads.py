"""Uploaded files in their folder: bounded in size, number and age, and gone at the end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from horizonte.web import uploads
from horizonte.web.uploads import MOST_BYTES, Unfit, Uploads, plain_name

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def kept() -> Iterator[Uploads]:
    made = Uploads(most=3)
    yield made
    made.close()


def test_a_file_is_there_under_its_token(kept: Uploads) -> None:
    """The bytes are as they came, and no other token finds them."""
    one = kept.keep("a.csv", [b"a,b\n", b"1,2\n"], NOW)
    assert (one.folder / "in/a.csv").read_bytes() == b"a,b\n1,2\n"
    assert kept.get(one.token, NOW) is one
    assert kept.get(one.token + "x", NOW) is None
    assert kept.get(None, NOW) is None


@pytest.mark.parametrize(
    ("name", "chunks", "why"),
    [
        ("a.zip", [b"PK"], "ending"),
        ("csv", [b"a"], "ending"),
        ("a.csv", [], "empty"),
        ("a.csv", [b"\x1f\x8b\x08"], "packed"),
        ("a.csv", [b"x" * MOST_BYTES, b"x"], "large"),
    ],
)
def test_what_is_not_kept_leaves_nothing(
    kept: Uploads, name: str, chunks: list[bytes], why: str
) -> None:
    """Each is refused by its reason, and its folder is gone."""
    with pytest.raises(Unfit) as told:
        kept.keep(name, chunks, NOW)
    assert told.value.why == why
    assert kept._root is None or not list(kept._root.iterdir())


def test_the_oldest_goes_when_there_are_too_many(kept: Uploads) -> None:
    """A fourth file takes the place of the one that was used longest ago, never of one at work."""
    made = [kept.keep(f"{n}.csv", [b"x"], NOW + timedelta(minutes=n)) for n in range(3)]
    made[0].job = SimpleNamespace(running=True)
    kept.keep("4.csv", [b"x"], NOW + timedelta(minutes=4))
    assert [kept.get(one.token, NOW) is not None for one in made] == [True, False, True]
    assert not made[1].folder.exists()


def test_what_nobody_uses_goes_after_an_hour(kept: Uploads) -> None:
    """Each use counts anew."""
    one = kept.keep("a.csv", [b"x"], NOW)
    assert kept.get(one.token, NOW + timedelta(minutes=50))
    assert kept.get(one.token, NOW + timedelta(minutes=100))
    assert kept.get(one.token, NOW + timedelta(minutes=161)) is None
    assert not one.folder.exists()


def test_all_go_with_the_process() -> None:
    """Closing removes the folder itself."""
    made = Uploads()
    one = made.keep("a.csv", [b"x"], NOW)
    made.close()
    assert not one.folder.parent.exists()


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("../../etc/passwd.csv", "passwd.csv"),
        ("C:\\Users\\a\\Consumo de água.xlsx", "Consumo de água.xlsx"),
        ("..csv", "file.csv"),
        ("<b>.csv", "_b_.csv"),
        ("a\n\x00b.csv", "a__b.csv"),
        ("x" * 300 + ".csv", "x" * 80 + ".csv"),
        ("", "file"),
    ],
)
def test_names_are_harmless(name: str, plain: str) -> None:
    """Whatever a browser says, the name is one part of a path, printable and short."""
    assert plain_name(name) == plain


def test_what_was_said_counts_no_longer_when_more_is_asked(kept: Uploads) -> None:
    """A new mapping is read anew."""
    one = kept.keep("a.csv", [b"x"], NOW)
    (one.folder / "told.json").write_text("{}")
    assert one.told() == {}
    one.ask(uploads.first_asked("a.csv"))
    assert one.told() is None
