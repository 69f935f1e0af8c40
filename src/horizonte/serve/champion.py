"""The champion: a model folder fetched by its hash, checked, and loaded."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from horizonte.errors import Fault, ModelFault
from horizonte.model.forecaster import Forecaster
from horizonte.params import Rules
from horizonte.serve import folder as model_folder
from horizonte.serve.bucket import Bucket

logger = logging.getLogger(__name__)
PREFIX = "models"


@dataclass(frozen=True)
class Champion:
    """One model version in memory; nothing of it changes after it was loaded."""

    version: str
    card: Mapping[str, Any]
    rules: Rules  # the cleaning that it was trained behind
    forecasters: Mapping[str, Forecaster]  # freq (ISO-8601) → the forecaster of its panel


def obtain(version: str, *, home: Path, bucket: Bucket | None) -> Champion:
    """Return the champion of ``version`` from the cache, else from the bucket.

    The bucket is not asked when the cached folder is whole, so a service starts while S3 is
    down. A cached folder that differs from its hashes is fetched anew. Raises ModelFault when
    no folder of these very bytes can be had, StoreFault when the bucket does not answer.
    """
    cached = home / PREFIX / version
    if not _whole(cached, version):
        if bucket is None:
            raise ModelFault(
                "model version",
                version,
                "in the cache, and no bucket is set",
                "set HORIZONTE_S3, or run horizonte up",
            )
        _fetch(version, bucket, cached)
    return load(cached, version=version)


def load(folder: Path, *, version: str | None = None) -> Champion:
    """Return the champion in ``folder``; raise ModelFault unless every byte is as its card says.

    ``version`` is the id that the folder must have.
    """
    found, card = model_folder.verified(folder)
    if version is not None and found != version:
        raise ModelFault(
            f"model folder {folder.name}", found, f"version {version}", "publish the model again"
        )
    groups = sorted(p.name for p in folder.iterdir() if p.is_dir())
    if not groups:
        raise ModelFault(
            f"model folder {folder.name}",
            "no freq group",
            "one folder per freq",
            "train again: dvc repro",
        )
    forecasters = {group: Forecaster.load(folder / group) for group in groups}
    return Champion(found, MappingProxyType(card), _rules(card), MappingProxyType(forecasters))


def _rules(card: Mapping[str, Any]) -> Rules:
    try:
        return Rules.model_validate(card["params"]["clean"])
    except (KeyError, TypeError, ValidationError) as why:
        raise ModelFault(
            "card.json params.clean",
            type(why).__name__,
            "the cleaning rules of its training",
            "train again: dvc repro",
        ) from None


def _whole(folder: Path, version: str) -> bool:
    """Return whether the cache holds exactly ``version``; what is damaged is said, then dropped."""
    if not folder.is_dir():
        return False
    try:
        found, _ = model_folder.verified(folder)
    except (Fault, OSError) as why:
        logger.warning("cached model %s is damaged: %s", version, why)
        return False
    return found == version


def _fetch(version: str, bucket: Bucket, target: Path) -> None:
    """Download ``version`` beside ``target`` and put it there in one rename."""
    draft = target.with_name(f".{version}.{os.getpid()}")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        for path, content in _contents(version, bucket):
            (draft / path).parent.mkdir(parents=True, exist_ok=True)
            (draft / path).write_bytes(content)
        shutil.rmtree(target, ignore_errors=True)
        draft.rename(target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    logger.info("fetched model %s", version)


def _contents(version: str, bucket: Bucket) -> list[tuple[str, bytes]]:
    card = bucket.get(f"{PREFIX}/{version}/{model_folder.CARD}")
    files = model_folder.listed(card)
    if model_folder.identity(files) != version:
        raise ModelFault(
            f"model version {version}",
            model_folder.identity(files),
            "the id of what its card lists",
            "publish the model again",
        )
    return [
        (path, model_folder.checked(path, bucket.get(f"{PREFIX}/{version}/{path}"), expected))
        for path, expected in files.items()
    ]
