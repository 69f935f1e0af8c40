"""What a model family is: it fits on the histories of a panel and forecasts from any history.

A family works on ``Windows``: arrays of one grid, one row per (series, cutoff). One call answers
for many cutoffs, and a row's answer depends on that row alone, so a series forecast by itself
and in a batch gets the same bits.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import pandas as pd

from horizonte.prepare.windows import Reals, Windows


class Fitted(Protocol):
    """A fitted model of a panel, as data that can be saved without pickle.

    ``failed`` names the series it has no fit for, each with the reason; it answers NaN for those
    and for series it has never seen. For every other row it answers finite numbers, whatever is
    missing in the row (a stale target, no covariates, no known future).
    """

    name: str
    failed: dict[str, str]

    def predict(self, windows: Windows) -> Reals:
        """Return the expected values over each row's horizon, ``[n, horizon]``, in the unit of y."""
        ...

    def save(self, folder: Path) -> None:
        """Write the model into ``folder`` (created) as JSON, text or arrays, equal bytes each time."""
        ...


class Family(Protocol):
    """A kind of model. ``costly`` families are fitted series by series and may be skipped by budget."""

    name: str
    costly: bool

    def fit(self, windows: Windows, *, meta: pd.DataFrame, seed: int) -> Fitted:
        """Fit on whole histories, one row per series.

        ``windows.horizon`` is the horizon to serve; ``windows.future`` names the covariates that
        are known ahead (their past values are in ``windows.covariates``). ``meta`` holds SERIES
        rows. A series that cannot be fitted is named in ``failed``, never raised.
        """
        ...

    def load(self, folder: Path) -> Fitted:
        """Return what ``save`` wrote, forecasting the same bits; raise ModelFault when damaged."""
        ...
