"""The sources of ``sources.yaml`` by name, and the series that they declare."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from pydantic import ValidationError

from horizonte.contracts import SERIES
from horizonte.errors import ConfigFault, NotFound
from horizonte.ingest.declaration import Channel, Source

__all__ = ["Channel", "Source", "find_source", "load_sources", "series_of"]


def load_sources(path: Path | str) -> dict[str, Source]:
    """Return the declared sources by name.

    Raises ConfigFault naming the file, the key, its value and what is allowed.
    """
    path = Path(path)
    raw = _yaml(path)
    if not isinstance(raw, dict) or not raw:
        raise ConfigFault(path.name, raw, "a mapping of source names", "declare one source a key")
    sources = {str(name): _source(path, str(name), body) for name, body in raw.items()}
    _unique(path, sources)
    return sources


def find_source(sources: dict[str, Source], name: str) -> Source:
    """Return the source called ``name``; raise NotFound naming the nearest."""
    if name not in sources:
        near = difflib.get_close_matches(name, sources, n=1) or sorted(sources)
        raise NotFound("source", name, "declared in sources.yaml", f"try {', '.join(near)}")
    return sources[name]


def series_of(source: Source, *, new: Sequence[str] | None = None) -> pd.DataFrame:
    """Return the SERIES rows that ``source`` declares, or those of ``new`` unique_ids of it."""
    channels = {source.unique_id(key): channel for key, channel in source.series.items()}
    if new is not None:
        channels = dict.fromkeys(new, Channel())
    rows = [
        {
            "unique_id": unique_id,
            "freq": source.freq,
            "unit": channel.unit,
            "zone": source.calendar,
            "role": channel.role,
            "known_ahead_hours": pd.Timedelta(channel.known_ahead) / pd.Timedelta(hours=1),
            "publication_lag_seconds": pd.Timedelta(source.publication_lag).total_seconds(),
            "lower": channel.lower,
            "upper": channel.upper,
            "covariates": list(channel.covariates),
            "holidays": channel.holidays,
            "source": source.name,
        }
        for unique_id, channel in channels.items()
    ]
    return SERIES.check(pd.DataFrame(rows))


class _NoRepeats(yaml.SafeLoader):  # type: ignore[misc]  # yaml ships no types
    """YAML in which a key given twice is an error instead of the last one winning."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{key!r} is given twice", node.start_mark
                )
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        return mapping


def _yaml(path: Path) -> Any:
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_NoRepeats)  # noqa: S506 (safe)
    except (yaml.YAMLError, OSError, UnicodeDecodeError) as why:
        raise ConfigFault(
            str(path), str(why), "a readable YAML file", "correct it at the place named"
        ) from None


def _source(path: Path, name: str, body: Any) -> Source:
    if not isinstance(body, dict):
        raise ConfigFault(
            f"{path.name}: {name}",
            body,
            "a mapping of settings",
            "see data/sample/README.md for examples",
        )
    try:
        return Source.model_validate({**body, "name": name})
    except ValidationError as why:
        raise _config_fault(path, name, why) from None


def wrong(why: ValidationError) -> tuple[str, object, str, str]:
    """Return the key that is wrong, its value, what is allowed, and what to do."""
    first = why.errors()[0]
    where = [str(part) for part in first["loc"]]
    allowed = first["msg"].removeprefix("Value error, ")
    fix = "correct it"
    if first["type"] == "extra_forbidden":
        known = sorted((Channel if "series" in where else Source).model_fields)
        allowed = f"one of {', '.join(k for k in known if k != 'name')}"
        near = difflib.get_close_matches(where[-1], known, n=1)
        fix = f"did you mean {near[0]}?" if near else "remove it"
    value = where[-1] if first["type"] == "extra_forbidden" else first["input"]
    return ".".join(where), sorted(value) if isinstance(value, dict) else value, allowed, fix


def _config_fault(path: Path, name: str, why: ValidationError) -> ConfigFault:
    where, value, allowed, fix = wrong(why)
    key = f"{name}.{where}" if where else name
    return ConfigFault(f"{path.name}: {key}", value, allowed, fix)


def _unique(path: Path, sources: dict[str, Source]) -> None:
    owner: dict[str, str] = {}
    for source in sources.values():
        for key in source.series:
            uid = source.unique_id(key)
            if uid in owner:
                raise ConfigFault(
                    f"{path.name}: {source.name}.series.{key}",
                    uid,
                    f"free: source {owner[uid]} declares it",
                    "give it another id",
                )
            owner[uid] = source.name
    for source in sources.values():
        for key, channel in source.series.items():
            if unknown := [c for c in channel.covariates if c not in owner]:
                near = difflib.get_close_matches(unknown[0], owner, n=1) or sorted(owner)
                raise ConfigFault(
                    f"{path.name}: {source.name}.series.{key}.covariates",
                    unknown[0],
                    "a declared unique_id",
                    f"try {near[0]}",
                )
