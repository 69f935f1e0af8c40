"""The page, chart and downloads of a series, compared with what the database holds."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import quote

import httpx
import numpy as np
import openpyxl
import pandas as pd
import pytest
from tests.integration.web.conftest import END, RULES, follow, hours, say, serve_model

from horizonte.ingest import notes
from horizonte.ingest.notesheet import Note
from horizonte.monitor.accuracy import accuracy
from horizonte.store import ledger, mature
from horizonte.store.connection import Connection

HOUR = pd.Timedelta(hours=1)
LAST = END - HOUR
HOSTILE = "</script><script>alert(1)</script>"
Get = Callable[..., str]
Load = Callable[..., ledger.Counts]


@pytest.fixture
def filled(store: Connection, declare: Callable[..., None], load: Load) -> Connection:
    """A series of 400 days with a vintage a day, a value out of limits, and a hostile neighbour."""
    if store.execute("SELECT count(*) FROM series").fetchone() != (0,):
        return store
    declare("plant/load", HOSTILE, source="plant", zone="America/Sao_Paulo", upper=500.0)
    rows = hours("plant/load", 400)
    rows.loc[rows["ds"] == END - 5 * HOUR, "y"] = 9000.0
    load(rows, source="plant")
    load(hours(HOSTILE, 2), source="plant")
    follow(store)
    serve_model(store)
    for days in range(10, -1, -1):
        say(store, "plant/load", LAST - pd.Timedelta(days=days), 48, mean=50.0 + days)
    return store


def data(web: httpx.Client, **query: Any) -> dict[str, Any]:
    """The chart's columns."""
    answer = web.get("/series/data", params={"id": "plant/load", **query})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def column(body: dict[str, Any], name: str) -> dict[float, Any]:
    """The values of a column that are there, by instant."""
    pairs = zip(body["x"], body[name], strict=True)
    return {x: value for x, value in pairs if value is not None}


def test_a_week_shows_every_reading_and_its_flag(filled: Connection, web: httpx.Client) -> None:
    """Clean values equal the prepared table, and a value that was refused stays visible as it came."""
    body = data(web)
    stored = filled.execute(
        """SELECT extract(epoch FROM ds)::float8, y FROM prepared.observation
           WHERE unique_id = 'plant/load' AND ds >= %s AND y IS NOT NULL""",
        (datetime.fromtimestamp(body["start"], END.tz),),
    ).fetchall()
    at = (END - 5 * HOUR).timestamp()
    assert body["width"] == 0
    assert column(body, "y") == dict(stored)
    assert column(body, "raw") == {at: 9000.0}
    assert column(body, "flag")[at] in ("out_of_range", "imputed")


def test_what_is_refused_in_another_unit_fits_the_chart(
    filled: Connection, web: httpx.Client, declare: Callable[..., None], load: Load
) -> None:
    """Converted readings stand beside what came; one that is refused has its place in the series' unit too."""
    declare("plant/grams", source="plant", upper=0.5)
    rows = hours("plant/grams", 3)
    wrong = rows["ds"].between(END - 30 * HOUR, END - 26 * HOUR)
    rows.loc[wrong, "y"] = 9000.0
    load(rows, source="plant")
    start = rows["ds"].min().isoformat()
    note = Note("plant/grams", start, None, "unit_changed", factor=0.001)
    notes.annotate_one(filled, note, now=END, rules=RULES)
    body = data(web, id="plant/grams")
    seconds = [ds.timestamp() for ds in rows["ds"]]
    assert column(body, "raw") == dict(zip(seconds, rows["y"], strict=True))
    assert max(column(body, "y").values()) < 0.124
    refused = [ds.timestamp() for ds in rows.loc[wrong, "ds"]]
    assert column(body, "flag") == dict.fromkeys(refused, "out_of_range")
    assert column(body, "own") == dict.fromkeys(refused, 9.0)


def test_years_come_down_sampled_with_their_extremes(filled: Connection, web: httpx.Client) -> None:
    """All of 400 days is at most a thousand places, whose means, lows and highs are those of their hours."""
    body = data(web, range="all")
    rows = filled.execute(
        "SELECT ds, y FROM prepared.observation WHERE unique_id = 'plant/load' AND y IS NOT NULL"
    ).fetchall()
    values = pd.Series([y for _, y in rows], pd.DatetimeIndex([ds for ds, _ in rows]))
    width = pd.Timedelta(seconds=body["width"])
    groups = values.groupby(values.index.floor(width))
    for name, wanted in (("y", groups.mean()), ("low", groups.min()), ("high", groups.max())):
        found = column(body, name)
        assert len(found) <= 1001
        assert list(found) == [(ds + width / 2).timestamp() for ds in wanted.index]
        assert np.allclose(list(found.values()), wanted)


