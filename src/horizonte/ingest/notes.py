"""What people know of a stretch of a series: checked row by row, kept, and followed at once."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa
from psycopg.rows import dict_row

from horizonte import freq
from horizonte.errors import DataFault
from horizonte.ingest import times
from horizonte.ingest.conversion import conversion
from horizonte.ingest.messages import Refused
from horizonte.ingest.notesheet import Note, Place, read_sheet
from horizonte.ingest.readings import WHY
from horizonte.ingest.sources import Source
from horizonte.params import Rules
from horizonte.prepare.convert import CONVERTED, Unit
from horizonte.store import annotations as store
from horizonte.store import ledger, prepared
from horizonte.store.connection import Connection
from horizonte.store.prepared import Followed

KINDS = {
    "ignore": "its values are no evidence: not to be trained on or scored",
    "shutdown": "the plant stood still: not to be trained on or scored",
    "sensor_replaced": "from its start on another sensor reads: no rule or model looks across it",
    "planned_event": "true and known to be unusual: kept, but not to be trained on or scored",
    "unit_changed": "its readings came in another unit: converted, then cleaned as any other",
}
OPEN = pd.Timestamp("2199-12-31", tz="UTC")  # the end of what holds until further notice
LONGEST_NOTE = 1000
LONGEST_ID = 400
_ISO = "write it as 2024-03-31 14:00, or with its offset from UTC"
_UNCLEAR = (times.ORDER, times.SERIAL, times.EMPTY, times.WORDS)


class Refusal(NamedTuple):
    """A row that is no annotation: where it stood, what it held, why, and what would do."""

    place: Place
    value: str
    reason: str
    fix: str


class Noted(NamedTuple):
    """What became of annotations: how many were new, withdrawn or known, the refused, the cleaning."""

    added: int
    withdrawn: int
    unchanged: int
    refused: list[Refusal]
    followed: Followed
    outcomes: dict[Place, str]  # added, withdrawn, unchanged or refused, by the place of the row


class _Sound(NamedTuple):
    """Rows that may be kept (ANNOTATION and place), and the others."""

    rows: pd.DataFrame
    refused: list[Refusal]


def annotate(
    conn: Connection, rows: Mapping[Place, Note], *, now: datetime, rules: Rules | None
) -> Noted:
    """Keep the rows that are right, refuse the others one by one, and clean what they touch.

    Times without an offset are in the zone of their series, refused where a clock change makes
    them double or missing. A row that is known already changes nothing; one that withdraws takes
    back the annotation of the same series, stretch and kind, whatever its note. Without ``rules``
    the cleaning is left to the next who follows.
    """
    sound = _checked(conn, rows, pd.Timestamp(now))
    told = dict(zip(sound.rows["place"], store.add(conn, sound.rows), strict=True))
    touched = sorted(set(sound.rows["unique_id"]))
    followed = prepared.follow(conn, rules, touched) if rules else Followed({}, {})
    unknown = [Refusal(place, *_UNKNOWN) for place, fate in told.items() if fate == "unknown"]
    refused = [*sound.refused, *unknown]
    outcomes = told | {refusal.place: "refused" for refusal in refused}
    counts = Counter(outcomes.values())
    return Noted(
        counts["added"], counts["withdrawn"], counts["unchanged"], refused, followed, outcomes
    )


def annotate_one(conn: Connection, note: Note, *, now: datetime, rules: Rules | None) -> Noted:
    """Keep one annotation; raise DataFault when it is refused."""
    done = annotate(conn, {"annotation": note}, now=now, rules=rules)
    for refusal in done.refused:
        raise DataFault("annotation", refusal.value, f"accepted: {refusal.reason}", refusal.fix)
    return done


def annotate_file(conn: Connection, path: Path, *, now: datetime, rules: Rules | None) -> Noted:
    """Keep the rows of a CSV or XLSX sheet (unique_id, starts_at, ends_at, kind, note, …).

    A bad row is refused by itself; a sheet that is none raises DataFault, and nothing is kept.
    """
    rows, bad = read_sheet(path)
    done = annotate(conn, rows, now=now, rules=rules)
    refused = [*done.refused, *(Refusal(*one) for one in bad)]
    return done._replace(refused=refused)


def _checked(conn: Connection, rows: Mapping[Place, Note], now: pd.Timestamp) -> _Sound:
    named = {name for note in rows.values() if (name := _name(note)) is not None}
    with conn.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(_SERIES, (sorted(named),)).fetchall()
    known = {row["unique_id"]: row for row in found}
    refused, spans = [], {}
    for place, note in rows.items():
        try:
            facts = _facts(note, known)
            unit = None if _withdrawn(note) else conversion(note)
            spans[place] = (note, *_span(note, facts), _now_of(conn, facts, now), unit)
        except Refused as why:
            refused.append(Refusal(place, str(why.value)[:60], why.reason, why.fix))
    return _Sound(_frame(spans), refused)


def _facts(note: Note, known: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Return what is known of the note's series; raise Refused when it cannot be kept."""
    name = _name(note)
    if name is None or name not in known:
        fix = "use a unique_id as GET /series lists it"
        raise Refused(note.unique_id, "no registered series", fix)
    if not isinstance(note.kind, str) or note.kind not in KINDS:
        near = difflib.get_close_matches(str(note.kind)[:60], KINDS, n=1)
        fix = f"did you mean {near[0]}?" if near else f"use one of {', '.join(KINDS)}"
        raise Refused(note.kind, "no kind of annotation", fix)
    if not isinstance(note.note, str) or len(note.note) > LONGEST_NOTE or not _plain(note.note):
        raise Refused(note.note, "no note", f"write up to {LONGEST_NOTE} characters of plain text")
    if _withdrawn(note) is None:
        raise Refused(note.withdrawn, "neither yes nor no", "write yes to withdraw, else nothing")
    return known[name]


