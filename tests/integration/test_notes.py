"""Annotations in a real store: kept once, refused one by one, and cleaned at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import psycopg
import pytest

from horizonte.errors import DataFault
from horizonte.ingest import notes
from horizonte.ingest.notesheet import Note
from horizonte.params import Rules
from horizonte.store import annotations as kept
from horizonte.store import ledger, prepared
from horizonte.store.connection import Connection

NOW = pd.Timestamp("2024-06-01T12:00Z")
EVER = pd.Timestamp("2200-01-01", tz="UTC")
RULES = Rules(impute_up_to="PT2H", flatline_after=None, spike_window="P3D", spike_mads=None)
HEADER = "unique_id,starts_at,ends_at,kind,note\n"
How = dict[str, Any]
HOW: How = {"now": NOW, "rules": RULES}


@pytest.fixture
def counted(
    store: Connection, declare: Callable[..., None], load: Callable[..., ledger.Counts]
) -> Callable[[str], str]:
    """Register a series in Brazilian time with ten days of hours, cleaned; return its name."""

    def make(name: str) -> str:
        declare(name, zone="America/Sao_Paulo", source=name)
        ds = pd.date_range("2018-02-12", periods=240, freq="h", tz="UTC")
        load(pd.DataFrame({"unique_id": name, "ds": ds, "y": range(240)}))
        prepared.follow(store, RULES, [name])
        return name

    return make


def note(
    name: object, start: object, end: object, kind: object = "ignore", why: object = ""
) -> Note:
    return Note(name, start, end, kind, why)


def test_an_ignored_stretch_is_clean_at_once(
    store: Connection, counted: Callable[[str], str]
) -> None:
    """Naive times are of the series' zone, and the prepared rows follow before it returns."""
    name = counted("noted/a")
    done = notes.annotate_one(store, note(name, "2018-02-14 00:00", "2018-02-14 06:00"), **HOW)
    assert (done.added, done.followed.failed) == (1, {})
    rows = prepared.read(store, [name])
    set_aside = rows[rows["quality"] == "ignored"]["ds"]
    assert list(set_aside) == list(pd.date_range("2018-02-14T02:00Z", periods=6, freq="h"))


def test_the_same_again_changes_nothing(store: Connection, counted: Callable[[str], str]) -> None:
    """A row that is known already, or twice in one request, is kept once."""
    name = counted("noted/b")
    one = note(name, "2018-02-14T02:00Z", "2018-02-14T08:00Z", "shutdown", "repair")
    same = note(name, "2018-02-14 00:00", "2018-02-14 06:00", "shutdown", "repair")
    first = notes.annotate(store, {0: one, 1: same}, **HOW)
    assert (first.outcomes, first.added, first.unchanged) == ({0: "added", 1: "unchanged"}, 1, 1)
    later = notes.annotate(store, {0: one}, now=NOW + pd.Timedelta(days=1), rules=RULES)
    assert later.outcomes == {0: "unchanged"}
    assert len(kept.read(store, EVER, [name])) == 1


def test_a_withdrawal_is_a_row_of_its_own(
    store: Connection, counted: Callable[[str], str], tmp_path: Path
) -> None:
    """Withdrawn, the cells come back; as of before, and in the table, the annotation stays."""
    name = counted("noted/h")
    ledger.register_source(store, name, clock="wall", step_seconds=3600)
    one = note(name, "2018-02-14 00:00", "2018-02-14 06:00", "shutdown", "repair")
    notes.annotate_one(store, one, **HOW)
    (tmp_path / "w.csv").write_text(
        f"{HEADER.strip()},withdrawn\n{name},2018-02-14 00:00,2018-02-14 06:00,shutdown,,yes\n"
    )
    later = NOW + pd.Timedelta(days=1)
    done = notes.annotate_file(store, tmp_path / "w.csv", now=later, rules=RULES)
    assert (done.added, done.withdrawn, done.followed.changed) == (0, 1, {name: 6})
    assert set(prepared.read(store, [name])["quality"]) == {"ok"}
    assert kept.read(store, EVER, [name]).empty
    assert kept.read(store, NOW, [name])["note"].tolist() == ["repair"]
    again = {
        "again": one._replace(withdrawn=True),
        "anew": one,
        "gone": one._replace(withdrawn=True),
    }
    told = notes.annotate(store, again, now=later + pd.Timedelta(days=1), rules=RULES)
    assert list(told.outcomes.values()) == ["unchanged", "added", "withdrawn"]
    assert kept.read(store, EVER, [name]).empty


