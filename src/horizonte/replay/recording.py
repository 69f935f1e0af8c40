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
