"""The command that runs the web app."""

from __future__ import annotations

from typing import Annotated

import typer

from horizonte.console import out

app = typer.Typer()


@app.command()
def web(*, detach: Annotated[bool, typer.Option(help="return when it answers")] = False) -> None:
    """Run the web app until Ctrl-C: series, forecasts, models and health, for people who look."""
    from horizonte.web import detached, run

    if detach:
        out.print(f"web app: {detached.start()}", markup=False)
        return
    run.serve(told=lambda text: out.print(text, markup=False))
