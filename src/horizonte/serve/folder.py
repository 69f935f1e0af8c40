"""A model folder as content: its files, their hashes, and the one id that covers them all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from horizonte.errors import ModelFault

CARD = "card.json"
# Data only: nothing in a model folder is ever unpickled or executed.
ALLOWED = {".json", ".txt", ".npy", ".npz", ".csv", ".parquet"}


def sha256(content: bytes) -> str:
    """Return the hex SHA-256 of ``content``."""
    return hashlib.sha256(content).hexdigest()


def identity(files: Mapping[str, str]) -> str:
    """Return the id of a version: SHA-256 over its sorted ``path``, ``sha256`` lines.

    ``files`` maps every path of the folder, ``card.json`` among them, to its SHA-256.
    """
    lines = "".join(f"{path}\0{files[path]}\n" for path in sorted(files))
    return sha256(lines.encode())


def listed(card: bytes) -> dict[str, str]:
    """Return every file of the folder that ``card`` (``card.json`` as bytes) lists, with hashes.

    Raises ModelFault for a card that is no card, or that lists a path outside the folder or of
    a kind that is not data.
    """
    try:
        files = dict(json.loads(card)["files"])
    except (ValueError, KeyError, TypeError):
        raise ModelFault(
            CARD,
            card[:80].decode(errors="replace"),
            "JSON with a map of files",
            "train again: dvc repro",
        ) from None
    for path in files:
        parts = Path(path).parts
        if Path(path).is_absolute() or ".." in parts or Path(path).suffix not in ALLOWED:
            raise ModelFault(
                f"{CARD} file",
                path,
                f"a path in the folder, of {sorted(ALLOWED)}",
                "train again: dvc repro",
            )
    return {**files, CARD: sha256(card)}


def verified(folder: Path) -> tuple[str, dict[str, Any]]:
    """Return the id and the card of ``folder``; raise ModelFault when any byte is not as listed.

    A missing, truncated, changed or additional file is named.
    """
    try:
        card = (folder / CARD).read_bytes()
    except OSError:
        raise ModelFault(
            "model folder", str(folder), f"a folder with {CARD}", "train a model first: dvc repro"
        ) from None
    files = listed(card)
    present = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    odd = sorted(present ^ set(files))
    if odd:
        raise ModelFault(
            f"model folder {folder.name}",
            odd[:5],
            f"exactly what {CARD} lists",
            "remove what was added or fetch the folder again",
        )
    for path, expected in files.items():
        checked(path, (folder / path).read_bytes(), expected)
    return identity(files), json.loads(card)


def checked(path: str, content: bytes, expected: str) -> bytes:
    """Return ``content`` when its hash is ``expected``; raise ModelFault naming ``path``."""
    found = sha256(content)
    if found != expected:
        raise ModelFault(
            f"model file {path}",
            f"sha256 {found[:12]}…",
            f"sha256 {expected[:12]}…",
            "fetch the folder again, or publish the model again",
        )
    return content
