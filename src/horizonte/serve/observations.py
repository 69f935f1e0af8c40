"""``POST /observations``: readings and actuals, each row answered, once per Idempotency-Key."""

from __future__ import annotations

import json
import math
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import pandas as pd
from prometheus_client import REGISTRY

from horizonte.errors import DataFault
from horizonte.ingest.push import Door, Fate, Stored, push
from horizonte.ingest.sources import Source
from horizonte.ingest.tally import Tally, steps_of
from horizonte.serve.faults import MalformedJson
from horizonte.store import requests
from horizonte.store.connection import Connection
from horizonte.store.requests import Answer

ROUTE = "POST /observations"
MAX_ROWS = 10_000
LONGEST_KEY = 255
LONGEST_NUMBER = 400  # digits; longer integers are beyond every float, and slow to read
PUSHED = Tally("push", REGISTRY)  # the service shows the whole default registry
OUTCOMES = ("accepted", "unchanged", "corrected", "refused")


class Call(NamedTuple):
    """One request as it came: its body, its Idempotency-Key or None, and when."""

    body: bytes
    key: str | None
    now: pd.Timestamp


def readings(body: bytes, *, name: str, most: int = MAX_ROWS) -> list[object]:
    """Return the array ``name``, the only member of the JSON object ``body``.

    Numbers beyond a float, NaN and Infinity are left for each row to be refused by itself.
    Raises MalformedJson for what is no JSON, DataFault for another shape.
    """
    whole = parsed(body)
    if not isinstance(whole, dict):
        raise DataFault("body", type(whole).__name__, "an object", f'send {{"{name}": […]}}')
    if strange := sorted(set(whole) - {name}):
        raise DataFault(
            strange[0][:60], _brief(whole[strange[0]]), "a known field", f"send {name} alone"
        )
    rows = whole.get(name)
    if not isinstance(rows, list) or not 0 < len(rows) <= most:
        told = f"{len(rows):,} rows" if isinstance(rows, list) else _brief(rows)
        raise DataFault(name, told, f"an array of 1 to {most:,} rows", "split it, or correct it")
    return rows


def parsed(body: bytes) -> Any:
    """Return ``body`` as JSON; raise MalformedJson for what is none."""
    try:
        return json.loads(body.decode("utf-8"), parse_int=_whole)
    except (ValueError, RecursionError) as why:
        said = "nested too deeply" if isinstance(why, RecursionError) else str(why)
        raise MalformedJson("body", said[:200], "JSON in UTF-8", "send one JSON object") from None


def key_of(given: str | None) -> str | None:
    """Return the Idempotency-Key; raise DataFault for one that cannot be kept."""
    if given is not None and not (0 < len(given) <= LONGEST_KEY and given.isascii()):
        allowed = f"1 to {LONGEST_KEY} printable ASCII characters"
        raise DataFault("Idempotency-Key", given[:60], allowed, "send a UUID")
    return given


def take(conn: Connection, call: Call, sources: Mapping[str, Source]) -> Answer:
    """Store the rows of ``call`` and return the answer as JSON.

    With a key, answer and rows are stored together, and the same call again is answered with the
    same bytes. Raises DataFault for a body that is not what is asked, and the faults of ``once``.
    """
    rows, key = readings(call.body, name="readings"), key_of(call.key)
    PUSHED.received.inc()
    done: list[Stored] = []
    door = Door(ROUTE, call.now, sources, key, done.append)
    if key is None:
        answer = Answer(told(push(conn, rows, door), done), replayed=False)
    else:
        answer = requests.once(
            conn, key, route=ROUTE, body=call.body, work=lambda: told(push(conn, rows, door), done)
        )
    _count(done, call.now, sources)
    return answer


def _count(done: Iterable[Stored], came: pd.Timestamp, sources: Mapping[str, Source]) -> None:
    """Count what is committed: a request that was rolled back has stored nothing."""
    now = time.time()
    PUSHED.steps.update(steps_of(sources))
    PUSHED.lag.observe(max(0.0, now - came.timestamp()))
    for source, rows, accepted in done:
        PUSHED.done(source, rows, accepted, now)


def touched(body: bytes) -> list[str]:
    """Return the series that ``body`` names, to be cleaned again."""
    given = [
        row.get("unique_id") for row in readings(body, name="readings") if isinstance(row, dict)
    ]
    return sorted({name for name in given if isinstance(name, str) and name.isprintable()})


def told(fates: Iterable[Fate], stored: Iterable[Stored]) -> bytes:
    """Return counts, the batches of the ledger, and one outcome per row in the request's order."""
    rows = [{k: v for k, v in fate._asdict().items() if v is not None} for fate in fates]
    counts = Counter(row["outcome"] for row in rows)
    batches = sorted(one.accepted.batch_id for one in stored)
    whole = {**{name: counts[name] for name in OUTCOMES}, "batches": batches, "rows": rows}
    return json.dumps(whole).encode()


def _whole(text: str) -> int | float:
    return int(text) if len(text) <= LONGEST_NUMBER else math.inf


def _brief(value: object) -> str:
    return (
        f"{value!r:.60}"
        if isinstance(value, str | int | float | type(None))
        else type(value).__name__
    )
