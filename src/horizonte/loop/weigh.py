"""From what was read to the evidence: scores, windows, drift and what was named."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, cast

import pandas as pd

from horizonte.loop.gather import REFERENCE, Rows, Standing
from horizonte.model import metrics
from horizonte.model.ensemble import NAME
from horizonte.monitor import detect, levels, weeks
from horizonte.monitor.courses import remembered
from horizonte.monitor.evidence import (
    Asked,
    Drift,
    Evidence,
    Kind,
    Named,
    Retraining,
    Status,
    Target,
    Told,
)
from horizonte.monitor.findings import UNIT, Found
from horizonte.pipeline.report import inputs_drift, residual_drift
from horizonte.policy import Policy
from horizonte.prepare.comparable import comparable
from horizonte.prepare.convert import CONVERTED, Conversion, in_own_unit
from horizonte.report.windows import EVERY, Pair
from horizonte.retrain.backtested import COLUMNS, anew
from horizonte.retrain.told import known

REFERENCE_WEEKS = 8  # the champion's first: a slow decay must not become its own measure
ERRORS = 0.5  # of the allowed false alarms, for drift of errors beside what has a name
_DAY = pd.Timedelta(days=1)


@dataclass(frozen=True)
class Weighed:
    """What the pages and the ledger hold of a monitoring; ``pairs`` per kind, newest window."""

    scores: pd.DataFrame  # new rows of ``evaluation``
    recent: pd.DataFrame  # the champion's mature rows of the window
    targets: tuple[Target, ...]
    pairs: Mapping[Kind, Sequence[Pair]]
    earlier: Mapping[str, Sequence[Status]]  # residual drift of the windows before, by target
    found: Sequence[Found]


def weigh(standing: Standing, rows: Rows, *, before: pd.DataFrame, policy: Policy) -> Weighed:
    """Return the scores to append and all that is said of the champion's last window.

    ``before`` is what the champion forecast in its backtest (``retrain.backtested``).
    """
    said = _residuals(rows, anew(before, rows.values, rows.noted, series=standing.series))
    usual = comparable(rows.values, rows.noted)
    window = policy.monitor.window
    rate = policy.monitor.false_alarms
    inputs = inputs_drift(usual, series=standing.series, window=window, rate=rate)
    behind = [_behind(said, n) for n in range(policy.triggers.drift_windows + 1)]
    looks = [
        {p.comparison.column: p for p in residual_drift(s, window=window, rate=rate * ERRORS)}
        for s in behind
    ]
    targets = set(standing.targets)
    found = detect.detect(
        in_own_unit(rows.values, rows.noted, column="y_raw"),
        said.assign(residual=said["y"] - said["mean"])[["unique_id", "cutoff", "ds", "residual"]],
        series=standing.series.assign(
            learnt=standing.series["unique_id"].map(known(standing.card))
        ),
        now=standing.now,
        policy=policy.monitor,
    )
    changed = {f.unique_id: pd.Timestamp(f.since) for f in found}
    recent = _recent(standing, rows, window)
    return Weighed(
        _scores(standing, rows),
        recent,
        tuple(
            _target(t, standing, rows, own=recent[recent["unique_id"] == t], changed=changed.get(t))
            for t in standing.targets
        ),
        {
            "input": [p for p in inputs if p.comparison.column not in targets],
            "target": [p for p in inputs if p.comparison.column in targets],
            "residual": list(looks[0].values()),
        },
        {t: [_status(look[t]) for look in looks[1:] if t in look] for t in looks[0]},
        found,
    )


def evidence(
    standing: Standing,
    rows: Rows,
    seen: Weighed,
    *,
    statuses: Mapping[tuple[Kind, str], Status],
    asked: Mapping[str, Asked],
    courses: Sequence[Named] = (),
) -> Evidence:
    """Return all that the decision reads; ``statuses`` are what the pages show of each column.

    ``asked`` and ``courses`` are those that the evidence before leaves.
    """
    findings = tuple(_named(f, standing, rows) for f in seen.found)
    trained = pd.Timestamp(standing.card["data_as_of"])
    return Evidence(
        model_version=standing.version,
        as_of=standing.as_of.isoformat(),
        serving_days=standing.serving_days,
        known_days=max(0.0, (standing.as_of - trained) / _DAY),
        targets=seen.targets,
        drifts=tuple(
            Drift(
                name,
                kind,
                (status, *seen.earlier.get(name, ())) if kind == "residual" else (status,),
            )
            for (kind, name), status in statuses.items()
        ),
        findings=findings,
        annotated=_annotated(standing, rows),
        retrainings=tuple(
            Retraining(action, days, ended or "waiting")  # type: ignore[arg-type]
            for action, days, ended in standing.retrainings
        ),
        asked=dict(asked),
        told=_told(standing),
        courses=remembered(findings, courses, now=standing.now),
        clocks=clocks(standing),
    )


def clocks(standing: Standing) -> dict[str, str]:
    """Return now (ISO-8601, UTC) of the series whose source stands earlier than the newest."""
    late = sorted((u, at) for u, at in standing.now.items() if at < standing.as_of)
    return {u: at.isoformat() for u, at in late}


def _told(standing: Standing) -> dict[str, Told]:
    told = {u: at for u, at in sorted(known(standing.card).items()) if u in standing.targets}
    if not told:
        return {}
    fitted = pd.Timestamp(standing.card["params"]["snapshot"]["as_of"])
    return {u: Told(at.isoformat(), (fitted - at) / _DAY) for u, at in told.items()}


def _named(found: Found, standing: Standing, rows: Rows) -> Named:
    """Return ``found`` as evidence; of a change of unit with what leads back to its own.

    What was found is a change of the converted readings, where they are converted already.
    """
    told = Named(found.unique_id, found.name, instant(found.since).isoformat(), finite(found.size))
    if found.name != UNIT or not told.size:
        return told
    now = standing.now[found.unique_id].value
    factor, offset = Conversion.of(rows.noted, found.unique_id).at(now)
    gone = float(found.evidence.get("offset", 0.0))
    return replace(told, factor=factor / told.size, offset=(offset - gone) / told.size)


def _scores(standing: Standing, rows: Rows) -> pd.DataFrame:
    found = weeks.score(rows.mature, scales=_scales(standing, rows), now=standing.now)
    known = rows.scored
    first = pd.to_datetime(known["unique_id"].map(rows.starts), utc=True)
    again = known[pd.to_datetime(known["starts_at"], utc=True) >= first]
    return weeks.changed(found, again)


def _scales(standing: Standing, rows: Rows) -> dict[tuple[str, str], tuple[float, float]]:
    """Return (mae, rmse) of the seasonal naive in the year before a version's first forecast."""
    iso = dict(zip(standing.series["unique_id"], standing.series["freq"], strict=True))
    by_name = dict(iter(rows.values.groupby("unique_id")))
    made = {}
    for (name, version), cutoff in rows.first.items():
        own = by_name.get(name)
        if own is None or name not in iso:
            continue
        year = own[(own["ds"] <= cutoff) & (own["ds"] > cutoff - REFERENCE)]
        if len(year):
            one = metrics.scale(year, freq_=iso[name]).iloc[0]
            made[name, version] = (float(one["mae"]), float(one["rmse"]))
    return made


