"""Order across a failing database: what could not be stored is never overtaken by what follows."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any

import pandas as pd
import psycopg
from tests.brokers import ROOT

from horizonte import params
from horizonte.ingest.broker import Broker, Flow
from horizonte.ingest.intake import Intake, Message
from horizonte.ingest.queue import Waiting
from horizonte.ingest.sources import Source
from horizonte.ingest.stream import Consumer
from horizonte.ingest.subscriber import Subscriber
from horizonte.ingest.watch import Watch
from horizonte.store import observations
from horizonte.store.connection import Connection, connect

ARRIVED = pd.Timestamp("2026-06-30T12:00:00Z").value


class Acknowledger:
    """Stands where the connection to the broker would be, and keeps what was acknowledged."""

    def __init__(self) -> None:
        self.seen: list[int] = []

    def acknowledge(self, numbers: Iterable[int]) -> None:
        self.seen += numbers


def consumer(store: Connection, waiting: Waiting[Any], *, failures: int) -> Consumer:
    """Return a consumer whose database fails so often, and which is stopped by the first failure."""
    rule = {"topic": "order/+", "series": "{1}"}
    source = {"name": "order", "freq": "PT1H", "series": {"a": {}}, "topics": [rule]}
    left = [failures]

    def reach() -> Connection:
        if threading.current_thread() is not threading.main_thread():
            return connect(url)
        if left[0]:
            left[0] -= 1
            made.stop()
            raise psycopg.OperationalError("away")
        return connect(url)

    info = store.info
    url = f"postgresql://{info.user}:{info.password}@{info.host}:{info.port}/{info.dbname}"
    watch = Watch()
    nobody = Broker("127.0.0.1", 1)
    subscriber = Subscriber(nobody, ["order/+"], waiting, watch)
    rules = params.load(ROOT / "params.yaml").clean
    intake, flow = Intake([Source.model_validate(source)]), Flow(10, 1, 0.01)
    made = Consumer(subscriber, waiting, intake, flow, watch, reach, rules)
    return made


def test_nothing_overtakes_what_could_not_be_stored(store: Connection) -> None:
    """Stopped while the database fails, it stores nothing of what follows, and acknowledges none."""
    link = Acknowledger()
    for failures, stored in ((1, []), (0, [2.0])):
        waiting: Waiting[Any] = Waiting(most=10)
        for number, y in enumerate((1, 2)):
            body = b'{"value": %d, "ts": "2026-06-01T00:00:00Z"}' % y
            waiting.put([(Message("order/a", body, ARRIVED), (link, number))])
        made = consumer(store, waiting, failures=failures)
        if not failures:
            made.stop()
        made.run("order")
        assert observations.current(store, ["order/a"])["y"].tolist() == stored
    assert link.seen == [0, 1]
