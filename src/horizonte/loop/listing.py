"""The looks as lists: of a date and of all, what is kept of them, and their way into the bucket."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from horizonte.errors import Fault
from horizonte.loop.pages import CHARTS, FOLDER, UPLOADED, WHOLE, changing, template
from horizonte.monitor import looks
from horizonte.monitor.looks import PREFIX, Look
from horizonte.serve.bucket import Bucket
from horizonte.store.verdicts import Paged

logger = logging.getLogger(__name__)
MOST = 1000  # looks that are listed
_LINKED = re.compile(rf'<a href="(?:{"|".join(map(re.escape, CHARTS))})">([^<]*)</a> \([^)]*\)')


class Line(NamedTuple):
    """A look and the verdict that it came to."""

    look: Look
    verdict: Paged


Dates = Mapping[str, Sequence[Line]]


def dates(shown: Iterable[Paged]) -> Dates:
    """Return the looks of each date, latest first."""
    lines = [Line(look, one) for one in shown if (look := looks.of(one.page))]
    lines.sort(key=lambda line: line.look, reverse=True)
    return {date: list(own) for date, own in groupby(lines, lambda line: line.look.date)}


def write(root: Path, shown: Iterable[Paged]) -> None:
    """Write the index of each date and of all; thin out what the looks of a date leave behind.

    ``shown`` is the last verdict of each page. Of a date of which not every look is there, or whose
    index is itself the page of a look, the index stays as it is.
    """
    found = dates(shown)
    for date, lines in found.items():
        if lines[-1].look.number == 1:
            _write(root / FOLDER / date, {date: lines}, below=f"{date}/")
        for folder in superseded(lines):
            thin(root / FOLDER / folder)
    _write(root / FOLDER, found, below="")


def superseded(lines: Sequence[Line]) -> Iterator[str]:
    """Yield the folders, of a date's looks (latest first), that keep no charts.

    The last keeps its own, and so does one that asked for another model.
    """
    for look, verdict in lines[1:]:
        if look.number and verdict.action == "keep":
            yield look.folder


def thin(folder: Path) -> None:
    """Take Evidently's pages out of ``folder``, whose index stays and links them no more."""
    charts = [folder / name for name in CHARTS if (folder / name).exists()]
    index = folder / "index.html"
    if not charts or not index.exists():
        return
    changing(folder)
    index.write_text(_LINKED.sub(r"\1", index.read_text("utf-8")), "utf-8")
    for path in charts:
        path.unlink()


def upload(root: Path, bucket: Bucket) -> int:
    """Make ``bucket`` hold what lies here and is not there yet; return how many pages were put.

    Only dates in which something is new since they were held whole are walked.
    """
    whole = root / FOLDER
    written = 0
    for date in sorted(path for path in whole.iterdir() if path.is_dir()):
        if not (date / WHOLE).exists():
            written += sum(_put_new(root, folder, bucket) for folder in _folders(date))
            (date / WHOLE).touch()
    bucket.put(f"{PREFIX}/index.html", (whole / "index.html").read_bytes(), "text/html")
    return written + 1


def _folders(date: Path) -> list[Path]:
    return sorted({path.parent for path in date.rglob("*.html")})


def _put_new(root: Path, folder: Path, bucket: Bucket) -> int:
    if (folder / UPLOADED).exists():
        return 0
    below = folder.relative_to(root / FOLDER).as_posix()
    written = _put(folder, f"{PREFIX}/{below}", bucket)
    (folder / UPLOADED).touch()
    return written


def _put(folder: Path, below: str, bucket: Bucket) -> int:
    names = sorted(path.name for path in folder.glob("*.html"))
    for name in names:
        bucket.put(f"{below}/{name}", (folder / name).read_bytes(), "text/html")
    if folder.name.isdecimal():
        _remove((f"{below}/{name}" for name in CHARTS if name not in names), bucket)
    return len(names)


def _remove(keys: Iterable[str], bucket: Bucket) -> None:
    """Remove pages that are here no more; a bucket from which nothing may be removed keeps them."""
    try:
        for key in keys:
            bucket.remove(key)
    except Fault as why:
        logger.warning("pages stay in the bucket: %s", why)


def _write(folder: Path, found: Dates, *, below: str) -> None:
    """Write the index of ``folder`` where it changes, so that only then it is uploaded again."""
    text = template("monitoring_index.html.j2").render(dates=found, below=below)
    path = folder / "index.html"
    if path.exists() and path.read_text("utf-8") == text:
        return
    folder.mkdir(parents=True, exist_ok=True)
    changing(folder)
    path.write_text(text, "utf-8")
