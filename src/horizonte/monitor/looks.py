"""Where the pages of a look lie: each look has a folder of its own inside that of its date."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

PREFIX = "reports/monitoring"  # of the bucket's keys, and of the folder below data/
_PAGE = re.compile(rf"{PREFIX}/([^/]+)(?:/([0-9]+))?/index\.html", re.ASCII)


class Look(NamedTuple):
    """The ``number``-th look of a date; 0 where all looks of the date shared one folder."""

    date: str
    number: int

    @property
    def folder(self) -> str:
        """Return where its pages lie, below those of all looks."""
        return f"{self.date}/{self.number}" if self.number else self.date

    @property
    def page(self) -> str:
        """Return its index: below data/, and the key in the bucket."""
        return f"{PREFIX}/{self.folder}/index.html"


def of(page: str) -> Look | None:
    """Return the look whose index ``page`` is; None for any other page."""
    found = _PAGE.fullmatch(page)
    return Look(found[1], int(found[2] or 0)) if found else None


def following(pages: Iterable[str], date: str) -> Look:
    """Return the look of ``date`` that follows those whose indexes ``pages`` are."""
    known = [look.number for page in pages if (look := of(page)) and look.date == date]
    return Look(date, max(known, default=0) + 1)
