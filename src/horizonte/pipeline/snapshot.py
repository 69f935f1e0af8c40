"""Stage ``snapshot``: all revisions that the store held at the pin, as files."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from horizonte import params, paths
from horizonte.contracts import ANNOTATION, REVISION, SERIES
from horizonte.embedded import services
from horizonte.errors import StoreFault
from horizonte.pipeline import files, shell
from horizonte.store import annotations as notes
from horizonte.store import ledger, observations, series
from horizonte.store.connection import Connection, connect
from horizonte.store.pins import Pin

logger = logging.getLogger(__name__)


def run(conn: Connection, *, root: Path) -> None:
    """Write revisions, series and annotations as the store held them at ``params.snapshot``.

    Equal pins give equal bytes, with writers running; series of sources that the project does not
    declare, such as those that clients registered, are left out. Raises StoreFault, naming the file, when
    a batch that ``load`` accounts for is not in this store, and for a pin of another database.
    """
    wanted = params.load(root / paths.MARKER).snapshot
    account = json.loads((root / files.LOAD).read_text(encoding="utf-8"))
    _all_loaded(conn, account)
    pin = Pin(pd.Timestamp(wanted.as_of), wanted.recorded)
    own = series.of_sources(conn, files.declared(root))
    revisions = observations.revisions(conn, pin, own)
    REVISION.write(revisions, root / files.SNAPSHOT)
    ids = revisions["unique_id"].unique()
    SERIES.write(series.read(conn, ids), root / files.SERIES)
    ANNOTATION.write(notes.history(conn, pin, ids), root / files.ANNOTATIONS)
    logger.info("snapshot: as_of=%s rows=%d", pin.as_of.isoformat(), len(revisions))


def _all_loaded(conn: Connection, account: Mapping[str, Any]) -> None:
    batches = ledger.batches(conn)
    loaded = batches[batches["status"] == "loaded"]
    held = set(zip(loaded["source"], loaded["sha256"], strict=True))
    for name, entry in account.items():
        if (entry["source"], entry["sha256"]) not in held:
            raise StoreFault(
                f"batch {name}",
                entry["sha256"],
                "loaded in this store",
                "run `dvc repro -f load`, or `dvc pull` for the snapshot itself",
            )


def main() -> None:
    """Snapshot the store of the settings, embedded unless a URL is set."""
    services.up(("postgres",))
    with connect() as conn:
        run(conn, root=paths.project_root())


if __name__ == "__main__":
    shell.run(main)
