"""How every part and every feed is, in lines: what was seen, when last, and what mends it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

from horizonte.store.browse import Row
from horizonte.web.language import Texts
from horizonte.web.overview import Line, patience
from horizonte.web.reading import Missing

State = Literal["ok", "warning", "fault"]
SAMPLES = timedelta(minutes=3)  # processes sample once a minute
MOST = 20  # late forecasts that are named


class Seen(NamedTuple):
    """One line: ``what``, its state, what was seen and when last, and its cure (empty when well)."""

    what: str
    state: State
    seen: str
    at: datetime | None = None
    cure: str = ""


def away(t: Texts, part: str, why: Missing) -> Seen:
    """Return the line of a part that does not answer."""
    return Seen(t.named("health_part", part), "fault", why.why, cure=t.named("health_cure", part))


def broker(t: Texts, *, declared: bool, online: bool, why: str, last: datetime | None) -> Seen:
    """Return the line of the broker, as the web app itself hears it."""
    name = t("health_part.broker")
    if not declared:
        return Seen(name, "warning", t("health.no_topics"), cure=t("health_cure.no_topics"))
    if not online:
        return Seen(name, "fault", why or t("badge.offline"), last, t("health_cure.broker"))
    return Seen(name, "ok", t("health.heard") if last else t("health.not_heard"), last)


def service(t: Texts, version: Mapping[str, Any]) -> Seen:
    """Return the line of the forecast service, from what it says of itself."""
    model = version.get("model_version")
    if not model:
        return Seen(
            t("health_part.service"),
            "warning",
            t("health.no_model"),
            cure=t("health_cure.no_model"),
        )
    seen = t("health.serves", version=version["version"], model=str(model)[:12])
    return Seen(t("health_part.service"), "ok", seen)


def processes(t: Texts, rows: Iterable[Row], now: datetime) -> list[Seen]:
    """Return a line per process of the service; one that an other outlived has ended, that is all."""
    found: list[Seen] = []
    for row in rows:
        name = t("health.process", name=row["process"])
        if now - row["at"] <= SAMPLES:
            found.append(Seen(name, "ok", t("health.samples"), row["at"]))
        elif found:  # a newer one is above it
            found.append(Seen(name, "ok", t("health.ended"), row["at"]))
        else:
            cure = t("health_cure.service")
            found.append(Seen(name, "fault", t("health.silent"), row["at"], cure))
    return found


def issuer(t: Texts, *, held: bool) -> Seen:
    """Return the line of the one process that issues live forecasts."""
    if held:
        return Seen(t("health_part.issuer"), "ok", t("health.issues"))
    return Seen(
        t("health_part.issuer"), "fault", t("health.nobody_issues"), cure=t("health_cure.issuer")
    )


def monitor(t: Texts, verdict: Any, *, late: bool) -> Seen:
    """Return the line of monitoring; ``late`` says that its alarm is on."""
    name = t("health_part.monitor")
    if verdict is None:
        return Seen(name, "warning", t("health.never_monitored"), cure=t("health_cure.monitor"))
    state: State = "warning" if late else "ok"
    cure = t("health_cure.monitor") if late else ""
    return Seen(name, state, t.sentence(verdict), verdict.recorded_at, cure)


def worker(t: Texts, waiting: Any) -> Seen:
    """Return the line of the worker that retrains; ``waiting`` is the oldest request without an end."""
    name = t("health_part.worker")
    if waiting is None:
        return Seen(name, "ok", t("health.nothing_waits"))
    seen = t("health.waits", number=waiting.id, why=waiting.why)
    return Seen(name, "warning", seen, waiting.recorded_at, t("health_cure.worker"))


def feeds(
    t: Texts, rows: Sequence[Row], *, topics: Mapping[str, bool], now: datetime
) -> list[Seen]:
    """Return a line per source: those on record, then the declared ones (``topics``) without rows."""
    known = {row["name"] for row in rows}
    nothing = [
        Seen(name, "warning", t("health.no_reading"), cure=t("health_cure.never"))
        for name in topics
        if name not in known
    ]
    return [_feed(t, row, live=topics.get(row["name"], False), now=now) for row in rows] + nothing


def _feed(t: Texts, row: Row, *, live: bool, now: datetime) -> Seen:
    if row["newest"] is None:
        return Seen(row["name"], "warning", t("health.no_reading"), cure=t("health_cure.never"))
    kind = t.named("batch_kind", row["kind"])
    if row["clock"] != "wall":
        return Seen(row["name"], "ok", t("health.recorded", kind=kind), row["newest"])
    late = now - row["newest"] > patience(timedelta(seconds=row["step_seconds"]))
    if not late:
        return Seen(row["name"], "ok", t("health.feed", kind=kind), row["newest"])
    cure = t("health_cure.topics") if live else t("health_cure.feed")
    return Seen(row["name"], "fault", t("health.late", kind=kind), row["newest"], cure)


def forecasts(t: Texts, lines: Sequence[Line]) -> list[Seen]:
    """Return the targets without a forecast in time, or one line that says that there is none."""
    late = [one for one in lines if one.outdated]
    if not late:
        count = len(lines)
        return (
            [Seen(t("health_part.forecasts"), "ok", t("health.fresh", count=count))]
            if count
            else []
        )
    named = [
        Seen(one.unique_id, "warning", _late(t, one), one.row["as_of"], t("health_cure.forecast"))
        for one in late[:MOST]
    ]
    if len(late) > MOST:
        more = t("health.more", count=len(late) - MOST)
        named.append(
            Seen(t("health_part.forecasts"), "warning", more, cure=t("health_cure.forecast"))
        )
    return named


def _late(t: Texts, one: Line) -> str:
    return t("badge.no_forecast") if one.forecast_age is None else t("badge.outdated")
