"""The jobs: one thin loop each over functions of the package."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from horizonte import params, paths
from horizonte.config import settings
from horizonte.embedded import services
from horizonte.ingest import files
from horizonte.ingest.sources import find_source, load_sources
from horizonte.serve import champion, predict, vintages
from horizonte.serve.bucket import Bucket
from horizonte.serve.faults import NoChampion
from horizonte.store import prepared, promotions
from horizonte.store.connection import Connection, connect


def ingest(paths_: Sequence[Path], *, source: str, now: datetime, again: bool) -> Iterator[str]:
    """Load files of a declared source, re-clean what they touched, and say what became of each.

    Raises NotFound for a source that is not declared, and DataFault for a file that is refused
    as a whole; files before it stay loaded.
    """
    root = paths.project_root()
    declared = find_source(load_sources(root / "sources.yaml"), source)
    rules = params.load(root / paths.MARKER).clean
    with connect() as conn:
        for path in paths_:
            result = files.ingest(conn, path, source=declared, now=now, again=again)
            prepared.refresh(conn, result.touched, rules)
            yield (
                f"{path.name}: {result.rows_read} readings, {result.accepted} new, "
                f"{result.unchanged} unchanged, {result.corrected} corrected, {result.refused} refused"
            )


def forecast() -> str:
    """Issue and store a live forecast of every target by the champion; return what was done.

    Raises NoChampion before the first promotion, and the faults of ``predict.forecast``.
    """
    with connect() as conn:
        model = _champion(conn)
        began = time.perf_counter()
        made = predict.forecast(
            conn, model, unique_ids=predict.served(model), now=vintages.database_now(conn)
        )
        vintages.issue(conn, made, seconds=time.perf_counter() - began)
    lines = [
        f"{v.unique_id}: {len(v.rows)} steps of {v.freq} after {v.cutoff:%Y-%m-%d %H:%M}Z"
        + (f" ({v.degraded})" if v.degraded else "")
        for v in made
    ]
    return "\n".join([f"{len(made)} forecasts issued by model {model.version[:12]}", *lines])


def _champion(conn: Connection) -> champion.Champion:
    promotion = promotions.current_promotion(conn)
    if promotion is None:
        raise NoChampion("promotion", None, "a promoted model", "publish one: horizonte publish")
    bucket = Bucket.of(services.endpoints().s3)
    return champion.obtain(promotion.sha256, home=settings().home_folder(), bucket=bucket)
