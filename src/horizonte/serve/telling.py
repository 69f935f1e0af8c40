"""Explanations in plain words. All text is in ``TEXT``, by language."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import floor, log10

import pandas as pd

from horizonte.serve.schemas_explain import Changed, Driver, Explanation

LANGUAGE = "en"
NAMED = 3  # how many drivers are told in sentences
SAME = 1e-9  # of the forecast's size, below which nothing moved
TEXT: dict[str, dict[str, str]] = {
    "en": {
        "forecast": "{series} is forecast to average {mean} {unit} over the {span} h after {cutoff}.",
        "without covariate": "Without {subjects}",
        "without last_day": "Without the readings of the last day",
        "without last_week": "Without the readings of the six days before the last",
        "without older": "Without the readings older than a week",
        "without holidays": "Were all days ordinary ({subjects})",
        "without annotations": "If what people told to ignore counted ({subjects})",
        "without staleness": "Had the missing end, since {subjects}, gone as whole weeks before",
        "effect": "{without}, it would average {mean} {unit} {direction}{share}{swing}.",
        "share": " ({share} %)",
        "swing": ", and be off by {size} {unit} at a usual step",
        "more": "more",
        "less": "less",
        "nothing": "No difference: {names}.",
        "together": "With none of all this known, it would average {mean} {unit} {direction}; the"
        " effects one by one add up to {sum} {unit}, as they overlap and need each other.",
        "degraded": "It may be worse than usual: {reasons}.",
        "change": "Since the vintage of {cutoff} (run {run}) the mean over the {steps} instants that"
        " both forecast moved by {total} {unit}{parts}.",
        "same": "Since the vintage of {cutoff} (run {run}) nothing moved.",
        "bands": "The 80 % interval became {width} {unit} {direction}{calibrated}.",
        "calibrated": ", {width} of it by recalibration",
        "wider": "wider",
        "narrower": "narrower",
        "moved": "The cutoff moved by {moved} h, so every instant is that much nearer; {new} new and"
        " {corrected} corrected readings, {covariates} rows of covariates and {notes} annotations"
        " came in.",
        "no model": "The old model cannot be had ({why}): what it, its calibration and its inputs"
        " would have said is one part.",
        "unexplained": "{size} {unit} of it is what the old inputs and model no longer give.",
        "removed covariate": "no row of {subjects}, past or known ahead",
        "removed last_day": "no reading of the series in the day up to the cutoff",
        "removed last_week": "no reading of the series from seven days to one day before the cutoff",
        "removed older": "no reading of the series from seven days before the cutoff or earlier",
        "removed holidays": "a calendar without holidays, in the model and its intervals",
        "removed annotations": "none of these annotations: the readings count",
        "removed staleness": "the missing steps filled with the readings of whole weeks before",
        "removed everything": "no reading, no covariate, no holiday: the fit alone",
        "called unexplained": "unexplained",
        "called new_actuals": "new actuals",
        "called new_covariates": "new covariates",
        "called new_annotations": "new annotations",
        "called new_model": "new model",
        "called recalibration": "recalibration",
        "part unexplained": "old inputs and old model, recomputed, minus what was stored",
        "part new_actuals": "readings of the series, new and corrected, and the cutoff they move",
        "part new_covariates": "rows of covariates, past and known ahead",
        "part new_annotations": "what people said since",
        "part new_model": "the model version, with the old calibration",
        "part new_model alone": "the model version with its calibration, and what cannot be recomputed",
        "part recalibration": "the calibration of the intervals; the mean does not depend on it",
        "part total": "new minus old",
        "first": "no earlier live vintage of this series is on record",
        "apart": "the vintage of run {run} ends before this forecast begins",
    }
}


def text(key: str, **facts: object) -> str:
    """Return the text called ``key`` with its blanks filled."""
    return TEXT[LANGUAGE][key].format(**facts)


def sentences(told: Explanation) -> list[str]:
    """Return the explanation in sentences: the forecast, its main drivers, what changed."""
    return [*_forecast(told), *_changed(told)]


def number(value: float, *, signed: bool = False) -> str:
    """Return ``value`` to three significant digits, whole where it is large."""
    size = abs(value)
    decimals = 0 if size >= 100 else 2 - floor(log10(size)) if size > 1e-6 else 1
    return f"{value:{'+' if signed else ''},.{min(decimals, 6)}f}"


def _forecast(told: Explanation) -> Iterator[str]:
    average = sum(told.mean) / len(told.mean)
    yield text(
        "forecast",
        series=told.unique_id,
        mean=number(average),
        unit=told.unit,
        span=_hours(told.horizon),
        cutoff=instant(told.cutoff.isoformat()),
    )
    level = max(map(abs, told.mean)) or 1.0
    felt = [d for d in told.drivers if d.effect.size > SAME * level]
    for driver in felt[:NAMED]:
        yield _driver(driver, told.unit, average)
    still = [name for d in told.drivers if d not in felt for name in d.subjects or [d.kind]]
    if still:
        yield text("nothing", names=", ".join(still))
    if felt:
        total = told.together.mean
        yield text(
            "together",
            mean=number(abs(total)),
            unit=told.unit,
            direction=_direction(total),
            sum=number(-(total - told.remainder.mean), signed=True),
        )
    if told.degraded:
        yield text("degraded", reasons=told.degraded)


def _driver(driver: Driver, unit: str, average: float) -> str:
    effect = driver.effect
    share = abs(effect.mean / average) * 100 if abs(average) > abs(effect.mean) / 10 else None
    swings = effect.size > 2 * abs(effect.mean)
    return text(
        "effect",
        without=text(f"without {driver.kind}", subjects=", ".join(driver.subjects)),
        mean=number(abs(effect.mean)),
        unit=unit,
        direction=_direction(effect.mean),
        share="" if share is None else text("share", share=f"{share:.1f}"),
        swing=text("swing", size=number(effect.size), unit=unit) if swings else "",
    )


def _changed(told: Explanation) -> Iterator[str]:
    found, unit = told.changed, told.unit
    if found is None:
        yield f"{(told.no_change or '').capitalize()}."
        return
    where = {"cutoff": instant(found.cutoff.isoformat()), "run": str(found.run_id)}
    level = max(map(abs, told.mean)) or 1.0
    moved = [p for p in found.parts if abs(p.average) > SAME * level]
    if not moved and abs(found.total.width) <= SAME * level:
        yield text("same", **where)
        return
    parts = [f"{text(f'called {p.name}')} {number(p.average, signed=True)}" for p in moved]
    total = number(found.total.average, signed=True)
    said = f": {', '.join(parts)}" if parts else ""
    yield text("change", **where, steps=len(found.ds), total=total, unit=unit, parts=said)
    yield from _circumstances(found, unit, level)


def _circumstances(found: Changed, unit: str, level: float) -> Iterator[str]:
    by = {p.name: p.width for p in found.parts}.get("recalibration", 0.0)
    if abs(found.total.width) > SAME * level:
        yield text(
            "bands",
            width=number(abs(found.total.width)),
            unit=unit,
            direction=text("wider" if found.total.width > 0 else "narrower"),
            calibrated=text("calibrated", width=number(by, signed=True)) if by else "",
        )
    yield text(
        "moved",
        moved=_hours(found.cutoff_moved),
        new=found.readings.new,
        corrected=found.readings.corrected,
        covariates=found.covariate_rows.new + found.covariate_rows.corrected,
        notes=found.annotations,
    )
    if found.old_model:
        yield text("no model", why=found.old_model)
    lost = [
        p.average for p in found.parts if p.name == "unexplained" and abs(p.average) > SAME * level
    ]
    for size in lost:
        yield text("unexplained", size=number(size, signed=True), unit=unit)


def _hours(iso: str) -> str:
    return f"{pd.Timedelta(iso) / pd.Timedelta(hours=1):g}"


def _direction(effect: float) -> str:
    """Say where the forecast goes without what has ``effect``."""
    return text("less" if effect > 0 else "more")


def instant(iso: str) -> str:
    """Return an ISO instant in UTC to the minute."""
    return f"{iso[:16].replace('T', ' ')}Z"


def meanings(names: Sequence[str]) -> dict[str, str]:
    """Return what each part of a path of these names means."""
    alone = "recalibration" not in names
    return {
        name: text(f"part {name}{' alone' * (alone and name == 'new_model')}") for name in names
    }
