"""The commands of live readings; each is a few lines over one function of the package."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from horizonte.console import Limit, out
from horizonte.errors import ConfigFault

if TYPE_CHECKING:
    import pandas as pd

TIMES = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"]
app = typer.Typer()


@app.command()
def stream(
    *,
    client_id: Annotated[str | None, typer.Option(help="name of the broker's session")] = None,
    share: Annotated[
        str | None, typer.Option(help="divide messages with consumers so named")
    ] = None,
    port: Annotated[int, typer.Option(help="of /metrics and /livez on loopback; 0: any")] = 0,
    silent_seconds: Annotated[float, typer.Option(help="silence after which /livez fails")] = 900,
) -> None:
    """Take readings from the broker into the database until Ctrl-C; nothing acknowledged is lost."""
    from horizonte.ingest.consume import consume

    consume(
        client_id=client_id,
        share=share,
        port=port,
        silent_seconds=silent_seconds,
        told=lambda text: out.print(text, markup=False),
    )


@app.command()
def doctor() -> None:
    """Ask every part how it is; say what is wrong and what to do. Exit code 1 when one is faulty."""
    from horizonte import clock
    from horizonte.doctor import examine

    colours = {"ok": "green", "warning": "yellow", "fault": "red"}
    found = examine(clock.now())
    for row in found:
        out.print(f"{row.state:<8}", style=colours[row.state], end="")
        out.print(f"{row.part}: {row.seen}" + (f" → {row.fix}" if row.fix else ""), markup=False)
    if any(row.state == "fault" for row in found):
        raise typer.Exit(1)


@app.command()
def replay(
    source: Annotated[str, typer.Argument(help="name in sources.yaml")],
    *,
    speed: Annotated[float, typer.Option(help="times as fast as it was recorded")] = 1.0,
    start: Annotated[
        datetime | None, typer.Option("--from", formats=TIMES, help="first reading, UTC")
    ] = None,
    end: Annotated[datetime | None, typer.Option("--until", formats=TIMES, help="end, UTC")] = None,
    now: Annotated[bool, typer.Option("--now", help="move by whole weeks to end now")] = False,
    http: Annotated[int | None, typer.Option(help="serve it at this port instead")] = None,
    fault: Annotated[
        list[str] | None, typer.Option(help="KIND=SHARE, such as duplicates=0.01; repeatable")
    ] = None,
    seed: Annotated[int, typer.Option(help="of the faults")] = 0,
) -> None:
    """Play a recording as devices would: to the broker, or as an HTTP API that grows with time."""
    from horizonte import replay as simulator

    shares = faults(fault or [])
    if http is not None:
        simulator.serve_http(
            source, port=http, speed=speed, start=_utc(start), now=now, faults=shares
        )
        return
    out.print(
        simulator.run(
            source,
            speed=speed,
            start=_utc(start),
            end=_utc(end),
            now=now,
            faults=shares,
            seed=seed,
        )
    )


@app.command()
def live(
    *,
    speed: Annotated[float, typer.Option(help="of the devices")] = 600.0,
    seconds: Annotated[float | None, typer.Option(help="stop after so many")] = None,
) -> None:
    """Show live readings on the sample, in a clone and a home of its own, until Ctrl-C."""
    from horizonte import live as whole

    whole.run(speed=speed, seconds=seconds)


def faults(given: list[str]) -> dict[str, float]:
    """Return ``KIND=SHARE`` texts as a mapping; raise ConfigFault for another form."""
    shares = {}
    for text in given:
        kind, _, share = text.partition("=")
        try:
            shares[kind] = float(share)
        except ValueError:
            raise ConfigFault(
                "--fault", text, "KIND=SHARE, such as duplicates=0.01", "give a share from 0 to 1"
            ) from None
    return shares


def _utc(instant: datetime | None) -> pd.Timestamp | None:
    if instant is None:
        return None
    import pandas as pd

    stamp = pd.Timestamp(instant)
    return stamp.tz_localize("UTC") if stamp.tz is None else stamp.tz_convert("UTC")


@app.command()
def pull(
    source: Annotated[str, typer.Argument(help="name in sources.yaml")],
    *,
    watch: Annotated[bool, typer.Option("--watch", help="again and again, as declared")] = False,
    port: Annotated[int, typer.Option(help="of its /metrics and /livez on loopback; 0: any")] = 0,
    silent_seconds: Annotated[float, typer.Option(help="silence after which /livez fails")] = 900,
) -> None:
    """Ask a source's HTTP endpoint for what is new."""
    from horizonte import jobs

    if not watch:
        out.print(jobs.pull(source), markup=False)
        return
    for said in jobs.pull_watch(source, port=port, silent_seconds=silent_seconds):
        out.print(said, markup=False)


