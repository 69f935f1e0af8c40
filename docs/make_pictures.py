"""Draw the pictures of README from the last `dvc repro`: python docs/make_pictures.py."""

from __future__ import annotations

from horizonte import paths
from horizonte.contracts import BACKTEST
from horizonte.pipeline import files
from horizonte.report import figures


def main() -> None:
    """Write docs/forecasts.svg: the last test forecast of each target beside what happened."""
    root = paths.project_root()
    rows = BACKTEST.read(root / files.BACKTEST)
    rows = rows[rows["model"] == "ensemble"]
    figure = figures.vintages(rows, sorted(rows["unique_id"].unique()))
    figure.savefig(root / "docs/forecasts.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
