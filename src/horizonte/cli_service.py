"""The commands that show what the forecast service did; each is a few lines over the package."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from horizonte import clock
from horizonte.cli_live import TIMES
from horizonte.console import Limit, out

if TYPE_CHECKING:
    import pandas as pd

app = typer.Typer()
Since = Annotated[
    datetime | None, typer.Option(formats=TIMES, help="from this instant on, UTC; default: a day")
]
AsJson = Annotated[bool, typer.Option("--json", help="one JSON object a line")]


@app.command()
def requests(*, since: Since = None, limit: Limit = 50, as_json: AsJson = False) -> None:
    """Show the requests that the service answered, newest first."""
    from horizonte.store import telemetry
    from horizonte.store.connection import connect

    with connect() as conn:
        rows = telemetry.requests(conn, since=_from(since), limit=limit)
    shown = ["at", "method", "path", "status", "milliseconds", "origin", "request_id"]
    _show(rows, rows if as_json else rows[shown], as_json=as_json)


@app.command()
def samples(
    name: Annotated[str | None, typer.Argument(help="of a metric; none: list the names")] = None,
    *,
    since: Since = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """Show what a metric of the service was, minute by minute, newest first."""
    from horizonte.store import telemetry
    from horizonte.store.connection import connect

    with connect() as conn:
        if name is None:
            for found in telemetry.metric_names(conn, since=_from(since)):
                out.print(found, markup=False)
            return
        rows = telemetry.samples(conn, name, since=_from(since), limit=limit)
    _show(rows, rows, as_json=as_json)


def _from(since: datetime | None) -> datetime:
    if since is None:
        return clock.now() - timedelta(days=1)
    return since if since.tzinfo else since.replace(tzinfo=clock.now().tzinfo)


def _show(rows: pd.DataFrame, shown: pd.DataFrame, *, as_json: bool) -> None:
    if as_json:
        print(rows.to_json(orient="records", date_format="iso", lines=True), end="")
        return
    out.print(shown.fillna("").to_string(index=False) if len(shown) else "none", markup=False)
