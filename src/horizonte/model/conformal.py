"""Intervals by split conformal calibration, per series and band of lead times.

Quantiles of standardised residuals, made out of sample before the test period, are carried over
to new forecasts (Vovk et al. 2005; finite-sample ranks as in Lei et al. 2018,
https://doi.org/10.1080/01621459.2017.1307116). Residuals keep their sign, so bands may be
lopsided, and are divided by the local spread (hour and kind of day) and by the unrest of the
last week, so bands are wide where and when errors are, also in a season unlike the last.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from horizonte import freq
from horizonte.contracts import QUANTILE_COLUMNS, QUANTILES
from horizonte.model.doubt import NORMAL, Doubt
from horizonte.model.spread import Spread
from horizonte.prepare.windows import Reals

SHARES = (1 / 48, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0)  # upper ends of the bands, of the horizon
PRIOR = 20  # cutoffs that a series must have before its own quantiles count half
MEDIAN = 0.5
STIR = (0.4, 3.0)  # how far the unrest of one week may narrow or widen the bands


@dataclass(frozen=True)
class Calibration:
    """What turns a mean into quantiles, learnt on forecasts issued before the test period."""

    ends: list[int]  # last lead (steps) of each band
    unit: dict[str, list[float]]  # per series and band, the usual absolute error
    offsets: dict[str, list[list[float]]]  # per series, band and quantile, in units
    panel: list[list[float]]  # offsets of a series that has none, in units
    ratio: list[float]  # per band, unit over the series' own standard deviation
    spread: Spread
    unrest: dict[str, float]  # the usual unrest of each series

    @classmethod
    def of(cls, rows: pd.DataFrame, *, meta: pd.DataFrame, horizon: int) -> Calibration:
        """Calibrate on BACKTEST rows of one model over the selection period.

        ``rows`` also carry what ``certainty.context`` says of them: without ``deviation`` a
        series without residuals cannot borrow, without ``unrest`` bands do not follow it, and
        without ``lead`` it counts from the cutoff. Bands are ``SHARES`` of ``horizon`` steps.
        """
        ends = sorted({max(1, int(share * horizon)) for share in SHARES})
        rows = _known(rows.dropna(subset=["y", "mean"]), step=freq.step(meta["freq"].iloc[0]))
        unrest = _usual_unrest(rows)
        rows["band"] = _band(rows["lead"].to_numpy(float), ends)
        rows["error"] = (rows["y"] - rows["mean"]) / _stir(rows, unrest)
        usual = rows["error"].abs().groupby([rows["unique_id"], rows["band"]]).transform("mean")
        rows = rows.assign(usual=usual.where(usual > 0, 1.0))
        spread = Spread.of(rows.assign(size=rows["error"].abs() / rows["usual"]), meta=meta)
        rows["score"] = rows["error"] / rows["usual"] / spread.at(rows, meta=meta)
        panel = _offsets(rows, len(ends))
        return cls(
            ends,
            {str(u): _units(r, len(ends)) for u, r in rows.groupby("unique_id")},
            {str(u): _shrunk(r, panel).tolist() for u, r in rows.groupby("unique_id")},
            panel.tolist(),
            _ratio(rows, len(ends)),
            spread,
            unrest,
        )

    def quantiles(self, rows: pd.DataFrame, *, meta: pd.DataFrame) -> Reals:
        """Return ``[rows, 7]`` quantiles, ordered, for rows (unique_id, ds, mean, lead, deviation).

        ``lead`` counts steps from the last observation; beyond the calibrated horizon the bands
        widen as its square root.
        """
        lead = rows["lead"].to_numpy(float)
        band = _band(lead, self.ends)
        offset, unit = np.zeros((len(rows), len(QUANTILES))), np.zeros(len(rows))
        for key, index in rows.groupby("unique_id").indices.items():
            mine, uid = band[index], str(key)
            offset[index] = np.array(self.offsets.get(uid, self.panel))[mine]
            borrowed = np.array(self.ratio)[mine] * rows["deviation"].to_numpy(float)[index]
            unit[index] = np.array(self.unit[uid])[mine] if uid in self.unit else borrowed
        growth = np.sqrt(np.maximum(lead / self.ends[-1], 1.0))
        width = unit * self.spread.at(rows, meta=meta) * _stir(rows, self.unrest) * growth
        found = rows["mean"].to_numpy(float)[:, None] + offset * width[:, None]
        return np.maximum.accumulate(found, axis=1)

    def to_json(self) -> dict[str, Any]:
        """Return the calibration as what JSON can hold."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Calibration:
        """Return what ``to_json`` gave."""
        return cls(**(stored | {"spread": Spread(**stored["spread"])}))


