"""The former champion beside the new one: what it would have said, from the very same inputs.

A shadow is stored and scored like a live vintage, and nothing that serves reads it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from itertools import groupby

import pandas as pd

from horizonte import __version__, freq
from horizonte.serve import degraded, inputs, predict
from horizonte.serve.champion import Champion
from horizonte.serve.inputs import Group, Knowledge
from horizonte.serve.vintages import database_now
from horizonte.store import earlier, forecasts, shadows
from horizonte.store.connection import Connection
from horizonte.store.promotions import Promotion
from horizonte.store.shadows import Live

logger = logging.getLogger(__name__)


def shadow(conn: Connection, former: Champion, *, promotion: Promotion, days: int) -> int:
    """Issue what ``former`` says where the promoted version spoke live and no shadow stands yet.

    Over ``days`` days after ``promotion``; returns how many vintages were stored. Each from what
    was stored when the live one was made, so a call that comes late gets no more than it had;
    killed anywhere, the next call goes on. A series that ``former`` does not know has none.
    """
    known, made = set(predict.served(former)), 0
    live = [one for one in shadows.missing(conn, promotion, days=days) if one.unique_id in known]
    for _, together in groupby(live, key=lambda one: (one.as_of, one.issued_at)):
        made += _issue(conn, former, list(together))
    if made:
        logger.info("shadow: %s vintages of the former champion %s", made, former.version[:12])
    return made


def _issue(conn: Connection, former: Champion, live: Sequence[Live]) -> int:
    """Store one run of what ``former`` says of vintages of one moment; return how many series."""
    names, as_of, issued_at = [one.unique_id for one in live], live[0].as_of, live[0].issued_at
    series = predict.series_of(conn, names)
    known = {str(source): Knowledge(as_of, 0) for source in set(series["source"])}
    parts: list[pd.DataFrame] = []
    cutoffs: dict[str, pd.Timestamp] = {}
    reasons: dict[str, str | None] = {}
    for group in inputs.groups(series, names, known):
        if freq.iso(group.step) not in former.forecasters:
            continue
        rows, ends, why = _said(conn, former, group, issued_at)
        parts.append(rows)
        cutoffs |= ends
        reasons |= why
    if parts:
        run = forecasts.Run(
            "shadow",
            former.version,
            as_of,
            database_now(conn),
            cutoffs=cutoffs,
            degraded=reasons,
            code_revision=__version__,
        )
        forecasts.issue(conn, run, pd.concat(parts, ignore_index=True))
    return len(cutoffs)


def _said(
    conn: Connection, former: Champion, group: Group, stored: datetime
) -> tuple[pd.DataFrame, dict[str, pd.Timestamp], dict[str, str | None]]:
    """Return FORECAST of the targets of ``group``, their cutoffs, and what was missing."""
    forecaster = former.forecasters[freq.iso(group.step)]
    start = inputs.since(group, rules=former.rules, forecaster=forecaster)
    seen = earlier.then(conn, group.at.as_of, group.ids, start, stored=stored)
    read = inputs.made(seen.rows, seen.notes, group, rules=former.rules, forecaster=forecaster)
    rows = forecaster.predict(read.history, horizon=forecaster.horizon, known_future=read.known)
    why = {name: degraded.reasons(name, group, read, forecaster) for name in group.targets}
    return rows, {name: read.cutoffs[name] for name in group.targets}, why