def _recent(standing: Standing, rows: Rows, window: pd.Timedelta) -> pd.DataFrame:
    own = rows.mature[rows.mature["model_version"] == standing.version]
    begins = pd.to_datetime(own["unique_id"].map(standing.now), utc=True) - window
    return own[own["ds"] >= begins]


def _target(
    name: str,
    standing: Standing,
    rows: Rows,
    *,
    own: pd.DataFrame,
    changed: pd.Timestamp | None,
) -> Target:
    """Return what ``own``, the window's rows, say, beside what was usual before the window.

    Weeks after a named change are no measure of what is usual.
    """
    facts = standing.series.set_index("unique_id").loc[name]
    begins = min(own["ds"], default=standing.now[name])
    middle = begins + (standing.now[name] - begins) / 2
    begins = begins if changed is None else min(begins, changed)
    since = min(standing.now[t] for t in standing.targets) - REFERENCE
    weekly = _own_weeks(name, standing.version, rows, since=since, until=begins)
    mase = dict(standing.card.get("scores", {})).get(name, {}).get("mase")
    reference, of = (weekly, "weeks") if weekly else (mase, "training") if mase else (1.0, "naive")
    return Target(
        name,
        levels.measure(own),
        levels.measure(own[own["cutoff"] >= middle]),
        float(reference),
        cast("Literal['weeks', 'training', 'naive']", of),
        tuple(map(str, facts["covariates"])),
    )


