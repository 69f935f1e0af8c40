"""Model versions as lines of a leaderboard: what each is, and its scores beside the naive's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

Row = Mapping[str, Any]
CHAMPION, CHALLENGER, FORMER = "champion", "challenger", "former"
# Challengers whose folder was never published: the gate refused one; the other passed, and its request
# failed, or has not come to the promotion yet.
LOST, PASSED = "lost", "passed"


@dataclass(frozen=True)
class Score:
    """Mean scaled error over series beside that of the naive on the same rows; smaller is better."""

    error: float
    naive: float
    coverage: float | None = None
    rows: int | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None

    @property
    def saved(self) -> float | None:
        """Return the share of the naive's error that is saved."""
        return 1 - self.error / self.naive if self.naive > 0 else None


@dataclass(frozen=True)
class Line:
    """One version; ``row`` is its registration, None for a challenger that was never published."""

    version: str
    state: str
    row: Row | None
    live: Score | None
    trained: Score | None
    gate: Row | None

    @property
    def rank(self) -> tuple[bool, float, bool, float]:
        """Return what orders lines: by what is saved live, else in training; unknown goes last."""
        live, trained = (_saved(score) for score in (self.live, self.trained))
        return (live is None, -(live or 0.0), trained is None, -(trained or 0.0))


def lines(registered: Iterable[Row], *, scores: Sequence[Row], gates: Iterable[Row]) -> list[Line]:
    """Return every version that is registered or was gated, the best first, with its newest gate.

    All three as ``store.leaderboard`` gives them.
    """
    held: dict[str, Row] = {}
    for gate in gates:
        held.setdefault(gate["challenger"], gate)
    made = [
        Line(
            version := row["sha256"],
            state_of(row),
            row,
            live(s for s in scores if s["model_version"] == version),
            trained(row["scores"] or {}),
            held.pop(version, None),
        )
        for row in registered
    ]
    made += [
        Line(name, PASSED if gate["passed"] else LOST, None, None, None, gate)
        for name, gate in held.items()
    ]
    return sorted(made, key=lambda line: line.rank)


def state_of(row: Row) -> str:
    """Return what a registered version is: champion, former champion, or challenger."""
    if row["champion"]:
        return CHAMPION
    return CHALLENGER if row["last_promoted_at"] is None else FORMER


def live(rows: Iterable[Row]) -> Score | None:
    """Return the mean over series of live scores, every series weighing the same."""
    own = list(rows)
    if not own:
        return None
    return Score(
        _mean(row["mase"] for row in own),
        _mean(row["naive_mase"] for row in own),
        _mean(row["coverage_80"] for row in own),
        sum(row["rows"] for row in own),
        min(row["starts_at"] for row in own),
        max(row["ends_at"] for row in own),
    )


def trained(scores: Mapping[str, Row]) -> Score | None:
    """Return the mean over series of the scores of a card, from before the test period."""
    own = [s for s in scores.values() if {"mase", "naive_mase"} <= s.keys()]
    if not own:
        return None
    return Score(_mean(s["mase"] for s in own), _mean(s["naive_mase"] for s in own))


def _mean(values: Iterable[float]) -> float:
    own = list(values)
    return sum(own) / len(own)


def _saved(score: Score | None) -> float | None:
    return score.saved if score else None
