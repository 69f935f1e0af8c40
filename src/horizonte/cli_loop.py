"""Commands of the loop: watch the champion, and ask for a better one."""

from __future__ import annotations

from typing import Annotated

import typer

from horizonte.console import Limit, out

app = typer.Typer()


@app.command()
def monitor(
    *,
    every: Annotated[
        str | None, typer.Option(help="again and again, such as PT1H, until Ctrl-C")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(help="of /metrics and /livez on loopback, with --every; 0: any"),
    ] = None,
) -> None:
    """Score the forecasts that have matured, look for drift, decide, and note all of it."""
    from horizonte.errors import ConfigFault
    from horizonte.loop import watch

    def told(text: str) -> None:
        out.print(text, markup=False)

    if every is not None:
        watch.run(every=every, port=port or 0, told=told)
    elif port is not None:
        raise ConfigFault(
            "--port", port, "taken without --every", "add --every PT1H, or leave it out"
        )
    else:
        told(watch.once())


@app.command()
def verdicts(
    *,
    limit: Limit = 20,
    replay: Annotated[
        int | None, typer.Option(help="decide verdict ID again from its evidence")
    ] = None,
) -> None:
    """Show what was decided of the champion and why. Exit code 1 when a replay differs."""
    from horizonte.loop import watch

    if replay is None:
        for line in watch.listed(limit):
            out.print(line, markup=False)
        return
    same, said = watch.replayed(replay)
    out.print(said, markup=False)
    if not same:
        raise typer.Exit(1)
