"""Why a version serves, or does not: everything the ledger holds about it, in one place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from horizonte.serve.moves import version
from horizonte.store import browse, leaderboard
from horizonte.store.bulk import read_frame
from horizonte.store.connection import Connection
from horizonte.store.retrainings import ENDS, Run


def of(conn: Connection, named: str) -> dict[str, Any]:
    """Return card, promotions, gates and gains of the version that begins with ``named``."""
    found = version(conn, named)
    (row,) = browse.model(conn, found)
    asked = {"version": found}
    return {
        "version": found,
        "uri": row["uri"],
        "registered_at": row["recorded_at"],
        "card": row["card"],
        "promotions": browse.promotions(conn, found),
        "gates": read_frame(conn, _GATES, asked).to_dict("records"),
        "gains": read_frame(conn, _GAINS, asked).to_dict("records"),
    }


def told(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield the account as lines for people."""
    card = found["card"]
    yield f"model {found['version']}"
    yield f"  lies at {found['uri']}, registered {found['registered_at']:%Y-%m-%d %H:%M}Z"
    yield f"  trained on what was known at {card['data_as_of']}"
    for target, scores in card.get("scores", {}).items():
        yield (
            f"  {target}: scaled error {scores['mase']:.3f}, best naive {scores['naive_mase']:.3f} "
            f"({scores['naive']})"
        )
    for row in found["gates"]:
        result = "won" if row["passed"] else "lost"
        yield f"  gate {row['id']}, {result} against {row['champion'][:12]}: {'; '.join(row['reasons'])}"
    for row in found["promotions"]:
        yield f"  {row['recorded_at']:%Y-%m-%d %H:%M}Z {row['kind']} by {row['promoted_by']}: {row['why']}"
    for row in found["gains"]:
        yield f"  since then: {gained(row)}"


def gained(row: Mapping[Any, Any]) -> str:
    """Return whether a promotion helped, in words."""
    between = f"{row['low']:+.1%} to {row['high']:+.1%}"
    return f"{row['said']}, {row['gain']:+.1%} ({between}) over {row['days']} days"


def judged(conn: Connection) -> Iterator[str]:
    """Yield, of each promotion that was judged, oldest first, whether it helped."""
    for row in reversed(leaderboard.promotions(conn, limit=None)):
        if row["said"] is not None:
            yield f"The promotion of {row['sha256'][:12]}: {gained(row)}."


def steps(found: pd.DataFrame) -> Iterator[tuple[str, str, str, str]]:
    """Yield each fact of each step as (when, step, what, value); the first two on a step's first."""
    if found.empty:
        yield "", "waiting", "", ""
    for row in found.to_dict("records"):
        head = (f"{row['recorded_at']:%Y-%m-%d %H:%M:%S}", row["step"])
        for fact in list(_facts(row["detail"])) or [("", "")]:
            yield (*head, *fact)
            head = ("", "")


def _facts(detail: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in detail.items():
        if isinstance(value, Mapping):
            yield from ((name, f"{key}: {part}") for key, part in value.items())
        elif isinstance(value, list):
            yield from ((name, str(part)) for part in value)
        elif isinstance(value, bool):
            yield name, "yes" if value else "no"
        elif value is not None:
            yield name, str(value)


def markdown(run: Run, done: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a retraining as Markdown: why, what the gate said, and the metrics that changed."""
    held, committed = done.get("gated"), done.get("committed", {})
    won = "not held yet" if held is None else "won" if held["passed"] else "lost"
    parts = [
        f"## Retraining {run.id}",
        f"**Why.** {run.why} (asked for by {run.requested_by})",
        f"**Gate.** {won}",
        *(f"- {reason}" for reason in (held or {}).get("reasons", ())),
    ]
    if metrics := committed.get("metrics"):
        parts += ["**Metrics**, before and after:", metrics]
    ends = [f"**{end.capitalize()}.** {done[end]['why']}" for end in ENDS if end in done]
    return "\n\n".join([*parts, *ends])


_GATES = "SELECT * FROM gate WHERE challenger = %(version)s ORDER BY id"
_GAINS = """SELECT DISTINCT ON (g.promotion_id) g.* FROM gain AS g
    JOIN promotion AS p ON p.id = g.promotion_id WHERE p.sha256 = %(version)s
    ORDER BY g.promotion_id, g.id DESC"""
