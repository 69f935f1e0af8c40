"""What the read routes answer, from the database alone."""

from __future__ import annotations

import difflib
from typing import Any, get_args

from horizonte.errors import DataFault, NotFound
from horizonte.serve import cursors, predict
from horizonte.serve import schemas_out as out
from horizonte.serve.champion import Champion
from horizonte.serve.schemas import SeriesEntry, SeriesList
from horizonte.store import browse, leaderboard
from horizonte.store import series as series_store
from horizonte.store.browse import Row, Span
from horizonte.store.connection import Connection

PURPOSES = get_args(out.Purpose)
MOST = 1_000  # moves to a version that are shown


def series(conn: Connection, asked: out.SeriesAsked, champion: Champion | None) -> SeriesList:
    """Return a page of registered series."""
    if asked.source is not None and not asked.source.isprintable():
        raise NotFound("source", asked.source, "a source", "correct the name")
    span = Span(asked.limit + 1, after=cursors.read(asked.cursor, cursors.name))
    role = None if asked.role == "any" else asked.role
    found = browse.series(conn, span, role=role, source=asked.source)
    rows, further = cursors.page(found, asked.limit, lambda row: row["unique_id"])
    entries = [entry(row, champion) for row in rows]
    version = champion.version if champion else None
    return SeriesList(model_version=version, series=entries, next=further)


def entry(row: Row, champion: Champion | None) -> SeriesEntry:
    """Return one registered series as a line of ``GET /series``."""
    target = row["role"] == "target"
    iso, steps = predict.grid(champion, row["unique_id"], row["freq"])
    reach = {
        "horizon": steps if target else None,
        "horizon_duration": predict.span(iso, steps) if target else None,
        "model_version": predict.version(champion, row["unique_id"]) if target else None,
    }
    own = {name: row[name] for name in SeriesEntry.model_fields.keys() & row.keys()}
    return SeriesEntry(**own, **reach)


def one_series(conn: Connection, unique_id: str, champion: Champion | None) -> SeriesEntry:
    """Return one registered series; raise NotFound, naming the nearest."""
    series_store.read(conn, [unique_id])
    rows = browse.series(conn, Span(1), only=unique_id)
    return entry(rows[0], champion)


def readings(conn: Connection, unique_id: str, asked: out.ReadingsAsked) -> out.ReadingsPage:
    """Return a page of readings, as they came or clean."""
    if asked.as_of is not None and asked.kind == "prepared":
        fix = "ask for kind=raw, or leave as_of out"
        raise DataFault(
            "as_of", asked.as_of.isoformat(), "kept of the clean grid, only of raw", fix
        )
    facts = _facts(conn, unique_id)
    after = cursors.read(asked.cursor, cursors.instant)
    span = Span(asked.limit + 1, asked.start, asked.end, after)
    if asked.kind == "raw":
        found = browse.readings(conn, unique_id, span, as_of=asked.as_of)
    else:
        found = browse.prepared(conn, unique_id, span)
    rows, further = cursors.page(found, asked.limit, lambda row: row["ds"])
    return out.ReadingsPage(
        unique_id=unique_id,
        kind=asked.kind,
        **facts,
        observations=[out.Reading(**row) for row in rows],
        next=further,
    )


def vintages(conn: Connection, unique_id: str, asked: out.VintagesAsked) -> out.VintagesPage:
    """Return a page of the vintages of a series, newest first."""
    _facts(conn, unique_id)
    after = cursors.read(asked.cursor, cursors.whole)
    span = Span(asked.limit + 1, asked.start, asked.end, after)
    wanted = PURPOSES if asked.purpose == "any" else (asked.purpose,)
    found = browse.vintages(conn, unique_id, span, purposes=wanted)
    rows, further = cursors.page(found, asked.limit, lambda row: row["run_id"])
    entries = [out.VintageEntry(**_told(row)) for row in rows]
    return out.VintagesPage(unique_id=unique_id, vintages=entries, next=further)


def vintage(conn: Connection, unique_id: str, run_id: int) -> out.Vintage:
    """Return one vintage with its rows; raise NotFound when the series has none of that number."""
    facts = _facts(conn, unique_id)
    found = browse.vintage(conn, unique_id, run_id) if 0 <= run_id < 2**63 else None
    if found is None:
        fix = f"GET /forecasts/{unique_id}/vintages lists them"
        raise NotFound("run_id", run_id, f"a vintage of {unique_id}", fix)
    rows = browse.forecast_rows(conn, unique_id, run_id)
    return out.Vintage(unique_id=unique_id, **facts, **_told(found), rows=rows)


def models(conn: Connection) -> out.ModelList:
    """Return every registered model version."""
    return out.ModelList(models=[out.ModelEntry(**_version(row)) for row in browse.models(conn)])


def model(conn: Connection, prefix: str) -> out.Model:
    """Return the model version that ``prefix`` (8 hex digits at least) names, with its ledger.

    Raises NotFound when none or more than one does, naming the nearest.
    """
    found = browse.model(conn, prefix) if len(prefix) >= 8 and prefix.isalnum() else []
    if len(found) != 1:
        known = [row["sha256"] for row in browse.models(conn)]
        near = difflib.get_close_matches(prefix, [v[: len(prefix)] for v in known], n=3, cutoff=0.1)
        fix = f"did you mean {', '.join(near or [v[:12] for v in known[:3]]) or 'to publish one first'}?"
        allowed = (
            "more of it: several begin so" if found else "a registered version, or 8 digits of one"
        )
        raise NotFound("model_version", prefix[:80], allowed, fix)
    (row,) = found
    version = row["sha256"]
    champion = any(r["sha256"] == version and r["champion"] for r in browse.models(conn))
    return out.Model(
        model_version=version,
        registered_at=row["recorded_at"],
        champion=champion,
        card=row["card"],
        promotions=_promotions(conn, version),
        gates=_gates(conn, version),
        scores=browse.scores(conn, version),
    )


def _promotions(conn: Connection, version: str) -> list[out.PromotionJudged]:
    """Return the moves to a version, oldest first, each with what was last found of it."""
    found = leaderboard.promotions(conn, limit=MOST, version=version)
    return [
        out.PromotionJudged(**row | {"gain": None if row["said"] is None else out.GainFound(**row)})
        for row in reversed(found)
    ]


def _gates(conn: Connection, version: str) -> list[out.GateEntry]:
    """Return the gates at which a version was the challenger, oldest first."""
    found = [row for row in leaderboard.gates(conn, version) if row["challenger"] == version]
    return [out.GateEntry(gate_id=row["id"], **row) for row in reversed(found)]


def _facts(conn: Connection, unique_id: str) -> dict[str, Any]:
    row = series_store.read(conn, [unique_id]).iloc[0]
    return {name: row[name] for name in ("freq", "unit", "zone")}


def _told(row: Row) -> dict[str, Any]:
    return row | {"intervals": predict.intervals(row["model_version"])}


def _version(row: Row) -> dict[str, Any]:
    return {
        "model_version": row["sha256"],
        "registered_at": row["recorded_at"],
        "last_promoted_at": row["last_promoted_at"],
        "champion": bool(row["champion"]),
    }