def _span(note: Note, facts: Mapping[str, Any]) -> tuple[pd.Timestamp, pd.Timestamp]:
    """Return where the note starts and ends; raise Refused for what are no such times."""
    endless = note.ends_at in (None, "")
    settings = {"name": "notes", "freq": facts["freq"], "zone": facts["zone"]}
    reader = Source.model_validate({**settings, "times": "local", "new_series": 1})
    start = _instant(note.starts_at, reader)
    if endless and note.kind == "sensor_replaced":
        end = start + freq.step(facts["freq"])
    elif endless and note.kind in CONVERTED:
        end = OPEN
    else:
        end = _instant(note.ends_at, reader)
    if end <= start:
        shown = f"{note.starts_at} to {note.ends_at}"
        raise Refused(shown, "an end that is not after its start", "correct it")
    return start, end


def _instant(given: object, reader: Source) -> pd.Timestamp:
    if not isinstance(given, str):
        raise Refused(given, "no time", _ISO)
    found = times.resolve(pa.array([given[:64].strip()], pa.string()), reader)
    if (code := int(found.code[0])) != times.OK:
        reason, fix = WHY[code]
        raise Refused(given, reason, _ISO if code in _UNCLEAR else fix)
    return pd.Timestamp(found.ds[0], tz="UTC")


def _now_of(conn: Connection, facts: Mapping[str, Any], now: pd.Timestamp) -> pd.Timestamp:
    """Return when the note becomes known, on the clock of the series' source."""
    if facts["clock"] == "wall":
        return now
    return ledger.source_now(conn, facts["source"]) or now


def _frame(spans: Mapping[Place, tuple[Note, Any, Any, Any, Unit | None]]) -> pd.DataFrame:
    rows = [
        (n.unique_id, start, end, n.kind, n.note, *(unit or (None, None)), known, _withdrawn(n), at)
        for at, (n, start, end, known, unit) in spans.items()
    ]
    columns = [*_KEPT, "factor", "offset", "available_at", "withdrawn", "place"]
    frame = pd.DataFrame(rows, columns=columns)
    instants = ["starts_at", "ends_at", "available_at"]
    return frame.astype(dict.fromkeys(instants, "datetime64[ns, UTC]"))


def _withdrawn(note: Note) -> bool | None:
    """Return whether the note takes back what was known; None for what says neither."""
    given = note.withdrawn
    return given if isinstance(given, bool) else _SAID.get(str(given or "").strip().lower())


def _name(note: Note) -> str | None:
    """Return the name that the note gives, None where it cannot be one."""
    given = note.unique_id
    fits = isinstance(given, str) and 0 < len(given) <= LONGEST_ID and _plain(given)
    return str(given) if fits else None


def _plain(text: str) -> bool:
    """Say whether a text can be stored: no NUL, no half of a surrogate pair."""
    return "\x00" not in text and not any("\ud800" <= c <= "\udfff" for c in text)


_KEPT = ("unique_id", "starts_at", "ends_at", "kind", "note")
_SAID = {"": False, "no": False, "false": False, "0": False, "yes": True, "true": True, "1": True}
_UNKNOWN = (
    "withdrawn",
    "no annotation of this series, stretch and kind",
    "give starts_at, ends_at and kind as GET /annotations lists them",
)
_SERIES = """SELECT unique_id, freq, zone, s.source, c.clock
    FROM series s LEFT JOIN source c ON c.name = s.source WHERE unique_id = ANY(%s::text[])"""
