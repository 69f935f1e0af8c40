"""Forecasts that erode: the daily size of a series' forecast errors, growing over months."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from horizonte.monitor import explain, shapes, tracks
from horizonte.monitor.days import days
from horizonte.monitor.findings import DECAY, Found


def eroded(
    residuals: pd.DataFrame, meta: Mapping[str, Any], *, now: pd.Timestamp, rate: float
) -> Found | None:
    """Return the slow growth of one series' errors, (cutoff, ds, residual), where one stands out.

    ``size`` is the share by which the typical error has grown. A sudden growth is no decay: what
    caused it is for the values to say.
    """
    known = residuals[residuals["ds"] <= now].dropna(subset=["residual"])
    if known.empty:
        return None
    day = known["ds"].dt.floor("D")
    size = known["residual"].abs().groupby(day).mean()
    size = size[size > 0]
    logs = np.log(size.to_numpy(float))
    rows = pd.DataFrame({"unique_id": meta["unique_id"], "ds": size.index, "y": logs})
    seen = days(
        rows.assign(y_raw=rows["y"], quality="ok"),
        {**meta, "freq": "P1D", "zone": "UTC"},
        now=now,
    )
    track = None if seen is None else tracks.track("errors", seen.x[:, 0], seen)
    alarm = None if track is None else track.alarm(rate)
    if seen is None or track is None or alarm is None:
        return None
    step, ramp = (explain.begun(track, kind) for kind in (shapes.STEP, shapes.RAMP))
    if ramp.gain <= step.gain or ramp.size <= 0 or ramp.length < shapes.RAMPS[0]:
        return None
    evidence = {"explained": ramp.gain, "score": alarm.score, "threshold": alarm.threshold}
    since = seen.instant(len(seen) - ramp.length)
    grown = float(np.expm1(ramp.size * ramp.length))
    return Found(seen.unique_id, DECAY, since, grown, evidence | {"n": len(known)})
