"""Sparklines: the points of a series as the outlines that an SVG draws."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

WIDTH, HEIGHT, MARGIN = 160.0, 36.0, 2.0


class Spark(NamedTuple):
    """Path data of the readings, of the forecast and of its band, on WIDTH by HEIGHT."""

    line: str
    mean: str
    band: str
    low: float
    high: float


def outlines(points: Sequence[Mapping[str, Any]], *, places: int) -> Spark | None:
    """Return the outlines of ``points`` (x, y, mean, low, high); None where there is no value.

    ``places`` is how many places of x there are; a place without a point breaks the line.
    """
    values = [p[name] for p in points for name in ("y", "mean", "low", "high")]
    known = [v for v in values if v is not None]
    if not known:
        return None
    low, high = min(known), max(known)
    scale = _Scale(low, high - low or 1.0, max(places - 1, 1))
    ahead = [p for p in points if p["low"] is not None]
    back = [(p["x"], p["low"]) for p in reversed(ahead)]
    band = [scale.at(x, v) for x, v in [*((p["x"], p["high"]) for p in ahead), *back]]
    return Spark(
        scale.path((p["x"], p["y"]) for p in points),
        scale.path((p["x"], p["mean"]) for p in points),
        "M" + "L".join(band) + "Z" if band else "",
        low,
        high,
    )


class _Scale(NamedTuple):
    low: float
    span: float
    last: int

    def at(self, x: int, value: float) -> str:
        across = MARGIN + x / self.last * (WIDTH - 2 * MARGIN)
        up = HEIGHT - MARGIN - (value - self.low) / self.span * (HEIGHT - 2 * MARGIN)
        return f"{across:.1f} {up:.1f}"

    def path(self, points: Iterable[tuple[int, float | None]]) -> str:
        parts, before = [], None
        for x, value in points:
            if value is not None:
                parts.append(("L" if before == x - 1 else "M") + self.at(x, value))
                before = x
        return "".join(parts)
