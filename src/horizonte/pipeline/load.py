"""Stage ``load``: the files that ``sources.yaml`` declares, into the store."""

from __future__ import annotations

import json
import logging
from datetime import datetime
from pathlib import Path
from typing import Any

from horizonte import clock, params, paths
from horizonte.embedded import services
from horizonte.ingest import files as batch
from horizonte.ingest.sources import Source, load_sources
from horizonte.pipeline import files, shell
from horizonte.store import prepared
from horizonte.store.connection import Connection, connect

logger = logging.getLogger(__name__)


def run(conn: Connection, *, root: Path, now: datetime) -> dict[str, Any]:
    """Ingest every declared file and write what was loaded: hashes and counts, nothing else.

    The same files give the same account in any database, whether they were new there or not.
    Afterwards the prepared database holds the declared series as the rules clean them. Raises
    Fault for a file that is refused as a whole.
    """
    account: dict[str, Any] = {}
    declared = load_sources(root / files.SOURCES)
    for source in declared.values():
        for path in _declared(source, root):
            result = batch.ingest(conn, path, source=source, now=now)
            name = path.relative_to(root).as_posix()
            account[name] = {
                "source": source.name,
                "sha256": result.sha256,
                "rows": result.rows_read,
                "refused": result.refused,
            }
            logger.info("loaded: file=%s result=%s", name, result)
    ids = [source.unique_id(key) for source in declared.values() for key in source.series]
    changed = prepared.rebuild(conn, params.load(root / paths.MARKER).clean, ids)
    logger.info("prepared: rows changed=%d", changed)
    out = root / files.LOAD
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(account, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return account


def _declared(source: Source, root: Path) -> list[Path]:
    return sorted({path for pattern in source.files for path in root.glob(pattern)})


def main() -> None:
    """Load into the store of the settings, embedded unless a URL is set."""
    services.up(("postgres",))
    with connect() as conn:
        run(conn, root=paths.project_root(), now=clock.now())


if __name__ == "__main__":
    shell.run(main)
