"""Stage ``features``: the plan of cutoffs, and for each what could be known then.

Every fold is made from the revisions that were available at its own instant and cleaned after
that, so nothing of a fold depends on what came later: not its values, not its flags.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, cast

import joblib
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from horizonte import freq, params, paths
from horizonte.contracts import ANNOTATION, FOLD, REVISION, SERIES
from horizonte.params import Features, Params
from horizonte.pipeline import files, shell
from horizonte.prepare import folds, panel
from horizonte.prepare.comparable import comparable
from horizonte.prepare.history import Archive


@dataclass(frozen=True)
class Fold:
    """One history to make: of which targets, up to which cutoff, as known at which instant."""

    targets: list[str]
    cutoff: pd.Timestamp
    instant: pd.Timestamp


@dataclass(frozen=True)
class Histories:
    """Panel frames of many cutoffs, told apart by their column ``cutoff``."""

    history: pd.DataFrame
    known_future: pd.DataFrame | None


class Job(NamedTuple):
    """The histories of one freq to make and write: for its fits, or for its forecasts."""

    kind: str  # fit | tail
    iso: str
    wanted: Sequence[Fold]
    archive: Archive


def run(*, root: Path) -> pd.DataFrame:
    """Write the fold plan, and per freq the histories of every fit and every forecast."""
    chosen = params.load(root / paths.MARKER)
    revisions, series = REVISION.read(root / files.SNAPSHOT), SERIES.read(root / files.SERIES)
    annotations = ANNOTATION.read(root / files.ANNOTATIONS)
    spans = folds.span(revisions)
    changed = chosen.snapshot.since()
    plan = folds.plan(spans, series=series, features=chosen.features, changed=changed)
    FOLD.write(plan, root / files.FOLDS)
    final = folds.final_fits(spans, series=series)
    jobs = []
    for iso, group in plan.groupby("freq"):
        archive = Archive.of(
            revisions,
            series=with_covariates(series, group["unique_id"]),
            rules=chosen.clean,
            annotations=annotations,
        )
        fits = [*fit_folds(group, series), _final(group, final[str(iso)], chosen)]
        jobs += [Job("tail", str(iso), forecast_folds(group, series), archive)]
        jobs += [Job("fit", str(iso), fits, archive)]
    longest = sorted(jobs, key=lambda job: pd.Timedelta(job.iso))
    work = (joblib.delayed(_make)(root, job, chosen.features) for job in longest)
    joblib.Parallel(n_jobs=min(len(jobs), joblib.cpu_count()))(work)
    return plan


def _make(root: Path, job: Job, chosen: Features) -> None:
    tail = chosen.tail if job.kind == "tail" else None
    write(histories(job.wanted, job.archive, chosen, tail=tail), root, job.kind, job.iso)


def fit_folds(plan: pd.DataFrame, series: pd.DataFrame) -> list[Fold]:
    """Return the folds of every fit of ``plan`` (FOLD)."""
    return list(_folds(plan.drop_duplicates(["unique_id", "fitted_at"]), series, "fitted_at"))


def forecast_folds(plan: pd.DataFrame, series: pd.DataFrame) -> list[Fold]:
    """Return the folds of every forecast of ``plan`` (FOLD)."""
    return list(_folds(plan, series, "cutoff"))


def histories(
    wanted: Sequence[Fold], archive: Archive, chosen: Features, *, tail: pd.Timedelta | None
) -> Histories:
    """Return what each fold could know: revisions as of its instant, then cleaned, as panels.

    ``tail`` keeps that much before each cutoff; None keeps all. Altering or deleting a row that
    became available after a fold's instant changes nothing of that fold.
    """
    parts = [_one(fold, archive, chosen, tail) for fold in wanted]
    futures = [f for _, f in parts if f is not None]
    return Histories(
        pd.concat([h for h, _ in parts], ignore_index=True),
        pd.concat(futures, ignore_index=True) if futures else None,
    )


def _one(
    fold: Fold, archive: Archive, chosen: Features, tail: pd.Timedelta | None
) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    prepared = archive.at(fold.instant, until=fold.cutoff, tail=tail)
    prepared = comparable(prepared, archive.noted(fold.instant))
    history = panel.panel(prepared, series=archive.series, targets=fold.targets)
    step = panel.one_step(archive.series, fold.targets)
    future = panel.known_future(
        prepared,
        series=archive.series,
        targets=fold.targets,
        cutoffs=pd.Series(fold.cutoff, index=fold.targets),
        horizon=freq.steps(chosen.horizon, step),
    )
    return (
        history.assign(cutoff=fold.cutoff),
        None if future is None else future.assign(cutoff=fold.cutoff),
    )


def with_covariates(series: pd.DataFrame, targets: pd.Series) -> pd.DataFrame:
    """Return the rows of ``series`` that are ``targets`` or what their models may read."""
    own = series[series["unique_id"].isin(targets)]
    ids = {*own["unique_id"], *(c for row in own["covariates"] for c in row)}
    return series[series["unique_id"].isin(ids)]


def _folds(plan: pd.DataFrame, series: pd.DataFrame, column: str) -> Iterator[Fold]:
    instants = folds.knowledge(plan, series=series, column=column)
    for key, rows in plan.assign(instant=instants).groupby([column, "instant"]):
        cutoff, instant = cast("tuple[pd.Timestamp, pd.Timestamp]", key)
        yield Fold(sorted(rows["unique_id"]), cutoff, instant)


def _final(plan: pd.DataFrame, cutoff: pd.Timestamp, chosen: Params) -> Fold:
    """Return the fold of the fit that ships: all that is known at the pin."""
    return Fold(sorted(plan["unique_id"].unique()), cutoff, pd.Timestamp(chosen.snapshot.as_of))


def write(made: Histories, root: Path, kind: str, iso: str) -> None:
    """Write histories under ``data/features/<kind>/``: equal frames give equal bytes."""
    _write(made.history, root / files.histories(kind, iso))
    if made.known_future is not None:
        _write(made.known_future, root / files.known_future(kind, iso))


def read(root: Path, kind: str, iso: str) -> Histories:
    """Read what ``write`` wrote."""
    future = root / files.known_future(kind, iso)
    return Histories(
        _read(root / files.histories(kind, iso)), _read(future) if future.is_file() else None
    )


def _write(frame: pd.DataFrame, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Histories of neighbouring cutoffs repeat each other: side by side they cost next to nothing.
    ordered = frame.sort_values(["unique_id", "ds", "cutoff"], ignore_index=True)
    table = pa.Table.from_pandas(ordered, preserve_index=False).replace_schema_metadata(None)
    pq.write_table(
        table,
        path,
        compression="zstd",
        use_dictionary=["unique_id"],
        data_page_size=32 << 20,
        row_group_size=len(frame),
        write_statistics=False,
    )


def _read(path: Path) -> pd.DataFrame:
    frame: pd.DataFrame = pq.read_table(path).to_pandas()
    return frame


def main() -> None:
    """Make the features of the project."""
    run(root=paths.project_root())


if __name__ == "__main__":
    shell.run(main)
