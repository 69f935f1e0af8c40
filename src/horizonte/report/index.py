"""The index of the reports: one sentence and the numbers first, then the links."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TEMPLATE = "index.html.j2"


@dataclass(frozen=True)
class Entry:
    """One report: its title, the sentence that says what came of it, and the page or None.

    ``windows`` are the comparisons behind a sentence on drift, shown below it.
    """

    title: str
    verdict: str
    link: str | None
    windows: Sequence[Mapping[str, Any]] = ()


def quality_verdict(targets: Sequence[Mapping[str, Any]]) -> str:
    """Return the sentence on forecast quality beside the best naive of each target."""
    better = [t for t in targets if t["mase"] < t["naive_mase"]]
    mean = 100 * (1 - sum(t["mase"] / t["naive_mase"] for t in targets) / len(targets))
    worse = [t["unique_id"] for t in targets if t not in better]
    tail = f"; not for {', '.join(worse)}" if worse else ""
    return (
        f"Better than the best naive for {len(better)} of {len(targets)} targets{tail}; the "
        f"mean error is {abs(mean):.0f} % {'smaller' if mean >= 0 else 'larger'}."
    )


def drift_verdict(comparisons: Sequence[Mapping[str, Any]], *, what: str) -> str:
    """Return the sentence on drift of ``what`` (inputs, residuals)."""
    drifted = [c["column"] for c in comparisons if c["status"] == "drift"]
    silent = [c["column"] for c in comparisons if c["status"] == "not testable"]
    tested = len(comparisons) - len(silent)
    said = (
        f"{len(drifted)} of {tested} {what} left their usual range: {', '.join(drifted)}"
        if drifted
        else f"None of {tested} {what} left their usual range"
    )
    return said + (f"; not testable: {', '.join(silent)}." if silent else ".")


def cleaning_verdict(flagged: Mapping[str, float]) -> str:
    """Return the sentence on cleaning; ``flagged`` is the percentage of rows by series."""
    worst = max(flagged, key=lambda name: flagged[name], default=None)
    if worst is None or flagged[worst] == 0:
        return "No row was flagged."
    mean = sum(flagged.values()) / len(flagged)
    return f"{mean:.1f} % of rows were flagged, most in {worst} ({flagged[worst]:.1f} %)."


def write(path: Path, summary: Mapping[str, Any], entries: Sequence[Entry]) -> None:
    """Write the page of ``entries`` and the table of ``summary["targets"]``; it loads nothing."""
    page = render(TEMPLATE, summary=summary, entries=entries)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")


def render(template: str, **values: object) -> str:
    """Return a page of ``report/templates``; a value that it misses is an error, none is markup."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("horizonte.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(**values)
