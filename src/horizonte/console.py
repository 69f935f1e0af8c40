"""How commands print: lines as they are, tables of which nothing is cut, and how many rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from horizonte.errors import ConfigFault

WHOLE = 1_000_000  # columns of a pipe; a table takes what its rows need
out = Console(soft_wrap=True)


def table(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """Print ``rows`` under ``columns``: folded where a terminal is too narrow, one a line elsewhere."""
    made = Table(box=None)
    for name in columns:
        made.add_column(name, overflow="fold")
    for row in rows:
        made.add_row(*(Text(str(part)) for part in row))
    if out.is_terminal:
        out.print(made, soft_wrap=False)
        return
    whole = Console(width=WHOLE)
    with whole.capture() as said:
        whole.print(made, soft_wrap=False)
    for line in said.get().splitlines():  # one long row must not pad all others with blanks
        out.print(line.rstrip(), markup=False, highlight=False, emoji=False)


def _some(limit: int) -> int:
    if limit < 1:
        raise ConfigFault("--limit", limit, "1 or more", "give how many rows are to be shown")
    return limit


Limit = Annotated[int, typer.Option(callback=_some, help="at most, newest first")]
