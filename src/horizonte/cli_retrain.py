"""``horizonte retrain``: the worker, and requests to it by hand."""

from __future__ import annotations

import getpass
import json
from typing import TYPE_CHECKING, Annotated

import typer

from horizonte.console import out, table

if TYPE_CHECKING:
    from horizonte.retrain.job import Done
    from horizonte.store.retrainings import Action

app = typer.Typer()


@app.command()
def retrain(
    *,
    now: Annotated[bool, typer.Option("--now", help="ask for one, then work")] = False,
    why: Annotated[str | None, typer.Option(help="the reason, kept in the ledger")] = None,
    recalibrate: Annotated[
        bool, typer.Option("--recalibrate", help="only the intervals, without training")
    ] = False,
    watch: Annotated[bool, typer.Option("--watch", help="until Ctrl-C, as requests come")] = False,
) -> None:
    """Do what waits in the queue: train on a new pin, hold the gate, promote what wins.

    Exit code 1 when a request failed; one that is refused came to its end in order.
    """
    from horizonte.errors import ConfigFault
    from horizonte.retrain import jobs

    if now and why is None:
        fix = 'write: horizonte retrain --now --why "new boiler"'
        raise ConfigFault("--why", "", "the reason that --now keeps in the ledger", fix)
    for option, given in (("--why", why), ("--recalibrate", recalibrate)):
        if given and not now:
            raise ConfigFault(option, given, "taken without --now", "add --now, or leave it out")
    if why is not None:
        action: Action = "recalibrate" if recalibrate else "retrain"
        number = jobs.ask(action, why=why, by=getpass.getuser())
        out.print(f"retraining {number}: waiting", markup=False)
    if watch:
        jobs.watch(lambda text: out.print(text, markup=False))
        return
    done = list(map(_told, jobs.once()))
    if not done:
        out.print(jobs.standing(), markup=False)
    if any(one.end == "failed" for one in done):
        raise typer.Exit(1)


@app.command()
def retrainings(
    number: Annotated[int | None, typer.Argument(help="one of them, step by step")] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="one object a line")] = False,
    as_md: Annotated[bool, typer.Option("--md", help="one of them as Markdown")] = False,
) -> None:
    """Show what was asked of the worker, newest first, and what came of it."""
    from horizonte.errors import ConfigFault
    from horizonte.retrain import account
    from horizonte.store import retrainings as queue
    from horizonte.store.connection import connect

    if as_md and number is None:
        fix = "name one, such as: horizonte retrainings 7 --md"
        raise ConfigFault("NUMBER", "", "the retraining that --md writes out", fix)
    with connect() as conn:
        if number is None:
            found = queue.runs(conn)
        else:
            run = queue.whole(conn, number)
            found = queue.steps(conn, number)
            if as_md:
                print(account.markdown(run, queue.done(conn, number)))
                return
    if as_json:
        for row in found.to_dict("records"):
            out.print(json.dumps(row, default=str), markup=False, highlight=False)
        return
    if number is not None:
        table(["when", "step", "", ""], account.steps(found))
        return
    columns = ["id", "action", "step", "why"]
    table(columns, found[columns].fillna({"step": "waiting"}).itertuples(index=False))


def _told(done: Done) -> Done:
    out.print(str(done), markup=False)
    return done


@app.command()
def turn(
    *, serve: Annotated[bool, typer.Option(help="answer at the end, until Ctrl-C")] = True
) -> None:
    """Show one whole turn of the loop on the sample: a change planted, named, learnt, promoted."""
    from horizonte import turn as whole

    whole.run(serve=serve)
