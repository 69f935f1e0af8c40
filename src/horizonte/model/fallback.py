"""What to answer where a model has nothing to go on: the level that a series was fitted at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from horizonte.prepare.windows import Reals, Windows


@dataclass(frozen=True)
class Levels:
    """The median of each series over the history that a model was fitted on."""

    values: dict[str, float]

    @classmethod
    def of(cls, windows: Windows) -> Levels:
        """Take the median of every series that has one."""
        return cls(
            {
                str(uid): float(np.median(y[np.isfinite(y)]))
                for uid, y in zip(windows.unique_id, windows.y, strict=True)
                if np.isfinite(y).any()
            }
        )

    def fill(self, windows: Windows, mean: Reals) -> Reals:
        """Return ``mean`` with what is not finite replaced by the series' level, or 0 if unseen."""
        level = np.array([self.values.get(str(uid), 0.0) for uid in windows.unique_id])
        return np.where(np.isfinite(mean), mean, level[:, None])
