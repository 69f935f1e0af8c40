"""``horizonte models``: which model serves, which did, and how to go back."""

from __future__ import annotations

import getpass
import json
from typing import Annotated

import pandas as pd
import typer

from horizonte.console import out, table

app = typer.Typer(no_args_is_help=True, help="Which model serves, which did, and how to go back.")

Version = Annotated[str, typer.Argument(help="its first 4 characters or more")]
Why = Annotated[str, typer.Option(help="the reason, kept in the ledger")]


@app.command("list")
def list_models() -> None:
    """Show every registered version, newest first, and what became of it."""
    from horizonte.store import promotions
    from horizonte.store.connection import connect

    with connect() as conn:
        versions = promotions.model_versions(conn).iloc[::-1]
        moves = promotions.promotions(conn)
    rows = []
    champion = None if moves.empty else moves["sha256"].iloc[-1]
    for row in versions.to_dict("records"):
        own = moves[moves["sha256"] == row["sha256"]]
        said = "" if own.empty else f"{own['kind'].iloc[-1]}: {own['why'].iloc[-1]}"
        state = "champion" if row["sha256"] == champion else ""
        until = str(row["card"].get("data_as_of", ""))[:16]
        rows.append(
            (row["sha256"][:12], state, until, f"{row['recorded_at']:%Y-%m-%d %H:%M}", said)
        )
    table(["version", "", "data until", "registered", "last move"], rows)


@app.command("show")
def show_model(
    named: Version,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="all of it, as one object")] = False,
) -> None:
    """Show one version: what it was made from, its scores, gates, promotions and their gain."""
    from horizonte.retrain import account
    from horizonte.store.connection import connect

    with connect() as conn:
        found = account.of(conn, named)
    if as_json:
        out.print_json(json.dumps(found, default=str))
        return
    for line in account.told(found):
        out.print(line, markup=False)


@app.command("compare")
def compare_models(champion: Version, challenger: Version) -> None:
    """Let two registered versions forecast the same recent days, and say which is better."""
    from horizonte import paths, policy
    from horizonte.retrain import comparing
    from horizonte.store.connection import connect

    chosen = policy.load(paths.project_root() / paths.MARKER).gate
    with connect() as conn:
        for line in comparing.compare(conn, champion, challenger, policy=chosen):
            out.print(line, markup=False)


@app.command("promote")
def promote_model(named: Version, *, why: Why) -> None:
    """Make a registered version the champion by hand; the gate is not asked."""
    from horizonte.serve import moves
    from horizonte.store.connection import connect

    with connect() as conn:
        row = moves.promote(conn, named, why=why, by=getpass.getuser())
    out.print(f"{row.sha256[:12]} is the champion.")


@app.command("rollback")
def roll_back(
    *,
    why: Why,
    to: Annotated[str | None, typer.Option(help="a version; left out: the champion before")] = None,
) -> None:
    """Go back to the champion before, in seconds: its very bytes serve again."""
    from horizonte.serve import moves
    from horizonte.store.connection import connect

    with connect() as conn:
        row = moves.rollback(conn, why=why, by=getpass.getuser(), to=to)
    out.print(f"{row.sha256[:12]} is the champion again.")


@app.command("history")
def show_history() -> None:
    """Show every move of the pointer, oldest first, and which promotions helped."""
    from horizonte.retrain import account
    from horizonte.store import promotions
    from horizonte.store.connection import connect

    with connect() as conn:
        moves = promotions.promotions(conn)
        judged = list(account.judged(conn))
    rows = []
    for row in moves.to_dict("records"):
        when = f"{pd.Timestamp(row['recorded_at']):%Y-%m-%d %H:%M:%S}"
        rows.append((when, row["kind"], row["sha256"][:12], row["promoted_by"], row["why"]))
    table(["when", "move", "version", "by", "why"], rows)
    for line in judged:
        out.print(line, markup=False, highlight=False)