def test_the_fan_is_the_newest_vintage(filled: Connection, web: httpx.Client) -> None:
    """Its 48 hours after the last reading, with quantiles in order."""
    body = data(web)
    assert set(column(body, "mean").values()) == {50.0}
    assert list(column(body, "mean")) == [(LAST + n * HOUR).timestamp() for n in range(1, 49)]
    assert set(column(body, "q10").values()) == {30.0}
    assert set(column(body, "q95").values()) == {80.0}


def test_past_forecasts_were_said_that_long_before(filled: Connection, web: httpx.Client) -> None:
    """Beside each actual stands what was said at least a day and less than two days earlier: every hour has one."""
    body = data(web, lead=24)
    found = {x: v for x, v in column(body, "past").items() if x <= LAST.timestamp()}
    assert len(found) == 24 * 7
    for x, value in found.items():
        cutoff = LAST - pd.Timedelta(days=value - 50.0)  # the mean tells which vintage it was
        assert 24 < (x - cutoff.timestamp()) / 3600 <= 48


def test_what_we_said_yesterday(filled: Connection, web: httpx.Client, page: Get) -> None:
    """The vintage of the day before is laid over the chart, and the page says when it was issued."""
    assert set(column(data(web, said="yesterday"), "said").values()) == {51.0}
    assert set(column(data(web, said="week"), "said").values()) == {57.0}
    assert "the forecast issued 1/13/26" in page("/series?id=plant/load&said=yesterday")
    assert "No forecast was on record" in page("/series?id=plant/load&said=999999")


def test_accuracy_is_that_of_the_mature_rows(filled: Connection, page: Get) -> None:
    """The mean absolute error on the page is computed from the database's own rows."""
    rows = accuracy(mature.read(filled, ["plant/load"]))
    wanted = rows.set_index("bucket")["mae"]
    table = page("/series?id=plant/load").partition("Accuracy by lead time")[2]
    for bucket, text in (("00-06h", "00-06h"), ("all", "all lead times")):
        line = table.split(f'<th scope="row">{text}</th>')[1].split("</tr>")[0]
        cells = re.findall(r"<td class=\"number\">(.*?)</td>", line)
        assert float(cells[1]) == pytest.approx(wanted[bucket], abs=0.1)


def test_a_workbook_holds_true_dates_and_numbers(filled: Connection, web: httpx.Client) -> None:
    """The last day as XLSX: local time three hours behind UTC, each value as it is stored."""
    answer = web.get(
        "/series/download", params={"id": "plant/load", "format": "xlsx", "range": "1d"}
    )
    sheet = openpyxl.load_workbook(io.BytesIO(answer.content)).active
    assert sheet is not None
    head, *rows = sheet.iter_rows(values_only=True)
    assert head[:3] == ("time (America/Sao_Paulo)", "time (UTC)", "value")
    assert [type(cell) for cell in rows[0][:2]] == [datetime, datetime]
    assert (rows[0][1] - rows[0][0]).total_seconds() == 3 * 3600
    by = {row[1]: row for row in rows}
    assert by[LAST.to_pydatetime().replace(tzinfo=None)][2] == 123
    assert by[(LAST + HOUR).to_pydatetime().replace(tzinfo=None)][5] == 50


@pytest.mark.parametrize(("lang", "mark", "value"), [("en", ",", "123.0"), ("pt-BR", ";", "123,0")])
def test_csv_in_the_dialect_of_its_reader(
    filled: Connection, web: httpx.Client, lang: str, mark: str, value: str
) -> None:
    """A byte order mark, and the separators that a spreadsheet of that language expects."""
    query = {"id": "plant/load", "format": "csv", "range": "1d", "lang": lang}
    answer = web.get("/series/download", params=query)
    assert answer.content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig")), delimiter=mark))
    assert {row[1]: row[2] for row in rows}[f"{LAST:%Y-%m-%dT%H:%M:%SZ}"] == value
    assert {len(row) for row in rows} == {13}


def test_hostile_names_are_text_everywhere(filled: Connection, page: Get) -> None:
    """A name that ends a script stays a name: in the page, in its data, in its download."""
    text = page("/series?id=" + quote(HOSTILE))
    assert HOSTILE not in text
    assert "alert(1)&lt;/script&gt;" in text
    words = re.search(r'<script type="application/json" id="words">(.*?)</script>', text)
    assert words
    assert json.loads(words[1])["reading"] == "Reading"


@pytest.mark.parametrize(
    "path", ["/series", "/series?id=nobody", "/series?id=%00", "/series/data?id=x", "/x"]
)
def test_what_there_is_not(filled: Connection, web: httpx.Client, path: str) -> None:
    """A page in the reader's language with a way on, and 404."""
    answer = web.get(path, headers={"accept-language": "pt"})
    assert answer.status_code == 404
    assert "Esta página não existe" in answer.text
    assert 'href="/"' in answer.text