def calibrated(
    rows: pd.DataFrame,
    calibration: Calibration,
    *,
    meta: pd.DataFrame,
    doubt: Doubt | None = None,
) -> pd.DataFrame:
    """Return ``rows`` with their quantile columns filled, clipped to the limits in ``meta``.

    ``doubt`` widens them for what is lost. The mean is clipped too. A limit that is null does
    not clip.
    """
    bands = calibration.quantiles(rows, meta=meta)
    bands = bands if doubt is None else doubt.widened(bands)
    found = np.column_stack([rows["mean"].to_numpy(float), bands])
    limits = (
        meta.set_index("unique_id")[["lower", "upper"]].reindex(rows["unique_id"]).to_numpy(float)
    )
    low = np.where(np.isnan(limits[:, 0]), -np.inf, limits[:, 0])[:, None]
    high = np.where(np.isnan(limits[:, 1]), np.inf, limits[:, 1])[:, None]
    found = np.minimum(np.maximum(found, low), high)
    names = ["mean", *QUANTILE_COLUMNS]
    return rows.assign(**{name: found[:, i] for i, name in enumerate(names)})


def _band(lead: Reals, ends: list[int]) -> np.ndarray:
    return np.minimum(np.searchsorted(ends, lead, side="left"), len(ends) - 1)


def _known(rows: pd.DataFrame, *, step: pd.Timedelta) -> pd.DataFrame:
    """Return ``rows`` with every column of their certainty, and the number of their forecast."""
    nothing = np.full(len(rows), np.nan)
    since = (rows["ds"] - rows["cutoff"]).to_numpy() / step.to_timedelta64()
    unknown = {"deviation": nothing, "unrest": nothing, "lead": since}
    rows = rows.assign(**{name: v for name, v in unknown.items() if name not in rows})
    return rows.assign(issued=rows.groupby(["unique_id", "cutoff"]).ngroup())


def _usual_unrest(rows: pd.DataFrame) -> dict[str, float]:
    """Return the geometric mean of each series' unrest over its cutoffs."""
    each = rows.drop_duplicates(["unique_id", "cutoff"])
    logs = np.log(each["unrest"].where(each["unrest"] > 0)).groupby(each["unique_id"]).mean()
    return {str(uid): float(np.exp(value)) for uid, value in logs.dropna().items()}


def _stir(rows: pd.DataFrame, usual: dict[str, float]) -> Reals:
    """Return how much more than usual each row's series stirs, 1 where that is unknown."""
    now = rows["unrest"].to_numpy(float) if "unrest" in rows else np.full(len(rows), np.nan)
    ratio = now / rows["unique_id"].map(usual).to_numpy(float)
    return np.clip(np.where(np.isfinite(ratio), ratio, 1.0), *STIR)


def _units(rows: pd.DataFrame, bands: int) -> list[float]:
    usual = rows["error"].abs().groupby(rows["band"]).mean()
    return [float(v) for v in usual.reindex(range(bands)).ffill().bfill()]


def _shrunk(rows: pd.DataFrame, panel: Reals) -> Reals:
    cutoffs = rows["issued"].nunique()
    return (cutoffs * _offsets(rows, len(panel)) + PRIOR * panel) / (cutoffs + PRIOR)


def _offsets(rows: pd.DataFrame, bands: int) -> Reals:
    """Return the conformal quantiles ``[band, quantile]`` of the standardised residuals."""
    whole = _ranked(rows)
    own = {band: _ranked(part) for band, part in rows.groupby("band")}
    return np.array([own.get(band, whole) for band in range(bands)])


def _ranked(rows: pd.DataFrame) -> Reals:
    """Return the scores at the ranks that cover at least their level in a finite sample.

    What is exchangeable is a cutoff, not a row: errors of one forecast go together. The sample
    is as large as its number of cutoffs.
    """
    units = rows["issued"].nunique()
    if units == 0:
        return np.array(NORMAL)
    outer = [min(1.0, np.ceil((units + 1) * max(q, 1 - q)) / units) for q in QUANTILES]
    scores = rows["score"].to_numpy()
    found = [
        np.median(scores) if q == MEDIAN else np.quantile(scores, o if q > MEDIAN else 1 - o)
        for q, o in zip(QUANTILES, outer, strict=True)
    ]
    return np.maximum.accumulate(found)


def _ratio(rows: pd.DataFrame, bands: int) -> list[float]:
    share = (
        (rows["usual"] / rows["deviation"].where(rows["deviation"] > 0))
        .groupby(rows["band"])
        .median()
    )
    filled = share.reindex(range(bands)).ffill().bfill().fillna(1.0)
    return [float(v) for v in filled]
