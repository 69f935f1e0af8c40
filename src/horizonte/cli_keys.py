"""The commands of API keys; each is a few lines over one function of the package."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console

from horizonte.console import out

DATES = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]
app = typer.Typer(no_args_is_help=True, help="Who may ask the service: create, list, revoke keys.")


@app.command("create")
def create_key(
    *,
    scope: Annotated[list[str], typer.Option(help="read, write or admin; repeatable")],
    note: Annotated[str, typer.Option(help="who uses it, and for what")],
    expires: Annotated[
        datetime | None, typer.Option(formats=DATES, help="end of its life, UTC; left out: never")
    ] = None,
) -> None:
    """Make a key and print it: the only time that it is shown."""
    from horizonte.store import keys
    from horizonte.store.connection import connect

    until = expires.replace(tzinfo=UTC) if expires else None
    with connect() as conn:
        token = keys.create(conn, scope, note=note, expires_at=until)
    out.print(token, markup=False, highlight=False)
    Console(stderr=True).print("Keep it now: only its hash is stored. Send it as Bearer token.")


@app.command("list")
def list_keys() -> None:
    """Show every key that was ever made, without its secret."""
    from horizonte import clock
    from horizonte.store import keys
    from horizonte.store.connection import connect

    with connect() as conn:
        for key in keys.listed(conn):
            until = f" until {key.expires_at:%Y-%m-%d %H:%M}Z" if key.expires_at else ""
            why = f" (revoked: {key.why})" if key.why else ""
            out.print(
                f"{key.id} {key.state(clock.now()):<7} {'+'.join(key.scopes)} "
                f"since {key.created_at:%Y-%m-%d %H:%M}Z{until}: {key.note}{why}",
                markup=False,
            )


@app.command("revoke")
def revoke_key(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="as `keys list` shows it")],
    *,
    why: Annotated[str, typer.Option(help="the reason, kept in the ledger")],
) -> None:
    """End a key for good; running services know within two seconds."""
    from horizonte.store import keys
    from horizonte.store.connection import connect

    with connect() as conn:
        keys.revoke(conn, key_id, why=why)
    out.print(f"{key_id} is revoked.", markup=False)
