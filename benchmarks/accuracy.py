"""Accuracy beside open peers: the same series, as-of histories, cutoffs and horizon, in one run.

Reads what ``dvc repro`` left in ``data/`` and runs ``_peers.py`` in an environment of its own.
Prints Markdown: per target the scaled quantile loss and MASE of each peer divided by ours.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd

from horizonte.contracts import BACKTEST, FOLD
from horizonte.model import metrics
from horizonte.model.ensemble import BEST, NAME

ROOT = Path(__file__).parents[1]
KEYS = ["unique_id", "cutoff", "ds"]


def run_peers(python: Path, data: Path, out: Path, only: str) -> None:
    """Run the peers that ``out`` lacks on the histories in ``data``; their rows go to ``out``."""
    script = Path(__file__).with_name("_peers.py")
    places = {
        "features": data / "features",
        "folds": data / "features/folds.parquet",
        "series": data / "raw/series.parquet",
        "out": out,
    }
    arguments = [part for name, path in places.items() for part in (f"--{name}", str(path))]
    subprocess.run(
        [str(python), str(script), *arguments, "--only", only], check=True, stdout=sys.stderr
    )


def together(ours: pd.DataFrame, peers: pd.DataFrame) -> pd.DataFrame:
    """Return BACKTEST rows of our two models and of the peers, over the rows that ours has."""
    wanted = ours[ours["model"] == NAME]
    found = peers.merge(wanted[[*KEYS, "y"]], on=KEYS, how="inner")
    short = found.groupby("model").size().lt(len(wanted))
    for model in short.index[short]:
        print(f"note: {model} has fewer rows than ours", file=sys.stderr)
    kept = ours[ours["model"].isin([NAME, BEST])]
    return BACKTEST.check(pd.concat([kept, found[BACKTEST.columns]], ignore_index=True))


def scale(data: Path, folds: pd.DataFrame) -> pd.DataFrame:
    """Return the scale of every target from the history that the first test fit was given."""
    parts = []
    for iso, rows in folds.groupby("freq"):
        fit = pd.read_parquet(data / f"features/fit/{iso}.parquet")
        fit = fit[fit["cutoff"] == rows["fitted_at"].min()]
        parts.append(metrics.scale(fit, freq_=str(iso)))
    return pd.concat(parts, ignore_index=True)


def table(scores: pd.DataFrame, metric: str) -> str:
    """Return ``metric`` of ours per target, and of every other model divided by it."""
    wide = scores[scores["bucket"] == metrics.ALL].pivot_table(
        index="model", columns="unique_id", values=metric
    )
    ours = wide.loc[NAME]
    ratios = wide.drop(index=NAME).div(ours)
    ratios["mean"] = ratios.mean(axis=1)
    first = ours.map("{:.3f}".format).to_frame("ours").T.assign(mean=f"{ours.mean():.3f}")
    rest = ratios.sort_values("mean").map(lambda v: "–" if pd.isna(v) else f"{v:.2f} ×")
    return markdown(pd.concat([first, rest]).rename_axis(metric).reset_index())


def coverage(scores: pd.DataFrame) -> str:
    """Return the coverage of 80 and 90 % intervals, and their width, averaged over targets."""
    mean = metrics.average(scores)
    columns = ["model", "coverage_80", "coverage_90", "width_80", "width_90"]
    rows = mean.loc[mean["bucket"] == metrics.ALL, columns].sort_values("model")
    return markdown(rows.map(lambda v: f"{v:.3f}" if isinstance(v, float) else v))


def markdown(frame: pd.DataFrame) -> str:
    """Return ``frame`` as a Markdown table."""
    lines = [list(map(str, frame.columns)), ["---"] * frame.shape[1]]
    lines += [[str(value) for value in row] for row in frame.to_numpy()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    """Run the peers and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=ROOT / "data", help="data/ after dvc repro")
    parser.add_argument("--backtest", type=Path, help="our BACKTEST rows of the test period")
    parser.add_argument("--python", type=Path, default=ROOT / ".venv-peers/bin/python")
    parser.add_argument("--keep", type=Path, help="folder of the peers' rows; what is there stays")
    parser.add_argument("--only", default="", help="run only peers whose name holds this")
    args = parser.parse_args()
    if not args.python.is_file():
        parser.error(f"{args.python} is not there; make it as benchmarks/README.md says")
    with tempfile.TemporaryDirectory() as scratch:
        kept = args.keep or Path(scratch)
        run_peers(args.python, args.data, kept, args.only)
        peers = pd.concat(map(pd.read_parquet, sorted(kept.glob("*.parquet"))), ignore_index=True)
        costs = pd.DataFrame([json.loads(p.read_text()) for p in sorted(kept.glob("*.json"))])
    folds = FOLD.read(args.data / "features/folds.parquet").query("period == 'test'")
    ours = BACKTEST.read(args.backtest or args.data / "evaluation/backtest.parquet")
    scores = metrics.scores(together(ours, peers), scale=scale(args.data, folds))
    seconds = costs.pivot_table(index="model", columns="freq", values="seconds").round(1)
    for title, text in (
        ("Scaled quantile loss: ours, and others as a multiple of it", table(scores, "sql")),
        ("MASE: ours, and others as a multiple of it", table(scores, "mase")),
        ("Coverage and width (in units of the scale)", coverage(scores)),
        ("Seconds per peer: fitting and forecasting all cutoffs", markdown(seconds.reset_index())),
    ):
        print(f"\n### {title}\n\n{text}")


if __name__ == "__main__":
    main()
