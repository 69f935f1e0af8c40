"""Where the times, ids and values of a file stand, by the names in its header."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from horizonte.errors import DataFault
from horizonte.ingest.chunk import letter
from horizonte.ingest.sources import Source

_UNIT = re.compile(r"^(?P<name>.*\S)\s*[(\[](?P<unit>[^()\[\]]+)[)\]]$")


@dataclass(frozen=True)
class Shape:
    """Column positions from 0: of the time parts, then either id and value, or each series."""

    times: list[int]
    series: dict[int, str]  # wide: position → key of the source's series
    id: int | None = None  # long
    value: int | None = None
    strangers: tuple[int, ...] = ()  # named columns that the source does not declare

    @property
    def wanted(self) -> list[int]:
        """Return the positions that are read, in order and once each."""
        long = [i for i in (self.id, self.value) if i is not None]
        return sorted({*self.times, *self.series, *long})


def locate(names: list[str], source: Source, place: str) -> Shape:
    """Return the shape of a file whose header is ``names``.

    A header may add its unit, ``Demand (MW)``; another unit than the declared one, a missing
    column and one that occurs twice raise DataFault, naming the cell.
    """
    place = f"{place} row {source.header_row}"
    times = [_find(names, name, None, place) for name in source.timestamp]
    if source.layout == "long":
        key = _find(names, source.id, None, place)
        value = _find(names, source.value, None, place)
        return Shape(times, {}, key, value)
    series = {_find(names, key, channel.unit, place): key for key, channel in source.series.items()}
    known = {*times, *series}
    ignored = {plain(name) for name in source.ignore}
    strangers = tuple(
        i for i, name in enumerate(names) if name and i not in known and plain(name) not in ignored
    )
    return Shape(times, series, strangers=strangers)


def _find(names: list[str], name: str, unit: str | None, place: str) -> int:
    wanted = plain(name)
    exact = [i for i, n in enumerate(names) if plain(n) == wanted]
    if not exact and unit is not None:
        exact = _with_unit(names, wanted, unit, place)
    if len(exact) == 1:
        return exact[0]
    if exact:
        raise DataFault(
            f"{place}: column {name!r}",
            " and ".join(letter(i) for i in exact),
            "there once",
            "rename or delete one",
        )
    raise DataFault(
        place,
        [n for n in names if n][:20],
        f"a header with column {name!r}",
        "rename the column, or correct sources.yaml (header_row, sheet, delimiter)",
    )


def _with_unit(names: list[str], wanted: str, unit: str, place: str) -> list[int]:
    found = []
    for i, name in enumerate(names):
        match = _UNIT.match(name)
        if match and plain(match["name"]) == wanted:
            if match["unit"].strip() != unit:
                raise DataFault(
                    f"{place} {letter(i)}: unit of {match['name']!r}",
                    match["unit"],
                    repr(unit),
                    "convert the values, or correct the unit in sources.yaml",
                )
            found.append(i)
    return found


def plain(name: str) -> str:
    """Return a name as it is compared: spaces collapsed, case and Unicode form aside."""
    return " ".join(unicodedata.normalize("NFC", name).split()).casefold()
