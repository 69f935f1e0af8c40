"""The champion: a model folder fetched by its hash, checked, and loaded."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from types import MappingProxyType
from typing import Any
from uuid import uuid4

from pydantic import ValidationError

from horizonte.errors import Fault, ModelFault
from horizonte.model.forecaster import Forecaster
from horizonte.params import Rules
from horizonte.serve import folder as model_folder
from horizonte.serve.bucket import Bucket

logger = logging.getLogger(__name__)
PREFIX = "models"
FETCHES = 8  # objects asked for at once


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
    no folder of these very bytes can be had or this installation cannot read it, StoreFault
    when the bucket does not answer.
    """
    cached = home / PREFIX / version
    card = _whole(cached, version)
    if card is None:
        if bucket is None:
            raise ModelFault(
                "model version",
                version,
                "in the cache, and no bucket is set",
                "set HORIZONTE_S3, or run horizonte up",
            )
        _fetch(version, bucket, cached)
        return load(cached, version=version)
    return _loaded(cached, version, card)


def load(folder: Path, *, version: str | None = None) -> Champion:
    """Return the champion in ``folder``; raise ModelFault unless every byte is as its card says.

    ``version`` is the id that the folder must have. A format or a library of another major
    version than this installation's is refused too.
    """
    found, card = model_folder.verified(folder)
    if version is not None and found != version:
        raise ModelFault(
            f"model folder {folder.name}", found, f"version {version}", "publish the model again"
        )
    return _loaded(folder, found, card)


def _loaded(folder: Path, version: str, card: Mapping[str, Any]) -> Champion:
    model_folder.compatible(card, installed=_installed)
    groups = sorted(p.name for p in folder.iterdir() if p.is_dir())
    if not groups:
        raise ModelFault(
            f"model folder {folder.name}",
            "no freq group",
            "one folder per freq",
            "train again: dvc repro",
        )
    try:
        forecasters = {group: Forecaster.load(folder / group) for group in groups}
    except ImportError as why:
        raise ModelFault(
            f"model folder {folder.name}",
            str(why),
            "loadable by what is installed here",
            "install requirements/lock.txt",
        ) from None
    return Champion(
        version, MappingProxyType(dict(card)), _rules(card), MappingProxyType(forecasters)
    )


def _installed(library: str) -> str | None:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return None


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


def _whole(folder: Path, version: str) -> dict[str, Any] | None:
    """Return the card if the cache holds exactly ``version``; damage is said, and is no version."""
    if not folder.is_dir():
        return None
    try:
        found, card = model_folder.verified(folder)
    except (Fault, OSError) as why:
        logger.warning("cached model %s is damaged: %s", version, why)
        return None
    return card if found == version else None


def _fetch(version: str, bucket: Bucket, target: Path) -> None:
    """Download ``version`` beside ``target`` and put it there in one rename."""
    draft = target.with_name(f".{version}.{uuid4().hex}")
    try:
        for path, content in contents(version, bucket):
            (draft / path).parent.mkdir(parents=True, exist_ok=True)
            (draft / path).write_bytes(content)
        _put(draft, target, version)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    logger.info("fetched model %s", version)


def _put(draft: Path, target: Path, version: str) -> None:
    """Make ``draft`` the ``target``, unless another process has put the same there meanwhile."""
    if target.exists() and _whole(target, version) is None:
        damaged = target.with_name(f".damaged.{uuid4().hex}")
        target.rename(damaged)
        shutil.rmtree(damaged, ignore_errors=True)
    try:
        draft.rename(target)
    except OSError:
        if _whole(target, version) is None:
            raise


def contents(version: str, bucket: Bucket) -> list[tuple[str, bytes]]:
    """Return every file of ``version`` as the bucket gives it, checked; raise ModelFault."""
    card = bucket.get(f"{PREFIX}/{version}/{model_folder.CARD}")
    files = model_folder.listed(card)
    if model_folder.identity(files) != version:
        raise ModelFault(
            f"model version {version}",
            model_folder.identity(files),
            "the id of what its card lists",
            "publish the model again",
        )
    names = [path for path in files if path != model_folder.CARD]
    with ThreadPoolExecutor(FETCHES) as pool:
        found = pool.map(lambda path: bucket.get(f"{PREFIX}/{version}/{path}"), names)
        read = {**dict(zip(names, found, strict=True)), model_folder.CARD: card}
    return [(path, model_folder.checked(path, read[path], files[path])) for path in files]
