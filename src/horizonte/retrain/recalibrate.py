"""New intervals for the champion: its fits stay, its bands are cut from how wrong it was lately."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pandas as pd

from horizonte import freq
from horizonte.model.certainty import certainty
from horizonte.model.conformal import Calibration
from horizonte.model.forecaster import CARD, Forecaster
from horizonte.model.spread import Spread
from horizonte.prepare.comparable import held, in_force, misread, replacements
from horizonte.prepare.windows import Windows
from horizonte.report import card
from horizonte.retrain.pinned import Pinned
from horizonte.retrain.refused import Refused
from horizonte.serve import champion, inputs, past
from horizonte.serve.champion import Champion
from horizonte.serve.past import Ask
from horizonte.store.connection import Connection

SPAN = pd.Timedelta(days=112)  # before the pin, at most
EVERY = pd.Timedelta(hours=25)  # between cutoffs: every hour of the day is seen
T = TypeVar("T")
NONE = pd.DataFrame({"unique_id": [], "cutoff": pd.DatetimeIndex([], tz="UTC")})
LEAST = 14  # cutoffs that a series needs for bands of its own; with fewer it keeps what it has


def make(conn: Connection, folder: Path, target: Path, *, pinned: Pinned) -> None:
    """Write into ``target`` the model of ``folder`` with bands from its errors before the pin.

    The champion forecasts as-of, from cutoffs after the data it was trained on. Raises Refused
    where those are too few for any series.
    """
    model = champion.load(folder)
    pin = pd.Timestamp(pinned.as_of)
    since = max(pd.Timestamp(str(model.card["data_as_of"])), pin - SPAN)
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(folder, target)
    counted = 0
    for iso, forecaster in model.forecasters.items():
        rows = held_against(conn, model, iso, since=since, pin=pin)
        cutoffs = rows.groupby("unique_id")["cutoff"].nunique()
        if cutoffs.max() >= LEAST:
            _write(target / iso, _recalibrated(forecaster, rows, cutoffs))
            counted = max(counted, int(cutoffs.max()))
    if not counted:
        raise Refused(_too_few(since, pin))
    trained = model.card.get("recalibrated", {}).get("trained", model.version)
    own = dict(model.card) | {
        "data_as_of": pin.isoformat(),
        "recalibrated": {"from": model.version, "trained": trained, "cutoffs": counted},
    }
    card.write(target, {k: v for k, v in own.items() if k != "files"})


def _too_few(since: pd.Timestamp, pin: pd.Timestamp) -> str:
    first, last = f"{since:%Y-%m-%d}", f"{pin:%Y-%m-%d}"
    if first == last:
        why = f"the champion was trained on all until {first}, and there the days of the gate begin"
    else:
        why = f"no series was forecast from {LEAST} cutoffs between {first} and {last}"
    return f"{why}: ask again when there is more that the champion was not trained on"


def held_against(
    conn: Connection, model: Champion, iso: str, *, since: pd.Timestamp, pin: pd.Timestamp
) -> pd.DataFrame:
    """Return what ``model`` said of the panel ``iso`` from each cutoff, beside what came by the pin."""
    targets = model.forecasters[iso].meta["unique_id"].tolist()
    groups = past.groups(conn, targets, as_of=pin)
    parts = [_one(conn, model, group, since=since) for group in groups]
    return pd.concat([NONE, *parts], ignore_index=True)


def _one(
    conn: Connection, model: Champion, group: inputs.Group, *, since: pd.Timestamp
) -> pd.DataFrame:
    """Return the rows of one group, from cutoffs whose whole forecast has come."""
    forecaster = model.forecasters[freq.iso(group.step)]
    last = group.at.as_of - forecaster.horizon * group.step
    instants = list(pd.date_range(last, since, freq=-EVERY))[::-1]
    if not instants:
        return NONE
    seen = past.read(conn, group, [model], first=instants[0])
    (said,) = seen.forecasts([Ask(model, _bare)], instants)
    came = seen.actuals(rules=model.rules, since=instants[0] - EVERY)
    rows = said.merge(came, on=["unique_id", "ds"])
    noted = in_force(seen.annotations, group.at.as_of)
    rows = rows[~misread(rows, noted, series=group.series)]
    return held(rows, replacements(noted)).dropna(subset=["y"])


def _bare(forecaster: Forecaster, view: Windows) -> pd.DataFrame:
    """Return the means of a view with what their bands will be cut from."""
    around = certainty(view, meta=forecaster.meta)
    return view.frame(forecaster.mean(view)).assign(**around)


def _recalibrated(forecaster: Forecaster, rows: pd.DataFrame, cutoffs: pd.Series) -> Calibration:
    """Return bands from ``rows``; a series with too few cutoffs keeps those that it has."""
    made = Calibration.of(rows, meta=forecaster.meta, horizon=forecaster.horizon)
    enough = set(cutoffs.index[cutoffs >= LEAST])
    old = forecaster.calibration
    return replace(
        made,
        unit=_over(old.unit, made.unit, enough),
        offsets=_over(old.offsets, made.offsets, enough),
        unrest=_over(old.unrest, made.unrest, enough),
        spread=Spread(_over(old.spread.slots, made.spread.slots, enough)),
    )


def _over(old: dict[str, T], new: dict[str, T], ids: set[str]) -> dict[str, T]:
    return old | {u: value for u, value in new.items() if u in ids}


def _write(folder: Path, calibration: Calibration) -> None:
    path = folder / CARD
    content = json.loads(path.read_text(encoding="utf-8")) | {"calibration": calibration.to_json()}
    path.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")
