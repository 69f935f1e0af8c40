"""What drove the forecast of a series, and what changed since an earlier vintage of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pandas as pd

from horizonte import freq
from horizonte.errors import DataFault, Fault, NotFound
from horizonte.serve import changes, explained, inputs, predict, telling, vintages
from horizonte.serve.champion import Champion
from horizonte.serve.changes import Old
from horizonte.serve.explained import Explained
from horizonte.serve.inputs import Group
from horizonte.serve.removals import Reading
from horizonte.serve.schemas_explain import Explanation
from horizonte.store import earlier, forecasts
from horizonte.store.connection import Connection
from horizonte.store.forecasts import Vintage

RECENT = 10  # vintages among which the previous one is looked for
Obtain = Callable[[str], Champion]  # a model version → the model; raises Fault


@dataclass(frozen=True)
class _Before:
    """The earlier vintage, and its model or why there is none."""

    vintage: Vintage
    model: Champion | None
    refused: str | None


def explain(
    conn: Connection,
    champion: Champion,
    unique_id: str,
    *,
    since: int | None = None,
    obtain: Obtain,
) -> Explanation:
    """Explain the forecast of ``unique_id`` that ``champion`` would issue now; store nothing.

    ``since`` is the run of the live vintage to compare with (None: the newest that is not this
    forecast). Raises NotFound for a series that is not served (naming the nearest), NoHistory as
    ``predict.forecast`` does, and DataFault for a run without a live vintage of the series.
    """
    _served(conn, champion, unique_id)
    vintage = _earlier(conn, champion, unique_id, since)
    before = _before(vintage, champion, obtain) if vintage else None
    reading, old = _read(conn, champion, unique_id, before)
    said = reading.forecaster.answer(reading.view)
    made = Explained(champion, reading, said)
    if old is None:
        return explained.answer(replace(made, no_change=telling.text("first")))
    if not set(old.vintage.rows["ds"]) & set(said["ds"]):
        why = telling.text("apart", run=old.vintage.run_id)
        return explained.answer(replace(made, no_change=why))
    found = changes.changes(old, reading, champion, said)
    return explained.answer(replace(made, old=old, changes=found))


def _served(conn: Connection, champion: Champion, unique_id: str) -> None:
    predict.series_of(conn, [unique_id])
    if unique_id not in (known := predict.served(champion)):
        fix = f"explain one of {', '.join(known[:3])}, or train a model of it"
        raise NotFound("series", unique_id, "known to the model in service", fix)


def _group(conn: Connection, unique_id: str) -> Group:
    series = predict.series_of(conn, [unique_id])
    known = predict.known_of(conn, series, [unique_id], None)
    return inputs.groups(series, [unique_id], known)[0]


def _earlier(
    conn: Connection, champion: Champion, unique_id: str, since: int | None
) -> Vintage | None:
    """Return the vintage to compare with; None when there is no other than the one explained."""
    if since is not None:
        found = forecasts.vintages(conn, unique_id, run_id=since)
        return found[0] if found else _unknown(conn, unique_id, since)
    with inputs.one_view(conn):
        at = _group(conn, unique_id).at
        found = forecasts.vintages(conn, unique_id, RECENT)
        rows = vintages.rows_seen(conn, [v.run_id for v in found])
    this = (champion.version, at.as_of, at.rows)
    others = (v for v in found if (v.model_version, v.as_of, rows[v.run_id]) != this)
    return next(others, None)


def _unknown(conn: Connection, unique_id: str, since: int) -> Vintage:
    recent = ", ".join(str(v.run_id) for v in forecasts.vintages(conn, unique_id, RECENT))
    raise DataFault(
        "since",
        since,
        f"the run of a live vintage of {unique_id}",
        f"take one of {recent}" if recent else "ask for a forecast first: POST /forecast",
    )


def _before(vintage: Vintage, champion: Champion, obtain: Obtain) -> _Before:
    if vintage.model_version == champion.version:
        return _Before(vintage, champion, None)
    try:
        return _Before(vintage, obtain(vintage.model_version), None)
    except Fault as why:
        return _Before(vintage, None, str(why))


def _read(
    conn: Connection, champion: Champion, unique_id: str, before: _Before | None
) -> tuple[Reading, Old | None]:
    """Read the inputs of both forecasts as of one moment of the database."""
    with inputs.one_view(conn):
        group = _group(conn, unique_id)
        start = _start(group, champion, champion)
        if before is not None:
            then = changes.group_at(group, before.vintage.as_of)
            start = min(start, _start(then, before.model or champion, champion))
        now = earlier.now(conn, group.at.as_of, group.ids, start)
        old = _old(conn, before, group, start) if before is not None else None
    forecaster = champion.forecasters[freq.iso(group.step)]
    return Reading.of(group, now, rules=champion.rules, forecaster=forecaster), old


def _old(conn: Connection, before: _Before, group: Group, start: pd.Timestamp) -> Old:
    vintage = before.vintage
    seen = earlier.then(conn, vintage.as_of, group.ids, start, stored=vintage.issued_at)
    return Old(vintage, before.model, before.refused, seen)


def _start(group: Group, model: Champion, served: Champion) -> pd.Timestamp:
    """Return where ``model`` begins to read, or ``served`` where it has no such freq."""
    iso = freq.iso(group.step)
    asked = model if iso in model.forecasters else served
    return inputs.since(group, rules=asked.rules, forecaster=asked.forecasters[iso])
