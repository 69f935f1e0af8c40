"""A source's recording, straight from its files: no database is asked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from horizonte import freq, paths
from horizonte.errors import ConfigFault
from horizonte.ingest import files
from horizonte.ingest.sources import Source, find_source, load_sources


@dataclass(frozen=True)
class Recording:
    """A source and its readings (unique_id, ds, y), sorted by time."""

    source: Source
    readings: pd.DataFrame

    @property
    def step(self) -> pd.Timedelta:
        """The grid of the source's series."""
        return freq.step(self.source.freq)

    def write(self, path: Path, *, since: pd.Timestamp, until: pd.Timestamp | None = None) -> None:
        """Write the readings in [since, until) as a file that the source's declaration reads.

        One column a series and times in UTC; ``until`` left out means to the end.
        """
        own = self.readings[self.readings["ds"] >= since]
        own = own if until is None else own[own["ds"] < until]
        columns = {self.source.unique_id(key): key for key in self.source.series}
        wide = own.pivot(index="ds", columns="unique_id", values="y").rename(columns=columns)
        texts = pd.DatetimeIndex(wide.index).strftime("%Y-%m-%dT%H:%M:%SZ")
        wide.set_axis(pd.Index(texts, name=self.source.timestamp[0]), axis="index").to_csv(path)


def load(name: str, *, root: Path | None = None) -> Recording:
    """Return the recording of source ``name`` of the project at ``root`` (default: around us).

    Raises NotFound for an unknown source and ConfigFault for one without readings in files.
    """
    root = root or paths.project_root()
    source = find_source(load_sources(root / "sources.yaml"), name)
    found = sorted({path for pattern in source.files for path in root.glob(pattern)})
    frames = [files.read(path, source).rows for path in found]
    if not sum(map(len, frames)):
        raise ConfigFault(
            f"sources.yaml: {name}.files",
            list(source.files),
            "files with readings",
            "a replay needs a recording",
        )
    readings = pd.concat(frames, ignore_index=True)
    readings = readings.drop_duplicates(["unique_id", "ds"], keep="last")
    return Recording(source, readings.sort_values(["ds", "unique_id"], ignore_index=True))
