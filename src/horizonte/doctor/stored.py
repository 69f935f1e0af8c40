"""What the database tells of the feeds, of what was refused, and of monitoring; from any host."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

import pandas as pd

from horizonte.doctor.finding import Finding
from horizonte.ingest.sources import Source
from horizonte.monitor import absence
from horizonte.store import alarms, retrainings, verdicts
from horizonte.store.connection import Connection

MOST_LATE = 10


def database(conn: Connection, sources: Iterable[Source], now: datetime) -> Iterator[Finding]:
    """Say that it answers, what waits to be cleaned, how old each feed is, and what was refused."""
    yield Finding("database", "ok", f"PostgreSQL {conn.info.server_version // 10000}, migrated")
    waiting = _one(conn, "SELECT count(*) FROM prepared.stale")
    if waiting > 1000:
        seen = f"{waiting:,} stretches wait to be cleaned"
        yield Finding("prepared database", "warning", seen, "run `horizonte stream`, or ingest")
    for source in sources:
        yield from _fresh(conn, source, now)
    yield from letters(conn)


def _fresh(conn: Connection, source: Source, now: datetime) -> Iterator[Finding]:
    if source.clock != "wall":
        return
    row = conn.execute(
        "SELECT max(newest_available_at) FROM ingest_batch WHERE source = %s", (source.name,)
    ).fetchone()
    if row is None or row[0] is None:
        yield Finding(f"source {source.name}", "warning", "no reading yet", "load or send some")
        return
    age = max(pd.Timedelta(0), pd.Timestamp(now) - pd.Timestamp(row[0]))
    if age > absence.STEPS * pd.Timedelta(source.freq):
        seen = f"stale: its newest reading could be known {age.floor('s')} ago"
        fix = "look at its devices, its topics and the dead letters"
        yield Finding(f"source {source.name}", "warning", seen, fix)
    else:
        yield Finding(f"source {source.name}", "ok", f"newest reading {age.floor('s')} ago")


def letters(conn: Connection) -> Iterator[Finding]:
    """Say what was refused most in a day, source by source."""
    rows = conn.execute(
        """SELECT b.source, count(*), mode() WITHIN GROUP (ORDER BY l.reason),
                  mode() WITHIN GROUP (ORDER BY l.fix)
           FROM dead_letter l JOIN ingest_batch b ON b.id = l.ingest_batch_id
           WHERE l.recorded_at > now() - interval '1 day' AND l.replayed_as IS NULL
           GROUP BY b.source ORDER BY 2 DESC"""
    ).fetchall()
    for source, count, reason, fix in rows:
        seen = f"{count:,} dead letters of {source} in a day, most: {reason}"
        yield Finding("dead letters", "warning", seen, f"{fix}; then horizonte dead-letters replay")


def monitoring(conn: Connection) -> Iterator[Finding]:
    """Say what the last monitoring decided, and which alarms are on."""
    verdict, raised = verdicts.latest(conn), alarms.raised(conn)
    if verdict is None:
        yield Finding("monitoring", "warning", "it was never run", "run `horizonte monitor`")
    else:
        seen = f"verdict {verdict.id} as of {verdict.as_of:%Y-%m-%d %H:%M}Z: {verdict.sentence_en}"
        yield Finding("monitoring", "ok", seen)
    for row in raised[:MOST_LATE]:
        seen = f"{row.name}, since {row.recorded_at:%Y-%m-%d %H:%M}Z: {row.sentence_en}"
        yield Finding(f"alarm of {row.thing}", "warning", seen, "see docs/loop.md, Alarms")
    if len(raised) > MOST_LATE:
        more = f"{len(raised) - MOST_LATE} more are raised"
        yield Finding("alarms", "warning", more, "see the table alarm")


def retraining(now: datetime, conn: Connection) -> Iterator[Finding]:
    """Say what waits for a worker, and whether one comes."""
    run, idle = retrainings.waiting(conn), retrainings.idle(conn)
    if run is None:
        yield Finding("retraining", "ok", "nothing waits")
    elif idle is None:
        yield Finding("retraining", "ok", f"a worker is at request {run.id}: {run.why}")
    else:
        instant = pd.Timestamp(now)
        late = absence.untaken(run.id, waited=instant - run.recorded_at, idle=instant - idle[1])
        seen = f"request {run.id} waits since {run.recorded_at:%Y-%m-%d %H:%M}Z: {run.why}"
        if late:
            yield Finding("retraining", "warning", seen, "run `horizonte retrain --watch`")
        else:
            yield Finding("retraining", "ok", seen)


def _one(conn: Connection, query: str) -> int:
    row = conn.execute(query.encode()).fetchone()
    return 0 if row is None else int(row[0])
