"""Absences looked for, noted and told: by the process that issues, and after every monitoring."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from datetime import datetime

import pandas as pd
import psycopg
from prometheus_client import Gauge

from horizonte import paths
from horizonte import policy as policies
from horizonte.errors import ConfigFault, Fault
from horizonte.monitor import absence, words
from horizonte.monitor.absence import Alarm, Feed
from horizonte.serve import freshness, issuing, webhook
from horizonte.store import alarms, gains, moments, promotions, retrainings, series, verdicts
from horizonte.store.alarms import Row, Told
from horizonte.store.connection import Connection
from horizonte.store.promotions import Promotion

logger = logging.getLogger(__name__)
EVERY_SECONDS = 60.0
MOST_SHOWN = 1000
RAISED = Gauge("horizonte_alarm", "1: this alarm is raised", ["name", "thing"])


def look(conn: Connection, *, now: datetime) -> list[Row]:
    """Look for every absence at ``now``, note what has changed and return it."""
    changed = alarms.update(conn, found(conn, now=now), names=absence.NAMES, over=_over)
    for row in changed:
        logger.warning("alarm %s: %s: %s", row.state, row.name, row.sentence_en)
    show(alarms.raised(conn))
    return changed


def found(conn: Connection, *, now: datetime) -> Iterator[Alarm]:
    """Return every absence at ``now`` of the database's clock."""
    instant = pd.Timestamp(now)
    feeds = [Feed(s, step, at) for s, (step, at) in moments.arrivals(conn, at=now).items()]
    yield from absence.readings(feeds, now=instant)
    yield from _retraining(conn, instant)
    promotion = promotions.current_promotion(conn)
    if promotion is not None:
        yield from _harm(conn, promotion, instant)
        yield from _forecasts(conn, promotion, instant)
        yield from _watched(conn, promotion)


def show(rows: list[Row]) -> None:
    """Set the gauges to ``rows``, the alarms that are raised."""
    RAISED.clear()
    for row in rows[:MOST_SHOWN]:
        RAISED.labels(row.name, row.thing).set(1)


class Watchman:
    """Looks once a minute, and tells the webhook; a thread and a connection of its own."""

    def __init__(self, connect: Callable[[], Connection], *, now: Callable[[], datetime]) -> None:
        """Take how to connect and the clock; ``start`` runs the thread."""
        self._connect, self._now = connect, now
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="alarms", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Stop looking and wait for the thread to end."""
        self._stopped.set()
        self._thread.join(timeout=30)

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                with self._connect() as conn:
                    look(conn, now=self._now())
                    webhook.deliver(conn, wait=self._stopped.wait)
            except (Fault, psycopg.Error, OSError) as why:
                logger.warning("cannot look for alarms: %s", why)
            except Exception:  # the thread must outlive what nobody foresaw
                logger.exception("cannot look for alarms")
            self._stopped.wait(EVERY_SECONDS)


def _forecasts(conn: Connection, promotion: Promotion, now: pd.Timestamp) -> Iterator[Alarm]:
    """Yield the targets without a forecast in time; a new champion is given a few steps."""
    card = promotions.card(conn, promotion.sha256)
    standings, known = issuing.standing(conn, [str(one["unique_id"]) for one in card["series"]])
    steps = {s.unique_id: pd.Timedelta(s.freq) for s in standings}
    waited = now - pd.Timestamp(promotion.recorded_at)
    for one in freshness.late(freshness.fresh(standings, known, promotion.sha256)):
        if waited > freshness.LATE_STEPS * steps[one.unique_id]:
            yield absence.alarm("no forecast", one.unique_id)


def _watched(conn: Connection, promotion: Promotion) -> Iterator[Alarm]:
    card, clock, known = (
        promotions.card(conn, promotion.sha256),
        moments.now(conn),
        series.read(conn),
    )
    served = known[known["unique_id"].isin([one["unique_id"] for one in card["series"]])]
    on = {source: clock[source] for source in set(served["source"]) if source in clock}
    if not on:
        return
    now, serving = max(on.values()), moments.passed(conn, promotion.recorded_at, on=on)
    yield from absence.monitoring(verdicts.instants(conn), now=now, serving=serving)
    policy = _policy()
    if policy is not None:
        age = now - pd.Timestamp(card["data_as_of"])
        yield from absence.champion(
            promotion.sha256, known=age, max_age=pd.Timedelta(policy.triggers.max_age)
        )


def _retraining(conn: Connection, now: pd.Timestamp) -> Iterator[Alarm]:
    idle = retrainings.idle(conn)
    if idle is not None:
        run, since = idle
        yield from absence.untaken(run.id, waited=now - run.recorded_at, idle=now - since)
    ended = retrainings.last_ended(conn)
    if ended is not None and ended[1] == "failed":
        yield absence.alarm("retraining failed", str(ended[0]))


def _harm(conn: Connection, promotion: Promotion, now: pd.Timestamp) -> Iterator[Alarm]:
    """Yield that the champion harms, or that one was taken back for it (not by a person: they know)."""
    if gains.newest(conn) == (promotion.sha256, "harmed"):
        yield absence.alarm("retraining harmed", promotion.sha256[:12])
    if promotion.previous is not None and "gain_id" in promotion.evidence:
        ago = now - pd.Timestamp(promotion.recorded_at)
        yield from absence.reverted(promotion.previous, promotion.sha256, ago=ago)


def _over(told: Told) -> Alarm:
    said = (
        words.say("cleared", language, said=sentence)
        for language, sentence in zip(
            words.LANGUAGES, (told.sentence_en, told.sentence_pt), strict=True
        )
    )
    return Alarm(told.name, told.thing, *said)


def _policy() -> policies.Policy | None:
    """Return the project's policy; None where there is no project, or its policy is wrong."""
    try:
        return policies.load(paths.project_root() / paths.MARKER)
    except ConfigFault as why:
        logger.warning("no policy: %s", why)
        return None