@pytest.mark.parametrize("withdrawn", [True, "maybe", 7])
def test_what_nobody_stated_cannot_be_withdrawn(
    store: Connection, counted: Callable[[str], str], withdrawn: object
) -> None:
    """A withdrawal without its annotation, and one that is neither yes nor no, are refused."""
    name = counted("noted/i")
    one = note(name, "2018-02-14 00:00", "2018-02-14 06:00")._replace(withdrawn=withdrawn)
    with pytest.raises(DataFault, match=r"no annotation of this|neither yes nor no"):
        notes.annotate_one(store, one, **HOW)
    assert kept.history(store, EVER, [name]).empty


def test_it_is_known_on_the_clock_of_its_source(
    store: Connection, counted: Callable[[str], str]
) -> None:
    """Notes on a recorded source are known at its newest reading, on a wall clock now."""
    name = counted("noted/c")
    notes.annotate(store, {0: note(name, "2018-02-14 00:00", "2018-02-15 00:00")}, **HOW)
    found = kept.read(store, EVER, [name])["available_at"].iloc[0]
    assert found == pd.Timestamp("2018-02-22T00:00Z")
    ledger.register_source(store, name, clock="wall", step_seconds=3600)
    notes.annotate(store, {0: note(name, "2018-02-16 00:00", "2018-02-17 00:00")}, **HOW)
    assert kept.read(store, EVER, [name])["available_at"].max() == NOW


def test_a_replaced_sensor_needs_no_end(store: Connection, counted: Callable[[str], str]) -> None:
    """sensor_replaced without an end is one step long; other kinds need their end."""
    name = counted("noted/d")
    notes.annotate_one(store, note(name, "2018-02-14T02:00Z", "", "sensor_replaced"), **HOW)
    row = kept.read(store, EVER, [name]).iloc[0]
    assert row["ends_at"] - row["starts_at"] == pd.Timedelta(hours=1)
    with pytest.raises(DataFault, match="no timestamp"):
        notes.annotate_one(store, note(name, "2018-02-14T02:00Z", "", "shutdown"), **HOW)


def converting(name: str, end: object, factor: object, offset: object = None) -> Note:
    """A note that readings from 14 February 2018, 00:00 in Brazil, came in another unit."""
    return note(name, "2018-02-14 00:00", end, "unit_changed")._replace(
        factor=factor, offset=offset
    )


def test_a_converted_stretch_is_the_same_cleaned_at_once_or_anew(
    store: Connection, counted: Callable[[str], str]
) -> None:
    """After the note, another factor for it, and its withdrawal, the table equals a rebuild."""
    name = counted("noted/u")
    ledger.register_source(store, name, clock="wall", step_seconds=3600)
    one = converting(name, "2018-02-14 06:00", "0.5", 3)
    told = []
    for days, said in enumerate((one, one._replace(factor=2), one._replace(withdrawn=True))):
        notes.annotate_one(store, said, now=NOW + pd.Timedelta(days=days), rules=RULES)
        rows = prepared.read(store, [name])
        inside = rows["ds"].between("2018-02-14T02:00Z", "2018-02-14T07:00Z")
        told.append(rows[inside]["y"].tolist())
        assert rows["y_raw"].tolist() == list(range(240))
        assert rows[~inside]["y"].tolist() == rows[~inside]["y_raw"].tolist()
        assert set(rows["quality"]) == {"ok"}
        assert prepared.rebuild(store, RULES, [name]) == 0
    came = [50.0, 51.0, 52.0, 53.0, 54.0, 55.0]
    assert told == [[0.5 * y + 3 for y in came], [2 * y + 3 for y in came], came]
    known = [kept.read(store, NOW + pd.Timedelta(days=d), [name]) for d in (-1, 0, 1, 2)]
    assert [k["factor"].tolist() for k in known] == [[], [0.5], [2.0], []]
    assert known[0].empty, "as of before the note nothing was known"


