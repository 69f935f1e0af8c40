"""The service looked at by hand: requests and metrics as the database keeps them, 90 days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pandas as pd
from matplotlib.figure import Figure

from horizonte.store import telemetry
from horizonte.store.connection import Connection


@dataclass(frozen=True)
class Seen:
    """A frame and its picture."""

    frame: pd.DataFrame
    figure: Figure


def requests(conn: Connection, *, since: datetime, every: str = "1min") -> Seen:
    """Return the traffic since ``since`` per step of ``every``, and a picture of it.

    The frame has, by step: requests, failed (status 500 and above), degraded, and the
    milliseconds p50 and p99.
    """
    rows = telemetry.requests(conn, since=since)
    at = pd.DatetimeIndex(pd.to_datetime(rows["at"], utc=True))
    facts = pd.DataFrame(
        {
            "milliseconds": rows["milliseconds"].astype(float).to_numpy(),
            "failed": (rows["status"].astype(int) >= 500).to_numpy(),
            "degraded": rows["degraded"].notna().to_numpy(),
        },
        index=at,
    )
    steps = facts.resample(every)
    frame = pd.DataFrame(
        {
            "requests": steps.size(),
            "failed": steps["failed"].sum(),
            "degraded": steps["degraded"].sum(),
            "p50": steps["milliseconds"].quantile(0.5),
            "p99": steps["milliseconds"].quantile(0.99),
        }
    )
    return Seen(frame, _traffic(frame))


def samples(conn: Connection, name: str, *, since: datetime) -> Seen:
    """Return the samples of metric ``name`` since ``since``, one column per process and labels."""
    rows = telemetry.samples(conn, name, since=since)
    labels = [
        ", ".join([process, *(f"{k}={v}" for k, v in sorted(found.items()))])
        for process, found in zip(rows["process"], rows["labels"], strict=True)
    ]
    at = pd.to_datetime(rows["at"], utc=True)
    frame = rows.assign(at=at, line=labels).pivot(index="at", columns="line", values="value")
    figure = Figure(figsize=(10, 3), layout="constrained")
    axis = figure.subplots()
    axis.plot(frame.index, frame, label=list(frame), drawstyle="steps-post")
    axis.set_title(name, fontsize=9)
    if len(frame.columns):
        axis.legend(fontsize=7, frameon=False)
    return Seen(frame, figure)


def _traffic(frame: pd.DataFrame) -> Figure:
    figure = Figure(figsize=(10, 4), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True)
    for name in ("requests", "failed", "degraded"):
        upper.plot(frame.index, frame[name], label=name, drawstyle="steps-post")
    lower.plot(frame.index, frame[["p50", "p99"]], label=["p50 ms", "p99 ms"])
    for axis in (upper, lower):
        axis.legend(fontsize=8, frameon=False)
    return figure
