"""What is wrong here, and what to do about it: every part asked for real, one line each."""

from __future__ import annotations

import re
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Literal, NamedTuple

import pandas as pd
import psycopg

from horizonte import paths
from horizonte.config import settings
from horizonte.embedded import services
from horizonte.errors import Fault
from horizonte.ingest import broker as brokers
from horizonte.ingest import window as windows
from horizonte.ingest.broker import Broker, Flow
from horizonte.ingest.consume import PULLS, consumers
from horizonte.ingest.sources import Source, load_sources
from horizonte.serve import freshness, issuer_process, issuing
from horizonte.serve import run as service
from horizonte.store import alarms, promotions, series, verdicts
from horizonte.store.connection import Connection, connect

FREE_BYTES = 2 << 30
STALE_STEPS = 3
PATIENCE = "5s"  # with a query of ours
FULL = 0.9  # of what can wait
MOST_LATE = 10
State = Literal["ok", "warning", "fault"]


class Finding(NamedTuple):
    """One part: its state, what was seen, and the next step (empty when all is well)."""

    part: str
    state: State
    seen: str
    fix: str = ""


def examine(now: datetime) -> list[Finding]:
    """Return what every part of this home says for itself at ``now``; starts nothing."""
    found: list[Finding] = []
    for part, check in _checks(now).items():
        try:
            found += check()
        except Fault as fault:
            found.append(Finding(part, "fault", f"{fault.thing}: not {fault.allowed}", fault.fix))
        except psycopg.errors.QueryCanceled:
            seen = f"no answer within {PATIENCE}: something holds its locks, or it is overloaded"
            found.append(Finding(part, "fault", seen, "look at pg_stat_activity and pg_locks"))
        except Exception as why:  # noqa: BLE001 (a check that breaks is a finding, not a crash)
            found.append(Finding(part, "fault", f"{type(why).__name__}: {why}", "see above"))
    return found


def _checks(now: datetime) -> dict[str, Callable[[], Iterator[Finding]]]:
    return {
        "services": _services,
        "disk": _disk,
        "broker": _broker,
        "consumers": _consumers,
        "database": lambda: _database(now),
        "forecast service": _service,
        "issuer": _issuer,
        "forecasts": _forecasts,
        "monitoring": _monitoring,
    }


def _services() -> Iterator[Finding]:
    for row in services.status():
        good = row.state in ("running", "external")
        state: State = "ok" if good else "warning" if row.detail == services.NEVER else "fault"
        fix = "" if good else "run `horizonte up`, which also heals"
        yield Finding(row.name, state, f"{row.state}: {row.detail}", fix)


def _disk() -> Iterator[Finding]:
    free = shutil.disk_usage(paths.project_root()).free
    fix = "" if free >= FREE_BYTES else "free some, or move HORIZONTE_HOME"
    yield Finding("disk", "ok" if free >= FREE_BYTES else "fault", f"{free >> 20:,} MiB free", fix)


def _broker() -> Iterator[Finding]:
    if any(row.name == "mqtt" and row.detail == services.NEVER for row in services.status()):
        return  # said among the services
    flow = Flow.of(settings())
    broker = Broker.of(settings(), services.endpoints().mqtt)
    made, answers = brokers.client(broker, client_id="", persistent=False), []
    made.on_connect = lambda *given: answers.append(given[3])
    try:
        brokers.connect(made, broker, persistent=False)
        deadline = time.monotonic() + 5
        while not answers and time.monotonic() < deadline:
            made.loop(0.1)
    except OSError as why:
        yield Finding(
            "broker", "fault", f"{broker} cannot be reached: {why}", "start or correct it"
        )
        return
    finally:
        made.disconnect()
    if not answers or answers[0].is_failure:
        seen = f"{broker} {'does not answer' if not answers else f'refuses: {answers[0]}'}"
        yield Finding("broker", "fault", seen, "correct user and password in HORIZONTE_MQTT")
        return
    yield Finding("broker", "ok", f"{broker} accepts this user")
    if settings().mqtt is not None:  # that of the embedded one is known, and its batch fits
        yield _window(broker, flow)


def _window(broker: Broker, flow: Flow) -> Finding:
    try:
        found = windows.measure(broker, flow)
    except windows.Unmeasured as why:
        return Finding("broker window", "ok", f"could not be measured: {why}")
    seen = f"{found} messages wait for their acknowledgement, a batch of {flow.batch:,} needs "
    seen += f"{2 * flow.batch:,}: it, and the next one while it is written"
    if found.below(2 * flow.batch):
        state: State = "fault" if found.below(flow.batch) else "warning"
        return Finding("broker window", state, seen, windows.advice(flow, found))
    return Finding("broker window", "ok", seen)


def _consumers() -> Iterator[Finding]:
    wanted = [s.name for s in _sources().values() if s.topics]
    home = settings().home_folder()
    for row in consumers(home, folder=PULLS):
        status, said = _asked(f"{row['url']}/livez")
        fix = "" if status == 200 else "look at the endpoint and at the log of the pull"
        yield Finding(f"pull {row['client_id']}", "ok" if status == 200 else "fault", said, fix)
    running = consumers(home)
    if wanted and not running:
        seen = f"nobody consumes the topics of {', '.join(wanted)}"
        yield Finding("consumers", "warning", seen, "run `horizonte stream`")
    for row in running:
        status, said = _asked(f"{row['url']}/livez")
        fix = "" if status == 200 else "look at the devices, the broker and the consumer's log"
        yield Finding(f"consumer {row['client_id']}", "ok" if status == 200 else "fault", said, fix)
        yield from _flow(row["client_id"], _asked(f"{row['url']}/metrics")[1])


