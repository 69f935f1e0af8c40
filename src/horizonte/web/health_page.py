"""``GET /health``: every process and feed, when it was last seen, and what mends what is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from horizonte.doctor import home, stored
from horizonte.doctor.finding import Check, Finding, heard
from horizonte.embedded import services
from horizonte.errors import Fault
from horizonte.serve import run
from horizonte.store import alarms, moments, retrainings, seen, verdicts
from horizonte.store import overview as targets
from horizonte.store.connection import Connection
from horizonte.web import health, overview, pages
from horizonte.web.health import Seen
from horizonte.web.language import Texts
from horizonte.web.pages import Part
from horizonte.web.service import Refused

DAY = timedelta(days=1)
NOT_RUN = "monitor not run"  # the alarm
ORDER = {"fault": 0, "warning": 1, "ok": 2}


def show(request: Request) -> Response:
    """Answer with what can be seen from here; asking one part never waits for another."""
    page, state = pages.page(request), request.app.state
    topics = {source.name: bool(source.topics) for source in state.sources}
    with ThreadPoolExecutor(4) as pool:
        stored_ = pool.submit(
            pages.part, lambda: state.database.read(_stored, page.t, topics, page.now)
        )
        asked = [pool.submit(one, page.t, state) for one in (_service, _bucket)]
        here = pool.submit(_here)
        found: Part = stored_.result()
        parts = [_database(page.t, found), _broker(page.t, state), *(one.result() for one in asked)]
    values = found.value or {}
    parts += values.pop("parts", [])
    return pages.html(
        page,
        "health.html.j2",
        seen_parts=parts,
        hub=state.hub.last(),
        doctor=here.result(),
        **{"feeds": [], "forecasts": [], "alarms": [], "letters": [], "missing": found.missing}
        | values,
    )


def _database(t: Texts, found: Part) -> Seen:
    if found.missing:
        return health.away(t, "database", found.missing)
    return Seen(t("health_part.database"), "ok", found.value["server"])


def _broker(t: Texts, state: Any) -> Seen:
    hub = state.hub
    last = max(hub.last().values(), default=None)
    return health.broker(t, declared=hub.declared, online=hub.online, why=hub.why, last=last)


def _service(t: Texts, state: Any) -> Seen:
    def asked() -> dict[str, Any]:
        state.service.ready()
        found: dict[str, Any] = state.service.read("GET", "/version")
        return found

    try:
        found = pages.part(asked)
    except Refused as why:
        return Seen(
            t("health_part.service"), "fault", why.why, cure=why.fix or t("health_cure.service")
        )
    return (
        health.away(t, "service", found.missing)
        if found.missing
        else health.service(t, found.value)
    )


def _bucket(t: Texts, state: Any) -> Seen:
    found = pages.part(lambda: state.reports.away("monitoring/index"))
    if found.missing:
        return health.away(t, "bucket", found.missing)
    return Seen(t("health_part.bucket"), "ok", t("health.answers"))


def _stored(conn: Connection, t: Texts, topics: dict[str, bool], now: datetime) -> dict[str, Any]:
    raised = alarms.raised(conn)
    lines = overview.lines(targets.targets(conn), clocks=moments.now(conn), alarms=())
    late = any(row.name == NOT_RUN for row in raised)
    parts = [
        *health.processes(t, seen.processes(conn, since=now - DAY), now),
        health.issuer(t, held=seen.held(conn, seen.ISSUER)),
        health.monitor(t, verdicts.latest(conn), late=late),
        health.worker(t, retrainings.waiting(conn)),
    ]
    return {
        "server": f"PostgreSQL {conn.info.server_version // 10_000}",
        "parts": parts,
        "feeds": health.feeds(t, seen.feeds(conn), topics=topics, now=now),
        "forecasts": health.forecasts(t, lines),
        "alarms": [(row.recorded_at, row.thing, t.sentence(row)) for row in raised],
        "letters": list(stored.letters(conn)),
    }


def _here() -> list[Finding]:
    """Return what ``horizonte doctor`` says of the processes of this home; nothing where there are none."""
    try:
        own = [one for one in services.status() if one.state != "external"]
        if all(one.detail == services.NEVER for one in own) and run.running() is None:
            return []
    except Fault:
        return []
    checks: dict[str, Check] = {
        "services": _embedded,
        "disk": home.disk,
        "consumers": home.consumers,
        "forecast service": home.service,
    }
    return sorted(heard(checks), key=lambda one: ORDER[one.state])


def _embedded() -> Iterator[Finding]:
    """Yield what is said of the services of this home; those elsewhere are among the parts."""
    return (one for one in home.embedded() if not one.seen.startswith("external"))
