"""The pages of monitorings, trainings and gates: from this host's folder, else from the bucket."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from horizonte import paths
from horizonte.config import Settings
from horizonte.embedded import services
from horizonte.embedded.endpoints import S3Settings
from horizonte.errors import Fault, NotFound
from horizonte.pipeline import files
from horizonte.serve.bucket import Bucket
from horizonte.web.reading import Missing

logger = logging.getLogger(__name__)
PREFIX = "reports/"  # of the bucket's keys; what follows is the name of a page
HERE = "here"  # stands for the version of the last training of this work tree
MOST_BYTES = 16 << 20  # Evidently's pages have about 4 MB
_PLAIN = "[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
_NAME = re.compile(
    rf"(monitoring/{_PLAIN}(/[0-9]{{1,9}})?|training/{_PLAIN}(/notebooks)?|gates)/{_PLAIN}\.html",
    re.ASCII,
)


class Entry(NamedTuple):
    """One page: its name, and when it was written."""

    name: str
    at: datetime


class Reports:
    """Every page by its name, such as ``monitoring/2026-01-31/2/index.html``."""

    def __init__(self, setting: Settings, root: Path | None) -> None:
        """Take the settings, and the folder of the reports on this host, if there is one."""
        self._setting, self._root = setting, root
        self._bucket: Bucket | None = None
        self._lock = threading.Lock()

    def read(self, name: str) -> bytes:
        """Return a page of at most MOST_BYTES.

        Raises NotFound for a name that is none or a page that is nowhere, Missing when the
        bucket does not answer.
        """
        if not is_name(name):
            raise _nowhere(name)
        if (found := self._local(name)) is not None:
            content = found.read_bytes()[: MOST_BYTES + 1]
        else:
            content = self._fetched(name)
        if len(content) > MOST_BYTES:
            raise NotFound(
                "report", name, f"a page of at most {MOST_BYTES >> 20} MiB", "open its file"
            )
        return content

    def here(self, start: str, *, since: str = "") -> list[Entry]:
        """Return what lies on this host, of names that begin so, and of looks of dates from ``since``."""
        return sorted(self._walked(start, since)) if self._root is not None else []

    def away(self, start: str, *, since: str = "") -> list[Entry]:
        """Return what lies in the bucket, as ``here`` does; raise Missing when it is away."""
        # SeaweedFS leaves out all below a folder that it is to start after: begin before it.
        after = since and PREFIX + start + since[:-1]
        try:
            found = self._client().listed(PREFIX + start, after=after)
        except Fault as why:
            raise Missing("bucket", str(why)[:300]) from None
        names = {key.removeprefix(PREFIX): at for key, (at, _) in found.items()}
        kept = (Entry(name, at) for name, at in names.items() if name >= start + since)
        return sorted(entry for entry in kept if is_name(entry.name))

    def _fetched(self, name: str) -> bytes:
        try:
            return self._client().get(PREFIX + name, most=MOST_BYTES + 1)
        except NotFound:
            raise _nowhere(name) from None
        except Fault as why:
            raise Missing("bucket", str(why)[:300]) from None

    def _local(self, name: str) -> Path | None:
        """Return the file of ``name`` if it lies, links followed, in the folder of the reports."""
        if self._root is None:
            return None
        path = self._root / name.removeprefix(f"training/{HERE}/")
        inside = path.resolve().is_relative_to(self._root.resolve())
        return path if inside and path.is_file() else None

    def _walked(self, start: str, since: str) -> Iterator[Entry]:
        assert self._root is not None
        for path in self._found(start, since):
            name = path.relative_to(self._root).as_posix()
            name = name if name.startswith(("monitoring/", "gates/")) else f"training/{HERE}/{name}"
            shown = is_name(name) and path.name != files.PLOTS_TEMPLATE.name
            if shown and name.startswith(start) and self._local(name) is not None:
                yield Entry(name, datetime.fromtimestamp(path.stat().st_mtime, UTC))

    def _found(self, start: str, since: str) -> Iterator[Path]:
        """Yield files that can have such names: looks are many, and only theirs are walked."""
        assert self._root is not None
        kind, _, group = start.partition("/")
        if kind != "monitoring":
            for pattern in ("gates/*.html",) if kind == "gates" else ("*.html", "notebooks/*.html"):
                yield from self._root.glob(pattern)
        elif group:
            yield from (self._root / kind / group).glob("*.html")
        elif (self._root / kind).is_dir():
            for date in (self._root / kind).iterdir():
                if date.name >= since:
                    yield from date.rglob("*.html")

    def _client(self) -> Bucket:
        with self._lock:
            if self._bucket is None:
                given = self._setting.s3
                where = S3Settings.parse(given) if given else services.endpoints().s3
                self._bucket = Bucket.of(where)
            return self._bucket


def folder() -> Path | None:
    """Return the folder of the reports on this host; None outside a project."""
    try:
        return paths.project_root() / files.REPORTS
    except Fault:
        return None


def is_name(name: str) -> bool:
    """Say whether ``name`` can be that of a page: no other place is named by it."""
    return _NAME.fullmatch(name) is not None and ".." not in name


def _nowhere(name: str) -> NotFound:
    return NotFound("report", name[:200], "in the reports' folder or the bucket", "see /reports")
