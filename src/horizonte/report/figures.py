"""The figures of the notebooks: frames in, matplotlib figures out, never shown here."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK, BAND, NAIVE, FLAG = "#1f4e79", "#9dc3e6", "#8a8a8a", "#c55a11"
WIDTH, ROW, DOTS = 10.0, 2.1, 80


def quality(prepared: pd.DataFrame, unique_ids: Sequence[str]) -> Figure:
    """Return one strip per series: daily means of what was kept, and where rows were flagged."""
    figure, axes = _rows(len(unique_ids))
    for axis, series in zip(axes, unique_ids, strict=True):
        rows = prepared[prepared["unique_id"] == series].set_index("ds")
        daily = rows["y"].resample("D").mean()
        axis.plot(daily.index, daily, color=INK, linewidth=0.8)
        bad = rows["quality"].isin(["flatline", "out_of_range", "spike"]).resample("D").mean()
        share = bad[bad > 0]
        top = axis.get_ylim()[1]
        axis.scatter(share.index, np.full(len(share), top), marker="|", color=FLAG, s=30)
        axis.set_title(f"{series}: daily mean; marks are days with flagged rows", fontsize=9)
    return figure


def vintages(backtest: pd.DataFrame, unique_ids: Sequence[str]) -> Figure:
    """Return the last vintage of each series with its 80 and 90 % bands beside what happened."""
    figure, axes = _rows(len(unique_ids))
    for axis, series in zip(axes, unique_ids, strict=True):
        rows = backtest[backtest["unique_id"] == series]
        rows = rows[rows["cutoff"] == rows["cutoff"].max()].sort_values("ds")
        for low, high, shade in (("q05", "q95", 0.35), ("q10", "q90", 0.6)):
            axis.fill_between(rows["ds"], rows[low], rows[high], color=BAND, alpha=shade, lw=0)
        axis.plot(rows["ds"], rows["mean"], color=INK, linewidth=1.2, label="forecast")
        axis.plot(
            rows["ds"], rows["y"], color="black", linewidth=0.9, linestyle=":", label="happened"
        )
        axis.set_title(
            f"{series}: forecast from {rows['cutoff'].iloc[0]:%Y-%m-%d %H:%M} UTC", fontsize=9
        )
    axes[0].legend(loc="upper left", fontsize=8, frameon=False)
    return figure


def ranking(table: pd.DataFrame, *, label: str) -> Figure:
    """Return bars of the column ``mean`` of a leaderboard, best on top, naives in grey."""
    means = table["mean"].dropna()[::-1]
    figure = _figure(0.3 * len(means) + 0.8)
    axis = figure.subplots()
    shades = [NAIVE if str(name).startswith("naive") else INK for name in means.index]
    bars = axis.barh([str(name) for name in means.index], means, color=shades)
    axis.bar_label(bars, fmt="%.2f", fontsize=8, padding=2)
    axis.set_xlabel(label, fontsize=9)
    return figure


def coverage(table: pd.DataFrame, *, nominal: float) -> Figure:
    """Return the coverage per series and lead-time bucket, the promised one as a line."""
    figure = _figure(2.6)
    axis = figure.subplots()
    for series, row in table.iterrows():
        axis.plot(table.columns, 100 * row, marker="o", markersize=4, lw=1, label=str(series))
    axis.axhline(100 * nominal, color="black", linewidth=0.8, linestyle="--")
    axis.set_ylabel("% of rows inside", fontsize=9)
    axis.legend(fontsize=7, frameon=False, ncols=3)
    return figure


def known_and_later(known: pd.DataFrame, later: pd.DataFrame, instant: pd.Timestamp) -> Figure:
    """Return what was known at ``instant`` as a line, and what came after it in grey."""
    figure = _figure(2.8)
    axis = figure.subplots()
    axis.plot(known["ds"], known["y"], color=INK, linewidth=1.2, label="known then")
    axis.plot(later["ds"], later["y"], color=NAIVE, linewidth=1.0, label="came later")
    axis.axvline(instant, color="black", linewidth=0.8, linestyle="--")  # type: ignore[arg-type]  # dates are accepted
    axis.legend(fontsize=8, frameon=False, loc="upper left")
    return figure


def issued(rows: pd.DataFrame, actuals: pd.DataFrame, title: str) -> Figure:
    """Return vintages with their 80 % bands, one colour each, beside what happened."""
    figure = _figure(3.2)
    axis = figure.subplots()
    axis.plot(actuals["ds"], actuals["y"], color="black", linewidth=0.9, label="happened")
    for number, (cutoff, own) in enumerate(rows.groupby("cutoff")):
        shade = f"C{number}"
        axis.fill_between(own["ds"], own["q10"], own["q90"], color=shade, alpha=0.25, lw=0)
        axis.plot(
            own["ds"],
            own["mean"],
            color=shade,
            linewidth=1.2,
            label=f"from {cutoff:%Y-%m-%d %H:%M}",
        )
    axis.set_title(title, fontsize=9)
    axis.legend(fontsize=7, frameon=False, loc="upper left", ncols=2)
    return figure


def weights(table: pd.DataFrame) -> Figure:
    """Return the weight of each family in what ships, one bar per series."""
    figure = _figure(0.35 * len(table) + 0.9)
    axis = figure.subplots()
    left = np.zeros(len(table))
    for family in table.columns:
        axis.barh(table.index, table[family], left=left, label=family)
        left += table[family].to_numpy(float)
    axis.invert_yaxis()
    axis.legend(
        fontsize=7, frameon=False, ncols=len(table.columns), loc="lower left", bbox_to_anchor=(0, 1)
    )
    return figure


def _rows(count: int) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(WIDTH, ROW * count), dpi=DOTS)
    figure.subplots_adjust(
        left=0.06, right=0.99, bottom=0.4 / count / ROW, top=1 - 0.3 / count / ROW, hspace=0.4
    )
    return figure, list(figure.subplots(count, 1, squeeze=False)[:, 0])


def _figure(height: float) -> Figure:
    """Return a figure outside pyplot's registry: nothing pops up, nothing piles up."""
    return Figure(figsize=(WIDTH, height), layout="constrained", dpi=DOTS)
