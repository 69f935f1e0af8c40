"""The page of one comparison of a challenger with the champion: self-contained, it loads nothing."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from horizonte.report.index import render

TEMPLATE = "gate.html.j2"
INK, NAIVE, GOOD, BAD = "#1f4e79", "#8a8a8a", "#2e7d32", "#c55a11"


def write(path: Path, facts: Mapping[str, Any], ruling: Mapping[str, Any]) -> None:
    """Write the page of ``ruling`` (a ruling's evidence); ``facts`` say what was compared and when.

    ``facts`` are ``champion``, ``challenger``, ``unseen_from``, ``as_of`` and ``seconds``, as text
    or None.
    """
    days: Sequence[Mapping[str, Any]] = ruling["daily"]
    drawn = [_svg(losses(days)), _svg(cumulative(days))] if days else []
    page = render(TEMPLATE, facts=facts, ruling=ruling, figures=drawn)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")


def losses(days: Sequence[Mapping[str, Any]]) -> Figure:
    """Return what both lost each day, in shares of the champion's mean loss."""
    figure, axis = _figure()
    at = np.arange(len(days)) + 1
    for who, shade in (("champion", NAIVE), ("challenger", INK)):
        axis.plot(at, [day[who] for day in days], color=shade, linewidth=1.4, label=who)
    axis.set_ylim(bottom=0)
    axis.set_ylabel("daily loss")
    axis.legend(frameon=False, fontsize=9)
    return figure


def cumulative(days: Sequence[Mapping[str, Any]]) -> Figure:
    """Return the gain so far, day by day: the mean of the days until then."""
    figure, axis = _figure()
    gains = np.array([day["gain"] for day in days])
    at = np.arange(len(days)) + 1
    axis.bar(at, gains, color=[GOOD if gain >= 0 else BAD for gain in gains], alpha=0.35)
    axis.plot(at, np.cumsum(gains) / at, color=INK, linewidth=1.6)
    axis.axhline(0, color="black", linewidth=0.8)
    axis.set_ylabel("gain: daily, and mean so far")
    return figure


def _figure() -> tuple[Figure, Axes]:
    figure = Figure(figsize=(9, 2.6), layout="constrained")
    axis = figure.subplots()
    axis.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
    axis.set_xlabel("day of the comparison", fontsize=9)
    axis.spines[["top", "right"]].set_visible(False)
    return figure, axis


def _svg(figure: Figure) -> str:
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    return text.getvalue()[text.getvalue().index("<svg") :]