def test_another_text_is_no_other_conversion(
    store: Connection, counted: Callable[[str], str]
) -> None:
    """Stated again with another text the conversion stays known from when it was; withdrawn, it goes."""
    name = counted("noted/w")
    ledger.register_source(store, name, clock="wall", step_seconds=3600)
    one = converting(name, "2018-02-14 06:00", "0.5", 3)
    notes.annotate_one(store, one, **HOW)
    told = []
    for said in (one._replace(note="in kW"), one._replace(note="in kW", withdrawn=True)):
        later = NOW + pd.Timedelta(days=len(told) + 1)
        notes.annotate_one(store, said, now=later, rules=RULES)
        told.append(kept.read(store, EVER, [name])["available_at"].tolist())
    assert told == [[pd.Timestamp(NOW)], []]


def test_until_further_notice(store: Connection, counted: Callable[[str], str]) -> None:
    """Without an end it holds for what comes; one that starts later says when it is over."""
    name = counted("noted/v")
    done = notes.annotate_one(store, converting(name, None, 0.001), **HOW)
    assert done.followed.changed == {name: 190}
    assert kept.read(store, EVER, [name])["ends_at"].tolist() == [notes.OPEN]
    mended = note(name, "2018-02-20T00:00Z", "", "unit_changed")._replace(factor=1)
    notes.annotate_one(store, mended, **HOW)
    rows = prepared.read(store, [name]).set_index("ds")
    assert (rows["y"] != rows["y_raw"]).sum() == 142
    assert rows["y"]["2018-02-19T23:00Z"] == 0.191
    assert rows["y"]["2018-02-20T00:00Z"] == 192.0
    assert prepared.rebuild(store, RULES, [name]) == 0
    back = [n._replace(factor=None, withdrawn=True) for n in (mended, converting(name, "", "x"))]
    assert notes.annotate(store, dict(enumerate(back)), **HOW).withdrawn == 2
    rows = prepared.read(store, [name])
    assert rows["y"].equals(rows["y_raw"])


def test_what_comes_after_the_note_is_converted(
    store: Connection,
    counted: Callable[[str], str],
    load: Callable[..., ledger.Counts],
) -> None:
    """A reading that comes into an open stretch is converted as it is cleaned."""
    name = counted("noted/w")
    notes.annotate_one(store, converting(name, None, 0.5), **HOW)
    ds = pd.date_range("2018-02-22", periods=2, freq="h", tz="UTC")
    load(pd.DataFrame({"unique_id": name, "ds": ds, "y": [480.0, 482.0]}))
    prepared.follow(store, RULES, [name])
    rows = prepared.read(store, [name]).tail(2)
    assert (rows["y"].tolist(), rows["y_raw"].tolist()) == ([240.0, 241.0], [480.0, 482.0])


@pytest.mark.parametrize(("factor", "offset", "told"), [
    (None, None, ("no factor", "leads back")),
    ("", 3, ("no factor", "leads back")),
    (0, None, ("zero", "leads back")),
    ("0.0", None, ("zero", "leads back")),
    ("a thousand", None, ("not a number", "decimal point")),
    ("0,001", None, ("not a number", "decimal point")),
    ("1_000", None, ("not a number", "decimal point")),
    (True, None, ("not a number", "decimal point")),
    ([1], None, ("not a number", "decimal point")),
    (float("nan"), None, ("not a finite number", "decimal point")),
    ("1e999", None, ("not a finite number", "decimal point")),
    (10**400, None, ("not a finite number", "decimal point")),
    (2, "warm", ("not a number", "decimal point")),
    (2, float("inf"), ("not a finite number", "decimal point")),
])  # fmt: skip
def test_what_is_no_conversion_is_refused(
    store: Connection,
    counted: Callable[[str], str],
    factor: object,
    offset: object,
    told: tuple[str, str],
) -> None:
    """A factor that is missing, zero or no number is refused with what would do."""
    name = counted("noted/x")
    done = notes.annotate(store, {0: converting(name, None, factor, offset)}, **HOW)
    assert (done.added, len(done.refused)) == (0, 1)
    assert told[0] in done.refused[0].reason
    assert told[1] in done.refused[0].fix


