"""Days of a recording as they would have passed: each day's readings, then that day's forecast."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

from horizonte import clock, jobs, log, params, paths
from horizonte.config import settings
from horizonte.ingest import files
from horizonte.ingest.sources import find_source, load_sources
from horizonte.store import prepared
from horizonte.store.connection import connect

DAY = pd.Timedelta(days=1)


def play(path: Path, name: str, *, since: pd.Timestamp, until: pd.Timestamp) -> None:
    """Load the readings of ``path`` in [since, until) day by day, and forecast after each day."""
    root = paths.project_root()
    source = find_source(load_sources(root / "sources.yaml"), name)
    rules = params.load(root / paths.MARKER).clean
    rows = pd.read_csv(path, dtype=str)
    ds = pd.to_datetime(rows[source.timestamp[0]], utc=True)
    folder = settings().home_folder() / "days"
    folder.mkdir(parents=True, exist_ok=True)
    at = since
    while at < until:
        day = folder / f"{path.stem}-{at:%Y-%m-%d}.csv"
        rows[(ds >= at) & (ds < at + DAY)].to_csv(day, index=False)
        with connect() as conn:
            files.ingest(conn, day, source=source, now=clock.now(), again=False)
            prepared.follow(conn, rules)
        jobs.forecast(source=name)
        at += DAY


if __name__ == "__main__":
    log.configure(level="WARNING")
    _, file, name, since, until = sys.argv
    play(Path(file), name, since=pd.Timestamp(since), until=pd.Timestamp(until))
