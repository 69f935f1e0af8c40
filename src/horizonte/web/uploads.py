"""Uploaded files, kept for a while in folders of this process: bounded in size, number and age."""

from __future__ import annotations

import json
import secrets
import shutil
import tempfile
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

MOST_BYTES = 32 << 20
MOST = 16  # files at once; beyond, the one that was used longest ago goes
LIFE = timedelta(hours=1)  # since it was used last
ENDINGS = (".csv", ".tsv", ".txt", ".xlsx", ".xlsm")
GZIP = b"\x1f\x8b"


class Unfit(Exception):
    """What is not taken at all; ``why`` is a key below ``upload.unfit``."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass
class Upload:
    """One file: where it lies, what was asked of it and what it says; ``job`` is its writing."""

    token: str
    name: str
    folder: Path
    used: datetime
    job: Any = None
    quick: Any = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def told(self) -> dict[str, Any] | None:
        """Return what the reading process said, or None before it has."""
        found: dict[str, Any] | None = self._json("told.json")
        return found

    def asked(self) -> dict[str, Any]:
        """Return what was asked of the file."""
        return self._json("ask.json") or first_asked(self.name)

    def ask(self, asked: dict[str, Any]) -> None:
        """Keep what is asked of the file; what it said before counts no longer."""
        (self.folder / "told.json").unlink(missing_ok=True)
        (self.folder / "ask.json").write_text(json.dumps(asked), encoding="utf-8")

    def refused(self) -> list[dict[str, Any]]:
        """Return the refused rows that are listed."""
        found: list[dict[str, Any]] = self._json("refused.json") or []
        return found

    def part(self, number: int) -> bytes:
        """Return the body of one request."""
        return (self.folder / f"part-{number}.json").read_bytes()

    def busy(self) -> bool:
        """Say whether something works on it at this moment."""
        return any(one is not None and one.running for one in (self.job, self.quick))

    def _json(self, name: str) -> Any:
        path = self.folder / name
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


class Uploads:
    """The files that are kept; all of them go with the process."""

    def __init__(self, *, most: int = MOST, life: timedelta = LIFE) -> None:
        """Begin without any; the folder is made when the first file comes."""
        self._most, self._life = most, life
        self._by: dict[str, Upload] = {}
        self._root: Path | None = None
        self._lock = threading.Lock()

    def keep(self, name: str, chunks: Iterable[bytes], now: datetime) -> Upload:
        """Keep a file of ``name`` and return it; raise Unfit for what is not taken."""
        plain = plain_name(name)
        if not plain.lower().endswith(ENDINGS):
            raise Unfit("ending")
        token = secrets.token_urlsafe(24)
        folder = self._folder() / token
        (folder / "in").mkdir(parents=True)
        try:
            _write(folder / "in" / plain, chunks)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        made = Upload(token, plain, folder, now)
        made.ask(first_asked(plain))
        with self._lock:
            self._by[token] = made
            self._sweep(now, keeping=token)
        return made

    def get(self, token: str | None, now: datetime) -> Upload | None:
        """Return the file of ``token``, used now; None when there is none or it has gone."""
        with self._lock:
            self._sweep(now)
            found = self._by.get(token or "")
            if found is not None:
                found.used = now
            return found

    def close(self) -> None:
        """Remove everything."""
        with self._lock:
            self._by.clear()
            if self._root is not None:
                shutil.rmtree(self._root, ignore_errors=True)

    def _folder(self) -> Path:
        with self._lock:
            if self._root is None:
                self._root = Path(tempfile.mkdtemp(prefix="horizonte-uploads-"))
            return self._root

    def _sweep(self, now: datetime, *, keeping: str = "") -> None:
        idle = sorted((u for u in self._by.values() if not u.busy()), key=lambda u: u.used)
        over = len(self._by) - self._most
        for place, one in enumerate(u for u in idle if u.token != keeping):
            if place < over or now - one.used > self._life:
                del self._by[one.token]
                shutil.rmtree(one.folder, ignore_errors=True)


def first_asked(name: str) -> dict[str, Any]:
    """Return what is asked of a file that nobody has said anything about."""
    return {"file": name, "hints": {}, "clock": "recorded", "names": {}, "units": {}, "values": []}


def plain_name(name: str) -> str:
    """Return the last part of a file's name with what may harm a path or a line replaced."""
    last = name.replace("\\", "/").rpartition("/")[2].strip()
    safe = "".join(c if c.isprintable() and c not in '<>:"|?*' else "_" for c in last)
    stem, dot, ending = safe.rpartition(".")
    return f"{stem.lstrip('.')[:80] or 'file'}{dot}{ending[:8]}"


def _write(path: Path, chunks: Iterable[bytes]) -> None:
    size = 0
    with path.open("wb") as stream:
        for chunk in chunks:
            if size == 0 and chunk.startswith(GZIP):
                raise Unfit("packed")
            size += len(chunk)
            if size > MOST_BYTES:
                raise Unfit("large")
            stream.write(chunk)
    if size == 0:
        raise Unfit("empty")
