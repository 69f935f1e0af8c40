"""The quick forecast as a workbook: forecast with chart, scores, refused rows, plain words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from openpyxl import Workbook
from openpyxl.chart import LineChart, Reference
from openpyxl.chart.axis import ChartLines
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from horizonte.quick.chain import Quick

CHARTED = {"q05": ("F4B183", 12700), "mean": ("1F4E79", 25400), "q95": ("F4B183", 12700)}
CHARTS = 6  # series that get one
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a cell that starts so could run as a formula


def write(path: Path, found: Quick, *, refused: pd.DataFrame, sentences: Sequence[str]) -> None:
    """Write the workbook; instants are true dates (UTC where they had a zone), text cannot run."""
    book = Workbook()
    book.remove(book.active)
    sheet = _table(book, "Forecast", found.forecast)
    _charts(sheet, found.forecast)
    _table(book, "Scores", found.scores)
    _table(book, "Refused", refused)
    words = book.create_sheet("In plain words")
    words.column_dimensions["A"].width = 110
    for sentence in sentences:
        words.append([_safe(sentence)])
        words.cell(words.max_row, 1).alignment = Alignment(wrap_text=True, vertical="top")
    path.parent.mkdir(parents=True, exist_ok=True)
    book.save(path)


def _table(book: Workbook, name: str, rows: pd.DataFrame) -> Worksheet:
    sheet = book.create_sheet(name)
    sheet.append([_safe(str(c)) for c in rows.columns])
    for cell in sheet[1]:
        cell.font = Font(bold=True)
    for row in _cells(rows):
        sheet.append(row)
    for index, column in enumerate(rows.columns, start=1):
        sheet.column_dimensions[get_column_letter(index)].width = (
            20 if column in ("unique_id", "ds") else 13
        )
    sheet.freeze_panes = "A2"
    return sheet


def _cells(rows: pd.DataFrame) -> list[list[object]]:
    plain = rows.copy()
    for column in plain.select_dtypes("datetimetz"):
        plain[column] = plain[column].dt.tz_localize(None)
    values = plain.astype(object).where(plain.notna(), None).itertuples(index=False)
    return [[_safe(v) for v in row] for row in values]


def _safe(value: object) -> object:
    if isinstance(value, pd.Timestamp):
        return value.to_pydatetime()
    if isinstance(value, str) and value.startswith(FORMULA):
        return "'" + value
    return value if isinstance(value, (int, float, str, bool)) or value is None else str(value)


def _charts(sheet: Worksheet, forecast: pd.DataFrame) -> None:
    columns = list(forecast.columns)
    spans = forecast.reset_index(drop=True).groupby("unique_id", sort=False).indices
    for place, (unique_id, rows) in enumerate(list(spans.items())[:CHARTS]):
        first, last = int(rows[0]) + 2, int(rows[-1]) + 2
        chart = LineChart()
        chart.title, chart.height, chart.width = str(unique_id), 8, 18
        chart.y_axis.majorGridlines = ChartLines()
        chart.x_axis.number_format, chart.x_axis.delete, chart.y_axis.delete = (
            "dd/mm hh:mm",
            False,
            False,
        )
        for column in CHARTED:
            at = columns.index(column) + 1
            chart.add_data(Reference(sheet, min_col=at, min_row=first, max_row=last))
        chart.set_categories(
            Reference(sheet, min_col=columns.index("ds") + 1, min_row=first, max_row=last)
        )
        _style(chart)
        sheet.add_chart(chart, f"{get_column_letter(len(columns) + 2)}{2 + 17 * place}")


def _style(chart: LineChart) -> None:
    from openpyxl.chart.series import SeriesLabel

    for line, (name, (colour, width)) in zip(chart.series, CHARTED.items(), strict=True):
        line.tx = SeriesLabel(v=name)
        line.smooth = False
        line.graphicalProperties.line.solidFill = colour
        line.graphicalProperties.line.width = width
