"""A model folder is its bytes: any change of any file is seen and named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from horizonte.errors import ModelFault
from horizonte.serve import folder


@pytest.fixture
def model(tmp_path: Path) -> Path:
    whole = tmp_path / "model"
    (whole / "PT1H").mkdir(parents=True)
    (whole / "PT1H/weights.json").write_text("[1, 2]")
    (whole / "PT1H/linear.npz").write_bytes(b"\x00\x01")
    files = {
        p.relative_to(whole).as_posix(): folder.sha256(p.read_bytes())
        for p in sorted(whole.rglob("*.*"))
    }
    (whole / folder.CARD).write_text(json.dumps({"files": files, "params": {}}))
    return whole


def test_the_id_is_of_the_content_alone(model: Path, tmp_path: Path) -> None:
    """The same bytes in another place have the same id."""
    here, card = folder.verified(model)
    assert len(here) == 64
    assert set(card["files"]) == {"PT1H/weights.json", "PT1H/linear.npz"}
    assert folder.verified(model.rename(tmp_path / "elsewhere"))[0] == here


def test_the_card_counts(model: Path) -> None:
    """Another word in the card is another version."""
    before, _ = folder.verified(model)
    card = json.loads((model / folder.CARD).read_text())
    (model / folder.CARD).write_text(json.dumps({**card, "use": "other"}))
    assert folder.verified(model)[0] != before


@pytest.mark.parametrize(
    "damage", ["truncate", "tamper", "remove", "add", "no card", "no json", "pickle", "escape"]
)
def test_any_damage_is_refused(model: Path, damage: str) -> None:
    """Truncated, changed, missing, additional, executable or outside: each is a ModelFault."""
    card = json.loads((model / folder.CARD).read_text())
    target = model / "PT1H/weights.json"
    if damage in ("pickle", "escape"):
        path = {"pickle": "PT1H/x.pkl", "escape": "../x.json"}[damage]
        (model / folder.CARD).write_text(
            json.dumps({**card, "files": {**card["files"], path: "0"}})
        )
    else:
        how: dict[str, Callable[[], object]] = {
            "truncate": lambda: target.write_text("[1"),
            "tamper": lambda: target.write_text("[1, 3]"),
            "remove": target.unlink,
            "add": lambda: (model / "PT1H/new.json").write_text("1"),
            "no card": (model / folder.CARD).unlink,
            "no json": lambda: (model / folder.CARD).write_text("{"),
        }
        how[damage]()
    with pytest.raises(ModelFault):
        folder.verified(model)


def test_a_newer_format_or_another_major_is_refused() -> None:
    """A card without a format is of the first; a library that is not here is not compared."""
    here = {"numpy": "2.4.0", "pandas": "2.3.3"}
    folder.compatible({"libraries": {"numpy": "2.1", "prophet": "1.5"}}, installed=here.get)
    folder.compatible({"format": folder.FORMAT}, installed=here.get)
    with pytest.raises(ModelFault, match="format"):
        folder.compatible({"format": folder.FORMAT + 1}, installed=here.get)
    with pytest.raises(ModelFault, match="format"):
        folder.compatible({"format": "one"}, installed=here.get)
    with pytest.raises(ModelFault, match="pandas"):
        folder.compatible({"libraries": {"pandas": "3.0.1"}}, installed=here.get)


@pytest.mark.parametrize(
    "path",
    ["/x.json", "a/../../x.json", "./x.json", "a//x.json", "a\\x.json", "a\x00.json", "x.so"],
)
def test_only_plain_paths_inside_are_read(path: str) -> None:
    """A path that could mean another place than it says is refused."""
    with pytest.raises(ModelFault, match="a path in the folder"):
        folder.listed(json.dumps({"files": {path: "0"}}).encode())


def test_a_link_is_no_file(model: Path, tmp_path: Path) -> None:
    """A link beside the listed files is noticed, wherever it points."""
    (model / "PT1H/link").symlink_to(tmp_path)
    with pytest.raises(ModelFault, match="PT1H/link"):
        folder.verified(model)