def _flow(name: str, metrics: str) -> Iterator[Finding]:
    values = {
        found[1]: float(found[2])
        for found in re.finditer(r"^horizonte_stream_(\w+) ([\d.e+-]+)$", metrics, re.MULTILINE)
    }
    flow = Flow.of(settings())
    # A batch is out of the queue while it is committed, and the broker sends no more than fits.
    if values.get("queued", 0) >= FULL * (flow.window - flow.batch):
        seen = (
            f"its queue is full: {values['queued']:.0f} messages wait for the database "
            f"({values.get('commit_retries_total', 0):.0f} commits tried again)"
        )
        fix = "start the database or look at its load and locks; nothing acknowledged is lost"
        yield Finding(f"consumer {name}", "fault", seen, fix)
    if values.get("sessions_forgotten_total"):
        fix = "let the broker keep sessions (Mosquitto: persistence true)"
        yield Finding(f"consumer {name}", "fault", "the broker forgot its session", fix)


def _database(now: datetime) -> Iterator[Finding]:
    with _patient() as conn:
        yield Finding("database", "ok", f"PostgreSQL {conn.info.server_version // 10000}, migrated")
        waiting = _one(conn, "SELECT count(*) FROM prepared.stale")
        if waiting > 1000:
            seen = f"{waiting:,} stretches wait to be cleaned"
            yield Finding("prepared database", "warning", seen, "run `horizonte stream`, or ingest")
        for source in _sources().values():
            yield from _fresh(conn, source, now)
        yield from _letters(conn)


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
    if age > STALE_STEPS * pd.Timedelta(source.freq):
        seen = f"stale: its newest reading could be known {age.floor('s')} ago"
        fix = "look at its devices, its topics and the dead letters"
        yield Finding(f"source {source.name}", "warning", seen, fix)
    else:
        yield Finding(f"source {source.name}", "ok", f"newest reading {age.floor('s')} ago")


def _letters(conn: Connection) -> Iterator[Finding]:
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


def _service() -> Iterator[Finding]:
    found = service.running()
    if found is None:
        yield Finding("forecast service", "warning", "not running", "run `horizonte serve`")
        return
    status, said = _asked(f"{found.url}/readyz")
    fix = "" if status == 200 else f"read {service.log_file()}"
    seen = f"{found.url} {'forecasts' if status == 200 else said}"
    yield Finding("forecast service", "ok" if status == 200 else "fault", seen, fix)


def _issuer() -> Iterator[Finding]:
    found = issuer_process.running()
    with _patient() as conn:
        alive = issuing.issuing(conn)
    if alive:
        seen = "forecasts are issued" + (f" by process {found.pid}" if found else " elsewhere")
        yield Finding("issuer", "ok", seen)
    elif service.running() is None:
        yield Finding("issuer", "warning", "nobody issues forecasts", "run `horizonte serve`")
    elif settings().issue == "off":
        seen = "nobody issues forecasts, and HORIZONTE_ISSUE is off"
        yield Finding("issuer", "warning", seen, "run `horizonte forecast --watch`")
    else:
        seen = "nobody issues forecasts, though the service runs"
        yield Finding("issuer", "fault", seen, f"read {issuer_process.log_file()}")


def _forecasts() -> Iterator[Finding]:
    with _patient() as conn:
        promotion = promotions.current_promotion(conn)
        known = series.read(conn)
        targets = known.loc[known["role"] == "target", "unique_id"].tolist()
        standings, now = issuing.standing(conn, targets)
    if promotion is None:
        return
    found = freshness.fresh(standings, now, promotion.sha256)
    late = freshness.late(found)
    for one in late[:MOST_LATE]:
        seen = "no live forecast" if one.age is None else f"{one.steps:.0f} steps old"
        seen += ", past its horizon" if one.ended and one.age is not None else ""
        fix = "run `horizonte forecast`; if its model does not know the series, train again"
        yield Finding(f"forecast of {one.unique_id}", "warning", seen, fix)
    if len(late) > MOST_LATE:
        yield Finding("forecasts", "warning", f"{len(late) - MOST_LATE} more are late", "see above")
    if found and not late:
        current = sum(one.up_to_date for one in found)
        yield Finding("forecasts", "ok", f"{current} of {len(found)} from all that is known")


def _monitoring() -> Iterator[Finding]:
    with _patient() as conn:
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


@contextmanager
def _patient() -> Iterator[Connection]:
    """Connect to a database that may be locked: no query of ours waits for ever."""
    with connect() as conn:
        conn.execute(f"SET statement_timeout = '{PATIENCE}'".encode())
        yield conn


def _asked(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 (our own, loopback)
            return answer.status, answer.read().decode().strip()
    except urllib.error.HTTPError as why:
        return why.code, why.read(2000).decode(errors="replace").strip()
    except OSError as why:
        return 0, str(why)


def _sources() -> dict[str, Source]:
    return load_sources(paths.project_root() / "sources.yaml")


def _one(conn: Connection, query: str) -> int:
    row = conn.execute(query.encode()).fetchone()
    return 0 if row is None else int(row[0])
