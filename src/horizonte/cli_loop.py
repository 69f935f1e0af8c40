"""Commands of the loop: watch the champion, and ask for a better one."""

from __future__ import annotations

import typer

app = typer.Typer()
