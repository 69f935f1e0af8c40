"""The command line: every command is a few lines over one function of the package."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from horizonte import (
    cli_keys,
    cli_live,
    cli_loop,
    cli_models,
    cli_retrain,
    cli_service,
    cli_web,
    log,
)
from horizonte.config import settings
from horizonte.console import out, table
from horizonte.errors import Fault

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)
app.add_typer(cli_live.app)
app.add_typer(cli_service.app)
app.add_typer(cli_loop.app)
app.add_typer(cli_retrain.app)
app.add_typer(cli_web.app)
app.add_typer(cli_keys.app, name="keys")
app.add_typer(cli_models.app, name="models")

Files = Annotated[list[Path], typer.Argument(exists=True, dir_okay=False)]


def main() -> None:
    """Run the command line: a Fault becomes one line on stderr and exit code 1."""
    log.configure(level=settings().log_level)
    try:
        app()
    except Fault as fault:
        Console(stderr=True, soft_wrap=True).print(f"error: {fault}", style="red", markup=False)
        sys.exit(1)


@app.command()
def up() -> None:
    """Start the embedded PostgreSQL, S3 and MQTT broker (unless a URL is set), or heal them."""
    from horizonte.embedded import services

    services.up()
    _show_status()


@app.command()
def status() -> None:
    """Show every service: state, address, process."""
    _show_status()


@app.command()
def down() -> None:
    """Stop the web app, the forecast service and every embedded service that was started here."""
    from horizonte.embedded import services
    from horizonte.serve import run
    from horizonte.web import detached

    detached.stop()
    run.stop()
    services.down()
    out.print("Everything that was started here is stopped.")


@app.command()
def ingest(
    files: Files,
    *,
    source: Annotated[str, typer.Option(help="name in sources.yaml")],
    again: Annotated[
        bool, typer.Option(help="read a loaded file anew, after its declaration changed")
    ] = False,
) -> None:
    """Load spreadsheets into the store; what is refused is in the ledger with its reason."""
    from horizonte import clock, jobs

    for said in jobs.ingest(files, source=source, now=clock.now(), again=again):
        out.print(said, markup=False)


@app.command()
def quick(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="CSV or XLSX with history")
    ],
    *,
    horizon: Annotated[int, typer.Option(help="steps ahead")],
    known_future: Annotated[
        Path | None, typer.Option(help="covariates known over the horizon")
    ] = None,
    target: Annotated[
        list[str] | None, typer.Option(help="columns to forecast; others help")
    ] = None,
    save: Annotated[Path, typer.Option("--out", help=".xlsx, .csv or .parquet")] = Path(
        "forecast.xlsx"
    ),
    html: Annotated[Path | None, typer.Option(help="also write a report")] = None,
    freq: Annotated[
        str | None, typer.Option(help="such as PT1H or 1h; inferred if left out")
    ] = None,
    zone: Annotated[str | None, typer.Option(help="IANA zone of times that carry none")] = None,
    day_first: Annotated[bool | None, typer.Option(help="03/04 is 3 April")] = None,
    decimal: Annotated[str | None, typer.Option(help=". or ,")] = None,
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="more of a source, such as sheet=Plan1")
    ] = None,
    budget_seconds: Annotated[float, typer.Option(help="time for the costly models")] = 60,
) -> None:
    """Forecast a spreadsheet now, with no database, and say how far to trust it."""
    from horizonte.quick import files, run

    given = {"freq": freq, "zone": zone, "day_first": day_first, "decimal": decimal}
    hints = {name: value for name, value in given.items() if value is not None}
    hints |= files.settings(setting or ())
    sheet = files.load(file, known_future=known_future, targets=target or (), hints=hints)
    found = run(
        sheet.frame,
        horizon=horizon,
        freq=sheet.source.freq,
        known_future=sheet.known_future,
        budget_seconds=budget_seconds,
        zone=sheet.source.calendar,
    )
    sentences = files.sentences(sheet, found)
    files.save(save, found, refused=sheet.refused, sentences=sentences)
    if html is not None:
        files.report(html, found, refused=sheet.refused, sentences=sentences)
    for sentence in sentences:
        out.print(sentence, markup=False)
    out.print(f"Written: {save}" + (f", {html}" if html else ""), markup=False)


@app.command()
def publish(why: Annotated[str, typer.Option(help="the reason, kept in the ledger")]) -> None:
    """Put data/models/model into the bucket under its hash and make it the champion."""
    from horizonte import paths
    from horizonte.embedded.services import endpoints
    from horizonte.retrain.publish import publish as publish_folder
    from horizonte.store.connection import connect

    with connect() as conn:
        folder = paths.project_root() / "data/models/model"
        out.print(publish_folder(conn, folder, s3=endpoints().s3, why=why))


@app.command()
def forecast(
    *,
    only: Annotated[str | None, typer.Option(help="targets of this source")] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="until Ctrl-C, whenever something new is known")
    ] = False,
) -> None:
    """Issue and store a live forecast of every target by the champion."""
    from horizonte import jobs

    if watch:
        jobs.watch(source=only, told=lambda text: out.print(text, markup=False))
    else:
        out.print(jobs.forecast(source=only), markup=False)


@app.command()
def serve(detach: Annotated[bool, typer.Option(help="return when ready")] = False) -> None:
    """Run the forecast service until Ctrl-C (or leave it running with --detach)."""
    from horizonte.serve import run

    run.serve(detach=detach)


@app.command()
def lab() -> None:
    """Open JupyterLab on the notebooks, with the services up and saving that strips outputs."""
    from horizonte import lab as jupyter

    jupyter.run()


@app.command()
def demo(
    detach: Annotated[bool, typer.Option(help="return with the services running")] = False,
) -> None:
    """Run everything on the sample data: load, train, publish, forecast, serve, ask."""
    from horizonte import demo as whole

    whole.run(detach=detach)


def _show_status() -> None:
    from horizonte.embedded import services

    rows = [[part or "" for part in row] for row in services.status()]
    table(["service", "state", "address", "pid", "since", "detail"], rows)