@app.command()
def annotate(
    unique_id: Annotated[str | None, typer.Argument(help="the series")] = None,
    starts_at: Annotated[str | None, typer.Argument(help="such as 2026-01-31T08:00")] = None,
    ends_at: Annotated[
        str | None, typer.Argument(help="end, exclusive; unit_changed: may be left open")
    ] = None,
    *,
    kind: Annotated[
        str,
        typer.Option(help="ignore, shutdown, sensor_replaced, planned_event, unit_changed"),
    ] = "ignore",
    note: Annotated[str, typer.Option(help="what happened")] = "",
    factor: Annotated[
        str | None, typer.Option(help="of unit_changed: y is factor times the reading, plus offset")
    ] = None,
    offset: Annotated[str | None, typer.Option(help="of unit_changed; default 0")] = None,
    file: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="CSV or XLSX of many")
    ] = None,
    withdraw: Annotated[bool, typer.Option("--withdraw", help="take it back")] = False,
) -> None:
    """Say what is known of a stretch; cleaning and scores follow. Naive times: the series' zone."""
    from horizonte import jobs
    from horizonte.ingest.notesheet import Note

    said = Note(unique_id, starts_at, ends_at, kind, note, withdraw, factor, offset)
    done = jobs.annotate(file or said)
    out.print(
        f"{done.added} added, {done.withdrawn} withdrawn, {done.unchanged} known already, "
        f"{len(done.refused)} refused"
    )
    for row in done.refused:
        out.print(f"  {row.place}: {row.value!r}: {row.reason}; {row.fix}", markup=False)
    if done.refused:
        raise typer.Exit(1)


letters_app = typer.Typer(no_args_is_help=True, help="What was refused: list, export, replay.")
app.add_typer(letters_app, name="dead-letters")
Of = Annotated[str | None, typer.Option("--source", help="of this source")]
Since = Annotated[datetime | None, typer.Option(formats=TIMES, help="recorded since, UTC")]


@letters_app.command("list")
def list_letters(
    *,
    source: Of = None,
    since: Since = None,
    limit: Limit = 50,
) -> None:
    """Show dead letters: where, what, why, and the fix."""
    from horizonte.ingest import letters
    from horizonte.store.connection import connect

    with connect() as conn:
        rows = letters.listed(conn, letters.Which(source, _utc(since)), limit=limit)
    for row in rows.to_dict("records"):
        place = " ".join(f"{name} {row[name]}" for name in letters.PLACES if row[name])
        replayed = f" (replayed as batch {row['replayed_as']})" if row["replayed_as"] else ""
        out.print(
            f"{row['id']} {row['recorded_at']:%Y-%m-%d %H:%M:%S}Z {row['source']} {place}: "
            f"{row['value']!r}: {row['reason']}; {row['fix']}{replayed}",
            markup=False,
        )


@letters_app.command("export")
def export_letters(
    path: Annotated[Path, typer.Argument(help="CSV to write")],
    *,
    source: Of = None,
    since: Since = None,
) -> None:
    """Write dead letters as CSV for a spreadsheet."""
    from horizonte.ingest import letters
    from horizonte.store.connection import connect

    with connect() as conn:
        count = letters.export(conn, path, letters.Which(source, _utc(since)))
    out.print(f"{count} dead letters written to {path}", markup=False)


@letters_app.command("replay")
def replay_letters(
    ids: Annotated[list[int] | None, typer.Argument(help="numbers; none: all")] = None,
    *,
    source: Of = None,
    since: Since = None,
) -> None:
    """Read refused messages again, by the mapping as it is now."""
    from horizonte import jobs
    from horizonte.ingest import letters

    done = jobs.replay_letters(letters.Which(source, _utc(since), ids or None))
    out.print(
        f"{done.replayed} replayed ({done.counts.accepted} new, {done.counts.unchanged} unchanged, "
        f"{done.counts.corrected} corrected), {done.failing} still refused"
    )
    for why, count in done.skipped.items():
        out.print(f"  {count} skipped: {why}", markup=False)
