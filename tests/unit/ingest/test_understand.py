"""Files that nobody declared: understood from whole columns, or refused with what to pass."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest

from horizonte.errors import ConfigFault, DataFault
from horizonte.ingest.files import read
from horizonte.ingest.understand import understand

ROOT = Path(__file__).parents[3]
HOURS = pd.date_range("2024-01-01", periods=48, freq="h")


def _file(tmp_path: Path, text: str, encoding: str = "utf-8") -> Path:
    path = tmp_path / "vendas.csv"
    path.write_text(text, encoding=encoding)
    return path


def _lines(pattern: str, cell: str, **more: Any) -> str:
    return "".join(
        f"{t.strftime(pattern)}{cell.format(i=i, **more)}\n" for i, t in enumerate(HOURS)
    )


def test_brazilian_file(tmp_path: Path) -> None:
    """Delimiter, decimal comma, day before month, title rows and grid are found by evidence."""
    head = "Relatório de vendas\n\nData;Loja 1;Obs\n"
    text = head + "".join(
        f"{t:%d/%m/%Y %H:%M};1.{i:03d},5;\n"
        for i, t in enumerate(pd.date_range("2024-01-01", periods=500, freq="h"))
    )
    path = _file(tmp_path, text, "cp1252")
    source = understand(path, {"zone": "America/Sao_Paulo", "encoding": "cp1252"})
    assert (source.delimiter, source.decimal, source.thousands) == (";", ",", ".")
    assert (source.day_first, source.freq, source.header_row, source.times) == (
        True,
        "PT1H",
        3,
        "local",
    )
    parsed = read(path, source)
    assert parsed.refused_count == 0
    assert parsed.rows.iloc[1].tolist() == [
        "Loja 1",
        pd.Timestamp("2024-01-01 04:00", tz="UTC"),
        1001.5,
    ]


def test_a_date_and_a_clock_in_a_named_zone(tmp_path: Path) -> None:
    """Midnight of the date column is midnight on the wall, whatever the zone; both columns are the time."""
    text = "Data;Hora;Carga\n" + _lines("%d/%m/%Y;%H:%M", ";{i}")
    hints = {"zone": "America/Sao_Paulo", "day_first": True}
    source = understand(_file(tmp_path, text), hints)
    assert source.timestamp == ("Data", "Hora")
    assert list(source.series) == ["Carga"]


def test_what_is_passed_is_not_looked_for(tmp_path: Path) -> None:
    """A header row and a delimiter that evidence does not find are taken as they are given."""
    text = "1~2\ntime~y\n" + _lines("%Y-%m-%dT%H:%MZ", "~{i}")
    source = understand(_file(tmp_path, text), {"header_row": 2, "delimiter": "~"})
    assert (source.header_row, list(source.series)) == (2, ["y"])


def test_sample_files() -> None:
    """The sample is understood without its declaration, wide and long."""
    folder = ROOT / "data/sample"
    wide = understand(folder / "pedestrian_hourly.xlsx")
    long = understand(folder / "pedestrian_hourly.csv.gz")
    assert (wide.layout, wide.freq, next(iter(wide.series))) == ("wide", "PT1H", "Birrarung Marr")
    assert (long.layout, long.id, long.value) == ("long", "sensor", "count")
    assert list(wide.series) == list(long.series)


def test_workbook_with_true_dates(tmp_path: Path) -> None:
    """A workbook's dates need only a zone."""
    book = openpyxl.Workbook()
    book.active.append(["when", "a", "b"])
    for i, t in enumerate(HOURS):
        book.active.append([t.to_pydatetime(), i, i * 0.5])
    book.save(tmp_path / "f.xlsx")
    source = understand(tmp_path / "f.xlsx", {"zone": "UTC"})
    parsed = read(tmp_path / "f.xlsx", source)
    assert (source.timestamp, source.times, len(parsed.rows)) == (("when",), "local", 96)


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        (
            "t,a\n"
            + "".join(f"{d:02d}/0{m}/2024 00:00Z,{d}\n" for m in (1, 2) for d in range(1, 13)),
            "day_first",
        ),
        ("t,a\n" + _lines("%Y-%m-%d %H:%M", ",{i}"), "zone"),
        ("t,a\n" + _lines("%Y-%m-%d %H:%MZ", ',"1.{i:03d}"'), "decimal"),
        (
            "t,a\n"
            + "".join(
                f"{d:%Y-%m-%d}T00:00Z,1\n"
                for d in pd.date_range("2020-01-01", periods=24, freq="MS")
            ),
            "freq",
        ),
        ("t,k,l,v\n" + _lines("%Y-%m-%d 00:00Z", ",p{i},q,{i}"), "id"),
        ("t,v\n" + _lines("%Y-%m-%d 00:00Z", ",{i}"), "id"),
        ("t,k,v,w\n" + _lines("%Y-%m-%d 00:00Z", ",p{i},{i},{i}"), "value"),
        ("x,y\nfoo,1\nbar,2\n", "timestamp"),
        ("a\n1\n2\n", "delimiter"),
        ("2024-01-01 00:00Z,1\n2024-01-01 01:00Z,2\n", "header_row"),
    ],
)
def test_ambiguity(tmp_path: Path, text: str, fix: str) -> None:
    """What the columns leave open is refused, and the fix names the option that settles it."""
    with pytest.raises(DataFault) as caught:
        understand(_file(tmp_path, text))
    assert fix in caught.value.fix


def test_ambiguity_settled(tmp_path: Path) -> None:
    """The option that the fix names makes the file readable."""
    text = "t,a\n" + "".join(f"{d:02d}/01/2024 00:00Z,1.{d:03d}\n" for d in range(1, 13))
    path = _file(tmp_path, text)
    source = understand(path, {"day_first": True, "decimal": "."})
    assert source.freq == "P1D"
    assert read(path, source).rows["y"].tolist() == [1 + d / 1000 for d in range(1, 13)]


def test_unknown_option(tmp_path: Path) -> None:
    """An option that does not exist is refused by name."""
    with pytest.raises(ConfigFault, match="dayfirst"):
        understand(_file(tmp_path, "t,a\n"), {"dayfirst": True})
