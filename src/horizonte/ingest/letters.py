"""Dead letters: listed, exported, and read again once their mapping is corrected."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from horizonte.ingest import live
from horizonte.ingest.intake import Intake, Message, Understood
from horizonte.ingest.live import Origin
from horizonte.ingest.sources import Source
from horizonte.params import Rules
from horizonte.store import ledger, prepared
from horizonte.store.bulk import read_frame
from horizonte.store.connection import Connection
from horizonte.store.ledger import PAYLOAD_BYTES, VALUE_BYTES, Counts

PLACES = ("file", "sheet", "row", "column", "topic")
COLUMNS = ("id", "source", "recorded_at", *PLACES, "value", "reason", "fix", "replayed_as")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_AT_ONCE = 1000
_LIMITS = {"most": PAYLOAD_BYTES, "longest": VALUE_BYTES}


class Which(NamedTuple):
    """Letters to choose: of a source, recorded since, by id; None does not restrict."""

    source: str | None = None
    since: datetime | None = None
    ids: Sequence[int] | None = None


class Replayed(NamedTuple):
    """What reading again brought: letters marked, still failing, skipped (why, how many)."""

    replayed: int
    failing: int
    skipped: dict[str, int]
    counts: Counts


def listed(
    conn: Connection, which: Which | None = None, *, limit: int = 100, offset: int = 0
) -> pd.DataFrame:
    """Return dead letters (COLUMNS), newest first."""
    params = _params(which) | {"limit": limit, "offset": offset}
    return read_frame(
        conn, _SELECT + " ORDER BY d.id DESC LIMIT %(limit)s OFFSET %(offset)s", params
    )


def export(conn: Connection, path: Path, which: Which | None = None) -> int:
    """Write dead letters (COLUMNS), oldest first, as CSV for a spreadsheet; return how many.

    A cell that a spreadsheet program would run as a formula gets an apostrophe before it.
    """
    written, last = 0, 0
    with path.open("w", encoding="utf-8-sig", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(COLUMNS)
        while True:
            params = _params(which) | {"last": last, "limit": _AT_ONCE}
            rows = read_frame(conn, _SELECT + _ONWARDS, params)
            for row in rows.astype(object).where(rows.notna(), None).itertuples(index=False):
                table.writerow([_harmless(cell) for cell in row])
            if len(rows) < _AT_ONCE:
                return written + len(rows)
            written, last = written + len(rows), int(rows["id"].iloc[-1])


def replay(
    conn: Connection, sources: Iterable[Source], which: Which | None = None, *, rules: Rules
) -> Replayed:
    """Read kept messages again by the present mapping of ``sources``, and clean what they touch.

    Each message counts as when it came: its arrival, and its delivery key, by which a reading
    that is stored already changes nothing. Letters that it now reads without are marked with
    the batch; the others stay as they are, and none is added. One transaction per message.
    """
    intake = Intake(list(sources))
    params = _params(which)
    skipped = {why: n for why, n in conn.execute(_SKIPPED, params).fetchall() if why}
    marked, failing, counts = 0, 0, Counts()
    for (ids,) in conn.execute(_MESSAGES, params).fetchall():
        good, some = _again(conn, intake, ids)
        marked, failing, counts = marked + good, failing + len(ids) - good, counts + some
    if len(counts.touched):
        prepared.follow(conn, rules, counts.touched["unique_id"].astype(str))
    return Replayed(marked, failing, skipped, counts)


def _again(conn: Connection, intake: Intake, ids: list[int]) -> tuple[int, Counts]:
    """Read the message of letters ``ids`` again; return how many it now reads without."""
    kept = conn.execute(_PAYLOAD, (ids,)).fetchall()
    _, _, topic, payload, arrived = kept[0]
    message = Message(topic, bytes(payload), pd.Timestamp(arrived).value)
    part: Understood = intake.understood([message])[0]
    if not len(part.rows):
        return 0, Counts()
    with conn.transaction():
        live.declare(conn, part.source)
        origin = Origin("stream", "dead letters", part.source, pd.Timestamp(arrived))
        done = live.accept(conn, part.rows, part.letters[:0], origin=origin)
        lost = part.rows["unique_id"][done.outcome == "refused"]
        if len(lost):  # crowded out again: the letter is there already
            conn.execute("DELETE FROM dead_letter WHERE ingest_batch_id = %s", (done.batch_id,))
            conn.execute(_UNCOUNT, (done.batch_id,))
        left = Counter(ledger.bounded(str(v)) or "" for v in [*part.letters["value"], *lost])
        read = [i for i, value, *_ in kept if not _take(left, value)]
        # What now fails for another reason is still one of these letters.
        read = read[: max(0, len(read) - left.total())]
        conn.execute(_MARK, (done.batch_id, read))
    return len(read), done.counts


def _take(left: Counter[str], value: str | None) -> bool:
    """Say whether ``value`` is among what still fails, and count it off."""
    fails = left[value or ""] > 0
    left[value or ""] -= fails
    return fails


def _params(which: Which | None) -> dict[str, object]:
    chosen = which or Which()
    ids = None if chosen.ids is None else list(chosen.ids)
    return {"source": chosen.source, "since": chosen.since, "ids": ids, **_LIMITS}


def _harmless(cell: object) -> object:
    text = cell.isoformat() if isinstance(cell, datetime) else cell
    return f"'{text}" if isinstance(text, str) and text.startswith(_FORMULA) else text


_FROM = """ FROM dead_letter d JOIN ingest_batch b ON b.id = d.ingest_batch_id
    WHERE (%(source)s::text IS NULL OR b.source = %(source)s)
      AND (%(since)s::timestamptz IS NULL OR d.recorded_at >= %(since)s)
      AND (%(ids)s::bigint[] IS NULL OR d.id = ANY(%(ids)s))"""
_SELECT = f"""SELECT d.id, b.source, d.recorded_at, file, sheet, "row", "column", topic,
    value, reason, fix, replayed_as {_FROM}"""
_ONWARDS = " AND d.id > %(last)s ORDER BY d.id LIMIT %(limit)s"
_SKIPPED = f"""SELECT CASE WHEN payload IS NULL AND file IS NOT NULL
        THEN 'of files: correct sources.yaml, then horizonte ingest --again'
        WHEN payload IS NULL THEN 'without their message: send the corrected readings again'
        WHEN payload_bytes > %(most)s THEN 'cut at 64 KiB when kept: send them again'
        WHEN octet_length(topic) >= %(longest)s THEN 'with a topic cut at 1 kB: send them again'
    END AS why, count(*) {_FROM} AND replayed_as IS NULL GROUP BY 1"""
_MESSAGES = f"""SELECT array_agg(d.id ORDER BY d.id) {_FROM}
      AND replayed_as IS NULL AND payload_bytes <= %(most)s AND octet_length(topic) < %(longest)s
    GROUP BY topic, arrived_at, md5(payload) ORDER BY min(d.id)"""
_PAYLOAD = """SELECT id, value, topic, payload, arrived_at FROM dead_letter
    WHERE id = ANY(%s) ORDER BY id"""
_UNCOUNT = "UPDATE ingest_batch SET rows_read = rows_read - refused, refused = 0 WHERE id = %s"
_MARK = "UPDATE dead_letter SET replayed_as = %s WHERE id = ANY(%s)"