@pytest.mark.parametrize("given", [{"factor": 0.5}, {"offset": "0"}, {"factor": "x"}])
@pytest.mark.parametrize("kind", [k for k in notes.KINDS if k != "unit_changed"])
def test_no_other_kind_converts(
    store: Connection, counted: Callable[[str], str], kind: str, given: dict[str, object]
) -> None:
    """A factor or offset beside another kind is refused, and the kind that has them is named."""
    name = counted("noted/y")
    one = note(name, "2018-02-14 00:00", "2018-02-14 06:00", kind)._replace(**given)
    with pytest.raises(DataFault, match=r"kind that converts nothing.*use kind unit_changed"):
        notes.annotate_one(store, one, **HOW)


@pytest.mark.parametrize("row", [
    {"kind": "ignore", "factor": 2.0, "offset": 0.0}, {"factor": 2.0}, {"offset": 2.0}, {},
    {"factor": 0.0, "offset": 0.0}, {"factor": float("inf"), "offset": 0.0},
    {"factor": 2.0, "offset": float("-inf")}, {"factor": 2.0, "offset": 0.0, "withdrawn": True},
])  # fmt: skip
def test_the_database_keeps_no_half_conversion(
    store: Connection, counted: Callable[[str], str], row: dict[str, object]
) -> None:
    """Factor and offset stand in rows that state a change of unit, finite, and in no others."""
    said = {
        "unique_id": counted("noted/z"),
        "starts_at": NOW,
        "ends_at": EVER,
        "kind": "unit_changed",
        "note": "",
        "available_at": NOW,
        "withdrawn": False,
    }
    columns = said | row
    names = ", ".join(f'"{name}"' for name in columns)
    with pytest.raises(psycopg.errors.CheckViolation), store.transaction():
        store.execute(
            f"INSERT INTO annotation ({names}) VALUES ({', '.join(['%s'] * len(columns))})".encode(),
            list(columns.values()),
        )


@pytest.mark.parametrize(("bad", "reason"), [
    (note("noted/none", "2018-02-14 00:00", "2018-02-15 00:00"), "no registered series"),
    (note(None, "2018-02-14 00:00", "2018-02-15 00:00"), "no registered series"),
    (note("a\x00b", "2018-02-14 00:00", "2018-02-15 00:00"), "no registered series"),
    (note("\ud800", "2018-02-14 00:00", "2018-02-15 00:00"), "no registered series"),
    (note("noted/e", "2018-02-14 00:00", "2018-02-15 00:00", "ignroe"), "no kind"),
    (note("noted/e", "2018-02-14 00:00", "2018-02-15 00:00", ["ignore"]), "no kind"),
    (note("noted/e", "2018-02-14 00:00", "2018-02-15 00:00", "ignore", 7), "no note"),
    (note("noted/e", "2018-02-14 00:00", "2018-02-15 00:00", "ignore", "x" * 1001), "no note"),
    (note("noted/e", "2018-02-17 23:30", "2018-02-19 00:00"), "occurs twice"),
    (note("noted/e", "2018-11-04 00:30", "2018-11-05 00:00"), "does not exist"),
    (note("noted/e", "2018-02-15 00:00", "2018-02-14 00:00"), "not after its start"),
    (note("noted/e", "03/04/2018", "2018-05-14 00:00"), "either way"),
    (note("noted/e", "soon", "2018-02-14 00:00"), "not a timestamp"),
    (note("noted/e", 1518566400, "2018-02-14 00:00"), "no time"),
    (note("noted/e", "2018-02-14 00:00", None), "no time"),
])  # fmt: skip
def test_a_bad_row_is_refused_with_its_fix(
    store: Connection, counted: Callable[[str], str], bad: Note, reason: str
) -> None:
    """Each bad row says value, reason and fix; its neighbour is kept."""
    name = counted("noted/e")
    good = note(name, "2018-02-13 00:00", "2018-02-13 01:00")
    done = notes.annotate(store, {"bad": bad, "good": good}, **HOW)
    assert [r.place for r in done.refused] == ["bad"]
    assert reason in done.refused[0].reason
    assert done.refused[0].fix
    assert done.outcomes["good"] in ("added", "unchanged")


