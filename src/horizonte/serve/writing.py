"""What the service writes for its clients: series, readings and annotations, followed at once."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Iterable

import pandas as pd
import psycopg

from horizonte.errors import DataFault
from horizonte.ingest import notes, registration
from horizonte.ingest.notesheet import COLUMNS, Note, Place
from horizonte.params import Rules
from horizonte.serve import observations, project
from horizonte.serve.observations import Call
from horizonte.store import annotations as store
from horizonte.store import prepared, series
from horizonte.store.connection import Connection
from horizonte.store.requests import Answer

MAX_NOTES = 1000
logger = logging.getLogger(__name__)


def observe(conn: Connection, call: Call, *, served: Rules | None) -> Answer:
    """Store the readings of ``call``, then clean what they touch; see ``observations.take``.

    A cleaning that fails is logged and left to the next who follows: the rows are in.
    """
    answer = observations.take(conn, call, project.sources())
    _follow(conn, observations.touched(call.body), served)
    return answer


def register(conn: Connection, call: Call) -> bytes:
    """Register what ``call`` declares and answer each series: registered, unchanged.

    Raises DataFault for what is not declared as it must be; then nothing is registered.
    """
    given = observations.parsed(call.body)
    if not isinstance(given, dict):
        fix = f"send {', '.join(registration.KEYS)}"
        raise DataFault("body", type(given).__name__, "an object", fix)
    source = registration.declaration(given)
    done = registration.register(conn, source, project=project.sources())
    told = [{"unique_id": name, "outcome": outcome} for name, outcome in done.items()]
    counts = Counter(done.values())
    both = {name: counts[name] for name in ("registered", "unchanged")}
    return json.dumps({"source": source.name, **both, "series": told}).encode()


def annotate(conn: Connection, call: Call, *, served: Rules | None) -> bytes:
    """Keep the annotations of ``call`` and answer each row: added, withdrawn, unchanged, refused."""
    rows = observations.readings(call.body, name="annotations", most=MAX_NOTES)
    given = {place: _note(row) for place, row in enumerate(rows)}
    noted: dict[Place, Note] = {p: n for p, n in given.items() if isinstance(n, Note)}
    done = notes.annotate(conn, noted, now=call.now, rules=project.rules(served))
    refused = {r.place: r for r in done.refused}
    told: list[dict[str, object]] = []
    for place, note in given.items():
        if isinstance(note, str):
            told.append({"outcome": "refused", "reason": note, "fix": f"send {', '.join(COLUMNS)}"})
        elif place in refused:
            told.append({"outcome": "refused", **_why(refused[place])})
        else:
            told.append({"outcome": done.outcomes[place]})
    bad = sum(row["outcome"] == "refused" for row in told)
    counts = {name: getattr(done, name) for name in ("added", "withdrawn", "unchanged")}
    return json.dumps({**counts, "refused": bad, "rows": told}).encode()


def annotated(conn: Connection, unique_id: str) -> bytes:
    """Return the annotations of the series in force, by start; raise NotFound for an unknown one."""
    series.read(conn, [unique_id])
    found = store.read(conn, store.EVER, [unique_id]).drop(columns="withdrawn_at")
    times = ["starts_at", "ends_at", "available_at"]
    found[times] = found[times].map(lambda at: at.isoformat().replace("+00:00", "Z"))
    rows = [{k: v for k, v in row.items() if pd.notna(v)} for row in found.to_dict("records")]
    return json.dumps({"annotations": rows}).encode()


def _note(row: object) -> Note | str:
    """Return the annotation that ``row`` may be, or why it is none."""
    if not isinstance(row, dict):
        return "not an object"
    if strange := sorted(set(row) - set(COLUMNS)):
        return f"unknown field {json.dumps(strange[0])[:60]}"
    return Note(**(dict.fromkeys(("unique_id", "starts_at", "ends_at", "kind")) | row))


def _why(refusal: notes.Refusal) -> dict[str, object]:
    return {"value": refusal.value, "reason": refusal.reason, "fix": refusal.fix}


def _follow(conn: Connection, ids: Iterable[str], served: Rules | None) -> None:
    rules = project.rules(served)
    if rules is None:
        return
    try:
        prepared.follow(conn, rules, ids)
    except psycopg.Error:
        logger.exception("prepared does not follow yet")
