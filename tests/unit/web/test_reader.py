"""The reading process: limits that hold, and parts that hold every row once."""

from __future__ import annotations

import json
import os
import time
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from horizonte.web.child import READ, Busy, Children, Failed, Limits
from horizonte.web.reader import PART, encoding, parts, write_parts
from horizonte.web.uploads import first_asked

ROOMY = Limits(wall=60, cpu=50, memory=4 << 30)


def read(folder: Path, name: str, body: bytes, **more: Any) -> dict[str, Any]:
    """What the process says of a file."""
    (folder / "in").mkdir(exist_ok=True)
    (folder / "in" / name).write_bytes(body)
    (folder / "ask.json").write_text(json.dumps(first_asked(name) | more))
    Children(1).run(READ, [], folder=folder, limits=ROOMY)
    found: dict[str, Any] = json.loads((folder / "told.json").read_text())
    return found


def test_parts_hold_every_row_once(tmp_path: Path) -> None:
    """In their order, and parts of an earlier mapping are gone."""
    (tmp_path / "part-9.json").write_text("old")
    ds = pd.date_range("2026-01-01", periods=2 * PART + 1, freq="h", tz="UTC")
    rows = pd.DataFrame({"unique_id": "a", "ds": ds, "y": [n / 3 for n in range(len(ds))]})
    assert write_parts(rows, tmp_path) == 3
    found = [json.loads((tmp_path / f"part-{n}.json").read_text())["readings"] for n in range(3)]
    whole = pd.DataFrame([row for part in found for row in part])
    assert whole["y"].tolist() == rows["y"].tolist()
    assert pd.to_datetime(whole["ds"]).tolist() == ds.tolist()
    assert not (tmp_path / "part-9.json").exists()


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("Demand (MW)", ("Demand", "MW")),
        ("Vazão [m3/s]", ("Vazão", "m3/s")),
        ("load", ("load", "1")),
        ("(MW)", ("(MW)", "1")),
    ],
)
def test_a_header_may_hold_its_unit(header: str, found: tuple[str, str]) -> None:
    """In round or square brackets behind the name."""
    assert parts(header) == found


def test_encodings(tmp_path: Path) -> None:
    """What is not UTF-8 is Windows-1252; UTF-8 and UTF-16 are left to say so themselves."""
    path = tmp_path / "a.csv"
    for text, kind, found in (
        ("ação", "cp1252", "cp1252"),
        ("ação", "utf-8", None),
        ("ação", "utf-16", None),
    ):
        path.write_bytes(text.encode(kind))
        assert encoding(path) == found


def test_a_mapping_names_series_and_units(tmp_path: Path) -> None:
    """Names and units that are said count; other columns are not read."""
    body = "t,a,b\n" + "".join(f"2026-01-01T{n:02d}:00Z,{n},{n}\n" for n in range(24))
    more = {"source": "mill", "names": {"a": "mill/x"}, "units": {"a": "kW"}}
    hints = {"timestamp": ["t"], "layout": "wide", "ignore": ["b"]}
    found = read(tmp_path, "f.csv", body.encode(), hints=hints, **more)
    assert [(s["key"], s["unique_id"], s["unit"], s["rows"]) for s in found["series"]] == [
        ("a", "mill/x", "kW", 24)
    ]
    assert [c["role"] for c in found["columns"]] == ["time", "value", "ignore"]


def test_a_zone_that_is_none_is_told(tmp_path: Path) -> None:
    """A misspelt zone is a fault with its nearest, not a crash."""
    found = read(
        tmp_path, "f.csv", b"t,a\n2026-01-01 00:00,1\n", hints={"zone": "America/Sao_Paolo"}
    )
    assert found["fault"]["thing"] == "zone"
    assert "America/Sao_Paulo" in found["fault"]["allowed"]


def test_a_bomb_is_refused(tmp_path: Path) -> None:
    """A workbook that unpacks to more than it may is a fault, in no time."""
    (tmp_path / "in").mkdir()
    with zipfile.ZipFile(tmp_path / "in/x.xlsx", "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("xl/workbook.xml", b"<a>" + b" " * (600 << 20) + b"</a>")
    found = read(tmp_path, "b.xlsx", (tmp_path / "in/x.xlsx").read_bytes())
    assert "unpacked" in found["fault"]["value"]


@pytest.mark.parametrize(
    ("code", "limits", "killed"),
    [
        ("x = bytearray(2 << 30)", Limits(30, 20, 1 << 30), True),
        ("while True: pass", Limits(60, 1, 1 << 30), True),
        ("import time; time.sleep(60)", Limits(1, 20, 1 << 30), True),
        ("raise SystemExit('no')", Limits(30, 20, 1 << 30), False),
    ],
)
def test_a_child_takes_no_more_than_it_may(
    tmp_path: Path, code: str, limits: Limits, killed: bool
) -> None:
    """Memory, processor and time end it, and that is told apart from what it says itself."""
    with pytest.raises(Failed) as why:
        Children(1).run(code, [], folder=tmp_path, limits=limits)
    assert why.value.killed is killed


def test_a_child_knows_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the web process is in its environment, and what it started ends with it."""
    monkeypatch.setenv("HORIZONTE_DATABASE", "postgresql://user:hunter2@host/x")
    code = "import os, subprocess as s\np = s.Popen(['sleep', '60'], stdout=s.DEVNULL, stderr=s.DEVNULL)"
    code += "\nprint(p.pid, dict(os.environ))"
    said = Children(1).run(code, [], folder=tmp_path, limits=ROOMY)
    assert "hunter2" not in said
    number = int(said.split()[0])
    for _ in range(50):
        state = Path(f"/proc/{number}/stat")
        if not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z":
            break
        time.sleep(0.1)
    else:
        os.kill(number, 9)
        pytest.fail("what a child started outlived it")


def test_who_finds_no_place_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With all places taken, another waits for a while and is then refused."""
    monkeypatch.setattr("horizonte.web.child.WAIT_SECONDS", 0.01)
    children = Children(1)
    assert children._places.acquire(timeout=1)
    with pytest.raises(Busy):
        children.run("pass", [], folder=tmp_path, limits=ROOMY)