def test_a_sheet_is_read_row_by_row(
    store: Connection, counted: Callable[[str], str], tmp_path: Path
) -> None:
    """CSV, by comma or semicolon, and XLSX with true dates say the same; bad rows have a place."""
    name = counted("noted/f")
    text = (
        HEADER
        + f"{name},2018-02-14 00:00,2018-02-14 06:00,ignore,repair\n,,,,\n{name},x,,ignore,\n"
    )
    (tmp_path / "a.csv").write_text(text)
    (tmp_path / "b.csv").write_text(text.replace(",", ";"))
    book = openpyxl.Workbook()
    start, end = pd.Timestamp("2018-02-14"), pd.Timestamp("2018-02-14 06:00")
    for row in (HEADER.strip().split(","), [name, start, end, "ignore", "repair"], [name, "x"]):
        book.active.append(row)
    book.save(tmp_path / "c.xlsx")
    told = [notes.annotate_file(store, tmp_path / f, **HOW) for f in ("a.csv", "b.csv", "c.xlsx")]
    assert [(t.added, t.unchanged) for t in told] == [(1, 0), (0, 1), (0, 1)]
    assert [t.refused[0].place for t in told] == ["a.csv row 4", "b.csv row 4", "c.xlsx row 3"]


def test_a_sheet_states_conversions(
    store: Connection, counted: Callable[[str], str], tmp_path: Path
) -> None:
    """Factor and offset are columns of the sheet, beside withdrawn or without it, as true numbers too."""
    name = counted("noted/fa")
    head, row = f"{HEADER.strip()},factor,offset", f"{name},2018-02-14 00:00,,unit_changed,g for kg"
    (tmp_path / "a.csv").write_text(f"{head}\n{row},0.001,\n{row},zero,\n")
    book = openpyxl.Workbook()
    book.active.append(["offset", "factor", *HEADER.strip().split(",")])
    book.active.append([-17.5, 0.25, *row.split(",")])
    book.save(tmp_path / "b.xlsx")
    done = notes.annotate_file(store, tmp_path / "a.csv", **HOW)
    assert (done.added, [r.place for r in done.refused]) == (1, ["a.csv row 3"])
    assert notes.annotate_file(store, tmp_path / "b.xlsx", **HOW).added == 1
    (now,) = kept.read(store, EVER, [name])[["factor", "offset"]].to_dict("records")
    assert now == {"factor": 0.25, "offset": -17.5}


@pytest.mark.parametrize("text", [
    "", "unique_id,starts_at\nnoted/g,x\n", "a;b\n1;2\n", HEADER.replace("note", "kind"), "\x00\x01",
])  # fmt: skip
def test_a_sheet_of_another_shape_keeps_nothing(
    store: Connection, tmp_path: Path, text: str
) -> None:
    """A file without the columns raises DataFault."""
    (tmp_path / "f.csv").write_text(text)
    with pytest.raises(DataFault):
        notes.annotate_file(store, tmp_path / "f.csv", **HOW)


def test_a_missing_file_is_named(store: Connection, tmp_path: Path) -> None:
    """A path that is not there raises DataFault, as does a workbook that is none."""
    (tmp_path / "f.xlsx").write_text("no workbook")
    for name in ("none.csv", "none.xlsx", "f.xlsx", "f.pdf"):
        with pytest.raises(DataFault, match=name):
            notes.annotate_file(store, tmp_path / name, **HOW)
