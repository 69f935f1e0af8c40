"""The command that runs the web app."""

from __future__ import annotations

import typer
from rich.console import Console

app = typer.Typer()
out = Console(soft_wrap=True)


@app.command()
def web() -> None:
    """Run the web app until Ctrl-C: series, forecasts, models and health, for people who look."""
    from horizonte.web import run

    run.serve(told=lambda text: out.print(text, markup=False))
