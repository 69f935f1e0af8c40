"""WHERE clauses of only the conditions that were given: each shape is planned as it is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd
from psycopg import sql


class Where:
    """Conditions on unique_id and on start <= ds < end, each left out when None."""

    def __init__(
        self,
        ids: Iterable[str] | None = None,
        start: pd.Timestamp | None = None,
        end: pd.Timestamp | None = None,
    ) -> None:
        wanted = None if ids is None else sorted(set(ids))
        given = {
            "unique_id = ANY(%(ids)s)": ("ids", wanted),
            "ds >= %(start)s": ("start", start),
            "ds < %(end)s": ("end", end),
        }
        held = {text: pair for text, pair in given.items() if pair[1] is not None}
        self.conditions: list[sql.SQL] = [sql.SQL(text) for text in held]
        self.params: dict[str, Any] = dict(held.values())

    def add(self, condition: sql.SQL, params: dict[str, Any]) -> Where:
        """Add a condition with its parameters, and return this clause."""
        self.conditions.append(condition)
        self.params |= params
        return self

    def clause(self) -> sql.Composable:
        """Return the clause; without conditions it holds for every row."""
        return sql.SQL("WHERE {}").format(
            sql.SQL(" AND ").join(self.conditions or [sql.SQL("true")])
        )
