"""Stage ``report``: the pages people read, and what they say as one JSON that DVC can compare."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from horizonte import freq, params, paths
from horizonte.contracts import ANNOTATION, BACKTEST, PREPARED, SERIES
from horizonte.model.ensemble import NAME
from horizonte.pipeline import files, shell
from horizonte.prepare.comparable import comparable, in_force
from horizonte.report import drift, index, plots
from horizonte.report.index import Entry
from horizonte.report.windows import FALSE_ALARMS, Pair, compare

logger = logging.getLogger(__name__)
INPUTS, RESIDUALS, QUALITY = "drift_inputs.html", "drift_residuals.html", "quality.html"
CLEANED, TRAINED, EVALUATED = (f"notebooks/{s}.html" for s in ("clean", "train", "evaluate"))


def run(*, root: Path) -> dict[str, Any]:
    """Write the drift and quality pages, the index and its summary; return the summary.

    Pages carry what differs between runs, so only the summary is an out of the stage. A column
    that cannot be tested is named so and stops nothing.
    """
    chosen = params.load(root / paths.MARKER)
    prepared, backtest = PREPARED.read(root / files.CLEAN), BACKTEST.read(root / files.BACKTEST)
    ours = backtest[backtest["model"] == NAME]
    window = chosen.report.drift_window
    noted = in_force(ANNOTATION.read(root / files.ANNOTATIONS), pd.Timestamp(chosen.snapshot.as_of))
    usual = comparable(prepared, noted)
    inputs = inputs_drift(usual, series=SERIES.read(root / files.SERIES), window=window)
    past = BACKTEST.read(root / files.SELECTED)
    residuals = residual_drift(pd.concat([past, ours]), window=window)
    pages = root / files.REPORTS
    found = {
        "data_as_of": chosen.snapshot.as_of.isoformat(),
        "horizon_hours": chosen.features.horizon / pd.Timedelta(hours=1),
        "test_days": chosen.features.test_days,
        "targets": _targets(root),
        "inputs": _shown(inputs, drift.page(inputs, pages / INPUTS)),
        "residuals": _shown(residuals, drift.page(residuals, pages / RESIDUALS)),
        "flagged": _flagged(prepared),
    }
    drift.quality(ours, pages / QUALITY)
    (root / files.SUMMARY).write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
    plots.write_template(root / files.PLOTS_TEMPLATE)
    index.write(pages / "index.html", found, _entries(found, pages))
    logger.info("reports: %s", pages / "index.html")
    return found


def inputs_drift(
    prepared: pd.DataFrame,
    *,
    series: pd.DataFrame,
    window: pd.Timedelta,
    rate: float = FALSE_ALARMS,
) -> list[Pair]:
    """Return the comparison of every prepared series with its season.

    The current window of a series ends where its source's newest measurement stands, also for
    a sensor that fell silent before and for values that are known ahead.
    """
    facts = series.set_index("unique_id")
    past = facts.index[facts["known_ahead_hours"] == 0]
    seen = prepared[prepared["y"].notna() & prepared["unique_id"].isin(past)]
    newest = seen.groupby(seen["unique_id"].map(facts["source"]))["ds"].max().to_dict()
    pairs = []
    for name, rows in prepared.groupby("unique_id", observed=True):
        own = rows.set_index("ds")["y"]
        meta = facts.loc[str(name)]
        end = newest.get(str(meta["source"])) or own.index[-1]
        grid = pd.date_range(own.index[0], end, freq=freq.step(str(meta["freq"])))
        pairs.append(compare(str(name), own.reindex(grid), window=window, rate=rate))
    return pairs


def residual_drift(
    backtest: pd.DataFrame, *, window: pd.Timedelta, rate: float = FALSE_ALARMS
) -> list[Pair]:
    """Return the comparison of what was forecast wrong lately with what was before, by cutoff."""
    rows = backtest.assign(residual=backtest["y"] - backtest["mean"])
    return [
        compare(str(u), own.set_index("cutoff")["residual"], window=window, rate=rate)
        for u, own in rows.groupby("unique_id")
    ]


def _shown(pairs: Sequence[Pair], status: dict[str, str]) -> list[dict[str, object]]:
    """Return the comparisons with the status that the page shows."""
    return [replace(p.comparison, status=status[p.comparison.column]).as_row() for p in pairs]


def _targets(root: Path) -> list[dict[str, Any]]:
    scored = json.loads((root / files.METRICS).read_text())["targets"]
    trained = json.loads((root / files.TRAIN_METRICS).read_text())
    return [
        {"unique_id": u, "naive": trained[u]["naive"], **scores}
        for u, scores in sorted(scored.items())
    ]


def _flagged(prepared: pd.DataFrame) -> dict[str, float]:
    bad = prepared["quality"].isin(["flatline", "out_of_range", "spike"])
    shares = bad.groupby(prepared["unique_id"]).mean() * 100
    return {str(u): round(float(share), 4) for u, share in shares.items()}


def _entries(found: dict[str, Any], pages: Path) -> list[Entry]:
    """Return the index's entries; a page that is not there is named without a link."""
    inputs, residuals = found["inputs"], found["residuals"]
    entries = [
        Entry("Forecast quality", index.quality_verdict(found["targets"]), QUALITY),
        Entry("Leaderboard and bands", "Every model on the same days, by lead time.", EVALUATED),
        Entry("Drift of inputs", index.drift_verdict(inputs, what="inputs"), INPUTS, inputs),
        Entry(
            "Drift of forecast errors",
            index.drift_verdict(residuals, what="targets' errors"),
            RESIDUALS,
            residuals,
        ),
        Entry("Cleaning", index.cleaning_verdict(found["flagged"]), CLEANED),
        Entry("Training", "What was tried, what was chosen and what ships.", TRAINED),
    ]
    return [e if (pages / str(e.link)).is_file() else replace(e, link=None) for e in entries]


def main() -> None:
    """Make the reports of the project."""
    run(root=paths.project_root())


if __name__ == "__main__":
    shell.run(main)
