"""What if: the future of covariates as a form shows it, by hour or day, and what it supposes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

MOST_FIELDS = 150  # values that the form asks for
Values = Mapping[datetime, float | None]


@dataclass(frozen=True)
class Cell:
    """One value of the form: the instants that it stands for, and their mean on record."""

    name: str
    instants: tuple[datetime, ...]
    value: float | None

    @property
    def text(self) -> str:
        """Return the value as the form holds it, to nine digits; empty where none is known."""
        return "" if self.value is None else f"{self.value:.9g}"


@dataclass(frozen=True)
class Line:
    """One row of the form: where its hour or day begins, and a cell for each covariate."""

    at: datetime
    cells: tuple[Cell, ...]


def lines(covariates: Sequence[Values], zone: str) -> list[Line]:
    """Return the rows of the form: by hour while they are few enough, else by day in ``zone``."""
    for by_day in (False, True):
        starts = sorted({_start(ds, zone, by_day) for values in covariates for ds in values})
        if len(starts) * len(covariates) <= MOST_FIELDS or by_day:
            break
    places = {at: place for place, at in enumerate(starts)}
    inside: list[list[list[datetime]]] = [[[] for _ in covariates] for _ in starts]
    for column, values in enumerate(covariates):
        for ds in values:
            inside[places[_start(ds, zone, by_day)]][column].append(ds)
    most = MOST_FIELDS // max(len(covariates), 1)
    return [
        Line(at, tuple(_cell(i, c, parts, covariates[c]) for c, parts in enumerate(inside[i])))
        for i, at in enumerate(starts[:most])
    ]


def supposed(
    table: Sequence[Line], covariates: Mapping[str, Values], form: Mapping[str, str]
) -> dict[str, dict[datetime, float]]:
    """Return by covariate the values that ``form`` says otherwise than they are on record.

    A cell holds for all its instants; then a shift is added, or one value set for all. Raises
    ValueError with the name of a field that holds no finite number.
    """
    found: dict[str, dict[datetime, float]] = {}
    for column, (name, known) in enumerate(covariates.items()):
        way, amount = form.get(f"way-{column}", ""), _number(form, f"amount-{column}")
        changed: dict[datetime, float] = {}
        for cell in (line.cells[column] for line in table):
            said = (
                None if form.get(cell.name, "").strip() == cell.text else _number(form, cell.name)
            )
            for ds in cell.instants:
                value = _changed(known[ds] if said is None else said, way, amount)
                if value is not None and value != known[ds]:
                    changed[ds] = value
        if changed:
            found[name] = changed
    return found


def body(unique_id: str, what: Mapping[str, Mapping[datetime, float]]) -> dict[str, Any]:
    """Return the body of ``POST /forecast`` that supposes ``what``."""
    ahead = {
        name: [
            {"ds": f"{ds.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}", "value": v} for ds, v in rows.items()
        ]
        for name, rows in what.items()
    }
    return {"series": unique_id, "known_future": ahead}


def _start(ds: datetime, zone: str, by_day: bool) -> datetime:
    """Return where the hour or day of ``zone`` begins that ``ds`` is in, in UTC."""
    local = ds.astimezone(ZoneInfo(zone))
    if by_day:
        return local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0).astimezone(UTC)
    # Not by the clock on the wall: an hour that comes twice is two rows.
    return (ds - timedelta(minutes=local.minute, seconds=local.second)).astimezone(UTC)


def _cell(line: int, column: int, instants: Sequence[datetime], known: Values) -> Cell:
    values = [v for ds in instants if (v := known[ds]) is not None]
    mean = sum(values) / len(values) if values else None
    return Cell(f"v-{line}-{column}", tuple(instants), mean)


def _changed(value: float | None, way: str, amount: float | None) -> float | None:
    if amount is None or way not in ("add", "set"):
        return value
    if way == "set":
        return amount
    return None if value is None else value + amount


def _number(form: Mapping[str, str], name: str) -> float | None:
    text = form.get(name, "").strip()
    if not text:
        return None
    try:
        value = float(text.replace(",", ".") if "." not in text else text)
    except ValueError:
        raise ValueError(name) from None
    if not math.isfinite(value):
        raise ValueError(name)
    return value
