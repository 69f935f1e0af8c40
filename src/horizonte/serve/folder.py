"""A model folder as content: its files, their hashes, and the one id that covers them all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from horizonte.errors import ModelFault

CARD = "card.json"
# Data only: nothing in a model folder is ever unpickled or executed.
ALLOWED = {".json", ".txt", ".npy", ".npz", ".csv", ".parquet"}
FORMAT = 1  # of the folder; a card without one is of the first, so that equal models stay equal


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
        if not _is_inside(path):
            raise ModelFault(
                f"{CARD} file",
                path,
                f"a path in the folder, of {sorted(ALLOWED)}",
                "train again: dvc repro",
            )
    return {**files, CARD: sha256(card)}


def compatible(card: Mapping[str, Any], *, installed: Callable[[str], str | None]) -> None:
    """Raise ModelFault when ``card`` is of a newer format, or made by another major of a library.

    ``installed`` says which version of a library is here, None for none: what the members of a
    model need and do not find is refused when they are loaded.
    """
    made = card.get("format", 1)
    if not isinstance(made, int) or not 1 <= made <= FORMAT:
        raise ModelFault(
            f"{CARD} format", made, f"1 to {FORMAT}", "update this installation, or train here"
        )
    for library, version in dict(card.get("libraries", {})).items():
        here = installed(library)
        if here is not None and here.partition(".")[0] != str(version).partition(".")[0]:
            raise ModelFault(
                f"{CARD} libraries {library}",
                version,
                f"of the same major version as {here}",
                "install requirements/lock.txt, or train again: dvc repro",
            )


def _is_inside(path: str) -> bool:
    """Return whether ``path`` is a plain relative path of a kind that is data."""
    plain = PurePosixPath(path)
    return (
        plain.as_posix() == path
        and not plain.is_absolute()
        and ".." not in plain.parts
        and plain.suffix in ALLOWED
        and path.isprintable()
        and "\\" not in path
    )


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
    found = [p for p in folder.rglob("*") if p.is_symlink() or not p.is_dir()]
    present = {p.relative_to(folder).as_posix() for p in found}
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
