"""The pages of a look: what was decided, and what Evidently draws."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from horizonte.loop.weigh import Weighed, shown
from horizonte.monitor.decision import Decision
from horizonte.monitor.evidence import Evidence, Kind
from horizonte.monitor.levels import Estimate
from horizonte.pipeline import files
from horizonte.report import drift, index
from horizonte.report.windows import Pair

logger = logging.getLogger(__name__)
FOLDER = files.REPORTS / "monitoring"
UPLOADED = ".uploaded"  # marks a folder whose pages the bucket holds
WHOLE = ".whole"  # marks a date of which every folder is marked
MOST_COLUMNS = 30  # on one Evidently page; those that drifted come first
MOST_ROWS = 500  # of a table on the index
QUALITY = "quality.html"
TITLES: Mapping[Kind, tuple[str, str]] = {
    "input": ("Drift of inputs", "inputs"),
    "target": ("Drift of targets", "targets"),
    "residual": ("Drift of forecast errors", "targets' errors"),
}
CHARTS = (*(f"{kind}s.html" for kind in TITLES), QUALITY)  # by Evidently, 4 MB each


@dataclass(frozen=True)
class Page:
    """One page of the index: ``size`` in bytes, 0 where there is none to show."""

    name: str
    title: str
    said: str
    size: int


@dataclass(frozen=True)
class Drawn:
    """The pages that Evidently drew, and the comparisons with the statuses that they show."""

    pages: tuple[Page, ...]
    pairs: Mapping[Kind, Sequence[Pair]]


def draw(seen: Weighed, folder: Path, *, head: str) -> Drawn:
    """Write the Evidently pages into ``folder`` and return what they show; each begins with ``head``.

    A column that cannot be tested is named so and stops nothing. Windows are samples of at most
    2,000 rows and a page has at most ``MOST_COLUMNS`` columns, so sizes are bounded.
    """
    changing(folder)
    pages, pairs = [], {}
    for kind, (title, what) in TITLES.items():
        name = f"{kind}s.html"
        (folder / name).unlink(missing_ok=True)
        first = sorted(seen.pairs[kind], key=lambda p: p.comparison.status != "drift")
        pairs[kind] = shown(seen.pairs[kind], drift.page(first[:MOST_COLUMNS], folder / name))
        said = index.drift_verdict([p.comparison.as_row() for p in pairs[kind]], what=what)
        pages.append(Page(name, title, said, _headed(folder / name, f"{title}: {head}")))
    return Drawn((*pages, _quality(seen, folder, head)), pairs)


def changing(folder: Path) -> None:
    """Note, before a page in ``folder`` changes, that the bucket is to get it."""
    for mark in (folder / UPLOADED, folder / WHOLE, folder.parent / WHOLE):
        mark.unlink(missing_ok=True)


def write(
    folder: Path,
    evidence: Evidence,
    decision: Decision,
    *,
    drawn: Drawn,
    about: Mapping[str, Any],
) -> None:
    """Write the index of a look; ``about`` adds its head, window_days and the sentences of findings."""
    windows = [(k, p.comparison.as_row()) for k, pairs in drawn.pairs.items() for p in pairs]
    text = template("monitoring.html.j2").render(
        verdict=decision,
        evidence=evidence,
        targets=evidence.targets[:MOST_ROWS],
        more_targets=max(0, len(evidence.targets) - MOST_ROWS),
        statuses={(k, row["column"]): row["status"] for k, row in windows},
        windows=windows[:MOST_ROWS],
        pages=drawn.pages,
        estimate=_estimate,
        **about,
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "index.html").write_text(text, encoding="utf-8")


def _quality(seen: Weighed, folder: Path, head: str) -> Page:
    (folder / QUALITY).unlink(missing_ok=True)
    worst = sorted(seen.targets, key=lambda t: -(t.window.skill.value if t.window.skill else 0.0))
    names = {t.unique_id for t in worst[:MOST_COLUMNS]}
    rows = seen.recent[seen.recent["unique_id"].isin(names)]
    try:
        shown_ = drift.quality(rows, folder / QUALITY)
    except Exception:  # whatever the library trips over must not stop a verdict
        logger.exception("the page of forecast quality cannot be drawn")
        shown_ = []
    said = f"Forecast beside what came, for {len(shown_)} of {len(seen.targets)} targets."
    title = "Forecast quality"
    return Page(QUALITY, title, said, _headed(folder / QUALITY, f"{title}: {head}"))


def _headed(path: Path, head: str) -> int:
    """Say on a page whose it is, for its title is Evidently's; return its size, 0 for no page."""
    if not path.exists():
        return 0
    named = escape(head)
    text = path.read_text("utf-8").replace("<head>", f"<head><title>{named}</title>", 1)
    text = text.replace("<body>", f'<body><p style="font-family: sans-serif">{named}</p>', 1)
    return path.write_bytes(text.encode())


def _estimate(value: Estimate | None, unit: float) -> str:
    if value is None:
        return ""
    digits = 2 if unit == 1 else 0
    numbers = (f"{unit * v:.{digits}f}" for v in (value.value, value.low, value.high))
    return "{} ({} to {})".format(*numbers)


def template(name: str) -> Any:
    """Return a template of the loop's pages."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("horizonte.loop"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    ).get_template(name)
