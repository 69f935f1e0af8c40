"""How commands print: lines as they are, and tables of which nothing is cut."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table
from rich.text import Text

WHOLE = 1_000_000  # columns of a pipe; a table takes what its rows need
out = Console(soft_wrap=True)


def table(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """Print ``rows`` under ``columns``: folded where a terminal is too narrow, one a line elsewhere."""
    made = Table(box=None)
    for name in columns:
        made.add_column(name, overflow="fold")
    for row in rows:
        made.add_row(*(Text(str(part)) for part in row))
    console = out if out.is_terminal else Console(width=WHOLE)
    console.print(made, soft_wrap=False)
