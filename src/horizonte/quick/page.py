"""The quick forecast as one HTML file that opens from an e-mail and loads nothing from anywhere."""

from __future__ import annotations

import io
from collections.abc import Sequence
from html import escape
from pathlib import Path

import pandas as pd
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

from horizonte import freq as grid
from horizonte.quick.chain import Quick

CHARTS = 12  # series drawn; all are in the tables of the other outputs
INK, BAND, PAST = "#1f4e79", "#9dc3e6", "#333333"
STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1a202c}
table{border-collapse:collapse;font-size:.85rem}
td,th{padding:.25rem .6rem;border-bottom:1px solid #cbd5e0;text-align:right}
td:first-child,th:first-child{text-align:left}svg{max-width:100%;height:auto}
@media print{body{margin:0;max-width:none}figure{break-inside:avoid}}"""


def write(path: Path, found: Quick, *, refused: pd.DataFrame, sentences: Sequence[str]) -> None:
    """Write the report: the sentences first, then charts, scores and refused rows."""
    drawn = list(found.forecast["unique_id"].unique())[:CHARTS]
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><title>Forecast</title>",
        f"<meta name=viewport content='width=device-width'><style>{STYLE}</style>",
        "<h1>Forecast</h1>",
        *(f"<p>{escape(s)}</p>" for s in sentences),
        *(f"<figure>{_svg(_chart(found, unique_id))}</figure>" for unique_id in drawn),
        "<h2>Scores on your own past</h2>",
        _html(found.scores),
        *([] if refused.empty else ["<h2>Refused</h2>", _html(refused.head(200))]),
        "</html>",
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(parts), encoding="utf-8")


def _chart(found: Quick, unique_id: object) -> Figure:
    ahead = found.forecast[found.forecast["unique_id"] == unique_id]
    past = found.history[found.history["unique_id"] == unique_id]
    past = past[past["ds"] > ahead["ds"].min() - 4 * found.horizon * grid.step(found.freq)]
    figure = Figure(figsize=(9, 2.6), layout="constrained")
    axis = figure.subplots()
    axis.plot(past["ds"], past["y"], color=PAST, linewidth=0.9)
    for low, high, shade in (("q05", "q95", 0.35), ("q10", "q90", 0.6)):
        axis.fill_between(
            ahead["ds"], ahead[low], ahead[high], color=BAND, alpha=shade, linewidth=0
        )
    axis.plot(ahead["ds"], ahead["mean"], color=INK, linewidth=1.4)
    ticks = AutoDateLocator(maxticks=8)  # type: ignore[no-untyped-call]
    axis.xaxis.set_major_locator(ticks)
    axis.xaxis.set_major_formatter(ConciseDateFormatter(ticks))  # type: ignore[no-untyped-call]
    # A dollar sign would start mathematics, and an id may hold one.
    axis.set_title(str(unique_id).replace("$", r"\$"), fontsize=10, loc="left")
    axis.spines[["top", "right"]].set_visible(False)
    return figure


def _svg(figure: Figure) -> str:
    text = io.StringIO()
    figure.savefig(text, format="svg")
    return text.getvalue()[text.getvalue().index("<svg") :]


def _html(rows: pd.DataFrame) -> str:
    if rows.empty:
        return "<p>None.</p>"
    return str(
        rows.to_html(index=False, border=0, escape=True, float_format="{:,.3f}".format, na_rep="")
    )
