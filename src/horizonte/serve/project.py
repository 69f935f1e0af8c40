"""What the service knows of the project it runs in: its sources and its cleaning rules."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from horizonte import params, paths
from horizonte.errors import ConfigFault
from horizonte.ingest.sources import Source, load_sources
from horizonte.params import Rules

logger = logging.getLogger(__name__)
SOURCES = "sources.yaml"


def sources() -> Mapping[str, Source]:
    """Return the declared sources; none where there is no project or its file is wrong.

    Readings are then typed by what the store knows of their series: degraded, and it is said.
    """
    path = _in_project(SOURCES)
    return {} if path is None else _read(path, path.stat().st_mtime_ns)


def rules(served: Rules | None) -> Rules | None:
    """Return the cleaning rules of the project, else those of the champion that is ``served``."""
    path = _in_project(paths.MARKER)
    if path is not None:
        try:
            return params.load(path).clean
        except ConfigFault as why:
            logger.warning("parameters are wrong: %s", why)
    return served


def _in_project(name: str) -> Path | None:
    try:
        path = paths.project_root() / name
    except ConfigFault:  # a bento runs anywhere
        return None
    return path if path.is_file() else None


@lru_cache(maxsize=1)
def _read(path: Path, changed: int) -> Mapping[str, Source]:
    del changed  # a later version of the file is another entry
    try:
        return load_sources(path)
    except ConfigFault as why:
        logger.warning("declarations are wrong: %s", why)
        return {}
