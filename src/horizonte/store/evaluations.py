"""Scores of mature vintages, beside those of the naives on the same rows; a re-score is new."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd
import pyarrow as pa

from horizonte.contracts import SCORE
from horizonte.store.bulk import INSTANT, copy_in, read_frame
from horizonte.store.connection import Connection


def add(
    conn: Connection,
    scores: pd.DataFrame,
    *,
    model_version: str,
    starts_at: pd.Timestamp,
    ends_at: pd.Timestamp,
) -> None:
    """Append ``scores`` (SCORE) of ``model_version`` over targets in [starts_at, ends_at)."""
    table = SCORE.to_arrow(SCORE.check(scores))
    same = {
        "model_version": pa.scalar(model_version),
        "starts_at": pa.scalar(starts_at, INSTANT),
        "ends_at": pa.scalar(ends_at, INSTANT),
    }
    for name, value in same.items():
        table = table.append_column(name, pa.repeat(value, len(scores)))
    copy_in(conn, "evaluation", table)


def in_force(conn: Connection, targets: Iterable[str], *, since: pd.Timestamp) -> pd.DataFrame:
    """Return the scores in force of stretches that start ``since``, the last of each key."""
    return read_frame(conn, _IN_FORCE, {"ids": sorted(set(targets)), "since": since})


def read(conn: Connection, model_version: str) -> pd.DataFrame:
    """Return all scores of ``model_version``, oldest first; the last of a key is in force."""
    return read_frame(
        conn,
        "SELECT * FROM evaluation WHERE model_version = %(version)s ORDER BY id",
        {"version": model_version},
    )


_IN_FORCE = """SELECT DISTINCT ON (model_version, model, unique_id, bucket, starts_at, ends_at) *
    FROM evaluation WHERE unique_id = ANY(%(ids)s) AND starts_at >= %(since)s
    ORDER BY model_version, model, unique_id, bucket, starts_at, ends_at, id DESC"""
