"""``horizonte models``: which model serves, which did, and how to go back."""

from __future__ import annotations

import typer

app = typer.Typer(no_args_is_help=True, help="The ledger of model versions.")