def _own_weeks(
    name: str, version: str, rows: Rows, *, since: pd.Timestamp, until: pd.Timestamp
) -> float | None:
    """Return error over naive error of the champion's first scored weeks from ``since`` to ``until``."""
    known = rows.scored
    starts, ends = (pd.to_datetime(known[c], utc=True) for c in ("starts_at", "ends_at"))
    own = known[
        (known["unique_id"] == name)
        & (known["model_version"] == version)
        & (known["bucket"] == metrics.ALL)
        & (starts >= since)
        & (ends <= until)
    ]
    wide = own.pivot_table(index="starts_at", columns="model", values=["rows", "mase"])
    if wide.empty or not {("mase", NAME), ("mase", weeks.NAIVE)} <= set(wide.columns):
        return None
    both = wide.dropna()
    both = both[both["rows", NAME] == both["rows", weeks.NAIVE]]
    both = both.sort_index().head(REFERENCE_WEEKS)
    if len(both) < 2:
        return None
    sums = {m: float((both["rows", m] * both["mase", m]).sum()) for m in (NAME, weeks.NAIVE)}
    return sums[NAME] / sums[weeks.NAIVE] if sums[weeks.NAIVE] > 0 else None


def _residuals(rows: Rows, before: pd.DataFrame) -> pd.DataFrame:
    """Return what the champion said beside what came, ``before`` it served and since."""
    live = rows.long[COLUMNS]
    both = pd.concat([part for part in (before, live) if len(part)] or [live], ignore_index=True)
    return both.drop_duplicates(COLUMNS[:3], keep="last").reset_index(drop=True)


def _behind(said: pd.DataFrame, windows: int) -> pd.DataFrame:
    """Return ``said`` as it was ``windows`` looks ago, a look a week."""
    if not windows or said.empty:
        return said
    last = said.groupby("unique_id")["cutoff"].transform("max")
    return said[said["cutoff"] <= last - windows * EVERY]


def _annotated(standing: Standing, rows: Rows) -> tuple[str, ...]:
    noted = rows.noted[~rows.noted["kind"].isin(CONVERTED)]  # converted days are as usual as any
    now = pd.to_datetime(noted["unique_id"].map(standing.now), utc=True)
    held = noted[(noted["starts_at"] <= now) & (now < noted["ends_at"])]
    return tuple(sorted(set(map(str, held["unique_id"]))))


def _status(pair: Pair) -> Status:
    return cast("Status", pair.comparison.status)


def instant(value: object) -> pd.Timestamp:
    """Return ``value`` as an instant in UTC."""
    return pd.to_datetime(cast("pd.Timestamp", value), utc=True)


def finite(value: object) -> float | None:
    """Return ``value`` as JSON can hold it: a plain number, or None."""
    number = None if value is None else float(cast("float", value))
    return number if number is not None and math.isfinite(number) else None


def statuses(pairs: Mapping[Kind, Sequence[Pair]]) -> dict[tuple[Kind, str], Status]:
    """Return the status of each column that was compared."""
    return {(kind, p.comparison.column): _status(p) for kind, own in pairs.items() for p in own}


def shown(pairs: Sequence[Pair], status: Mapping[str, str]) -> list[Pair]:
    """Return ``pairs`` with the status that their page shows, where it shows one."""
    return [
        replace(
            p,
            comparison=replace(
                p.comparison, status=status.get(p.comparison.column, p.comparison.status)
            ),
        )
        for p in pairs
    ]
