"""What if: supposed values of covariates that are known ahead, in place of those on record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from horizonte import freq
from horizonte.errors import DataFault, NotFound

Ahead = Mapping[str, "pd.Series[float]"]  # covariate → supposed values by ds (UTC)


def check(ahead: Ahead, series: pd.DataFrame, targets: Sequence[str]) -> None:
    """Refuse what no forecast of ``targets`` would read; ``series`` are SERIES rows of all.

    Raises NotFound for a covariate that none of them has, DataFault for one that is not known
    ahead and for instants off its grid.
    """
    facts = {str(row["unique_id"]): row for row in series.to_dict("records")}
    read = sorted({c for target in targets for c in facts[target]["covariates"]})
    for name, values in ahead.items():
        if name not in read:
            allowed = "a covariate of a series that is asked for"
            fix = f"it reads {', '.join(read)}" if read else "it reads none; leave known_future out"
            raise NotFound("known_future", name, allowed, fix)
        if facts[name]["known_ahead_hours"] <= 0:
            able = [c for c in read if facts[c]["known_ahead_hours"] > 0]
            fix = f"suppose {', '.join(able)}" if able else "no covariate of it is; leave it out"
            raise DataFault("known_future", name, "known ahead: models read only its past", fix)
        _on_grid(name, values, facts[name]["freq"])


def _on_grid(name: str, values: pd.Series[float], iso: str) -> None:
    ds = pd.DatetimeIndex(values.index)
    off = ds[ds != ds.floor(freq.step(iso))]
    if len(off):
        fix = f"send instants such as {off[0].floor(freq.step(iso)).isoformat()}"
        raise DataFault(f"known_future {name}: ds", off[0].isoformat(), f"on its grid, {iso}", fix)
    if ds.has_duplicates:
        raise DataFault(
            f"known_future {name}: ds",
            ds[ds.duplicated()][0].isoformat(),
            "said once",
            "choose one",
        )


def within(ahead: Ahead, *, after: pd.Timestamp, until: pd.Timestamp) -> None:
    """Refuse what lies outside (``after``, ``until``], which is all that a forecast reads of it."""
    for name, values in ahead.items():
        ds = pd.DatetimeIndex(values.index)
        outside = ds[(ds <= after) | (ds > until)]
        if len(outside):
            allowed = f"after the cutoff {after.isoformat()} and up to {until.isoformat()}"
            fix = "leave it out: history is what was read, and nothing later is forecast"
            raise DataFault(f"known_future {name}: ds", outside[0].isoformat(), allowed, fix)


def supposed(prepared: pd.DataFrame, ahead: Ahead) -> pd.DataFrame:
    """Return PREPARED rows with the values of ``ahead`` in place of those of the same instants."""
    given = [
        pd.DataFrame({"unique_id": n, "ds": v.index, "y": v, "y_raw": v, "quality": "ok"})
        for n, v in ahead.items()
    ]
    both = pd.concat([prepared, *given], ignore_index=True)
    kept = both.drop_duplicates(["unique_id", "ds"], keep="last")
    return kept.sort_values(["unique_id", "ds"], ignore_index=True)
