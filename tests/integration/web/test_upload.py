"""A file on its way: shown as read and not written, then written once, exactly as it was shown."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import httpx
import openpyxl
import pandas as pd
import pytest
from tests.integration.serve.conftest import (  # noqa: F401 (fixtures)
    conn,
    home,
    loaded,
    model,
    url,
    world,
)
from tests.integration.web.conftest import beside

from horizonte.embedded import process
from horizonte.store import series
from horizonte.store.connection import Connection

pytestmark = pytest.mark.slow
HOURS = pd.date_range("2026-01-01 00:00", periods=480, freq="h")
NASTY = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def web(
    loaded: str,  # noqa: F811
    url: str,  # noqa: F811
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[httpx.Client]:
    """The web app beside a service that asks for no keys."""
    with beside(tmp_path_factory.mktemp("web"), database=loaded, service=url) as client:
        yield client


def brazilian(
    header: str = "Demanda (MW)", *, bad: int | None = 30, start: float = 1000.0
) -> bytes:
    """A file as Brazilian spreadsheets write it: ``;``, 1.234,5, dd/mm/yyyy, Windows-1252."""
    lines = [f"Data;Hora;{header};Observação"]
    for n, at in enumerate(HOURS):
        y = f"{start + n:,.1f}".replace(",", "_").replace(".", ",").replace("_", ".")
        lines.append(f"{at:%d/%m/%Y};{at:%H:%M};{'erro' if n == bad else y};não")
    return "\r\n".join(lines).encode("cp1252")


def field(text: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', text)
    assert found, name
    return unescape(found[1])


def sent(web: httpx.Client, name: str, body: bytes) -> httpx.Response:
    """The page of a file that was dropped."""
    token = field(web.get("/upload").text, "form_token")
    answer = web.post("/upload", data={"form_token": token}, files={"file": (name, body)})
    assert answer.status_code == 303, answer.text
    return web.get(answer.headers["location"])


def mapped(web: httpx.Client, page: httpx.Response, **said: str) -> httpx.Response:
    """The page after a correction of the mapping."""
    hidden = {name: field(page.text, name) for name in ("form_token", "file")}
    given = {"clock": "recorded", "duplicates": "refuse", "source": "", **said}
    answer = web.post("/upload/read", data=hidden | given)
    assert answer.status_code == 303, answer.text
    return web.get(answer.headers["location"])


def confirmed(web: httpx.Client, page: httpx.Response) -> str:
    """The page of the ledger's entry after a confirmation."""
    given = {name: field(page.text, name) for name in ("form_token", "file", "mark")}
    answer = web.post("/upload/store", data=given)
    assert answer.status_code == 303, answer.text
    state = {"file": given["file"]}
    over = lambda: not web.get("/upload/store/state", params=state).json()["running"]  # noqa: E731
    assert process.wait_until(over, seconds=90)
    return web.get(answer.headers["location"]).text


def count(text: str, name: str) -> int:
    found = re.search(rf'data-count="{name}">([\d,]+)<', text)
    assert found, text
    return int(found[1].replace(",", ""))


def rows(conn: Connection, name: str) -> dict[Any, float]:  # noqa: F811
    found = conn.execute(
        "SELECT ds, y FROM observation WHERE unique_id = %s ORDER BY ds, revision", (name,)
    )
    return dict(found.fetchall())


def stored(conn: Connection) -> list[tuple[Any, ...]]:  # noqa: F811
    """How much is in every table that an upload may write to."""
    tables = ("observation", "series", "source", "ingest_batch", "dead_letter", "forecast_run")
    return [conn.execute(f"SELECT count(*) FROM {t}").fetchone() or () for t in tables]


def test_a_preview_writes_nothing(web: httpx.Client, conn: Connection) -> None:  # noqa: F811
    """What was understood is shown to the last digit, and no table has grown."""
    before = stored(conn)
    page = sent(web, "consumo.csv", brazilian())
    assert "carry no offset" in page.text
    page = mapped(web, page, zone="America/Sao_Paulo")
    for shown in ("479 readings", "1,000", "PT1H", "cp1252", "consumo/demanda", 'value="MW"',
                  "not a number", "erro", "1/1/26, 12:00", "-03"):  # fmt: skip
        assert shown in page.text, shown
    assert stored(conn) == before


def test_a_confirmation_writes_exactly_the_rows_once(
    web: httpx.Client,
    conn: Connection,  # noqa: F811
) -> None:
    """Each reading is in the database as the sheet says it; the second click changes nothing."""
    page = mapped(web, sent(web, "consumo.csv", brazilian()), zone="America/Sao_Paulo")
    page = mapped(web, page, zone="America/Sao_Paulo", source="mill")
    text = confirmed(web, page)
    assert [count(text, n) for n in ("accepted", "refused", "unread")] == [479, 0, 1]
    wanted = {
        at.tz_localize("America/Sao_Paulo").tz_convert("UTC").to_pydatetime(): 1000.0 + n
        for n, at in enumerate(HOURS)
        if n != 30
    }
    assert rows(conn, "mill/demanda") == wanted
    known = series.known(conn, ["mill/demanda"])["mill/demanda"]
    assert (known["unit"], known["zone"], known["source"]) == ("MW", "America/Sao_Paulo", "mill")
    batch = conn.execute("SELECT id, accepted FROM ingest_batch WHERE source = 'mill'").fetchall()
    assert [n for _, n in batch] == [479]
    assert f'<th scope="row">{batch[0][0]}</th>' in text
    assert conn.execute("SELECT model_version FROM forecast_run r JOIN forecast f ON f.run_id = r.id "
                        "WHERE unique_id = 'mill/demanda' LIMIT 1").fetchone() == ("untrained",)  # fmt: skip
    before = stored(conn)
    again = confirmed(web, page)
    assert "nothing was changed" in again
    assert stored(conn)[:5] == before[:5]
    whole = mapped(
        web, sent(web, "consumo.csv", brazilian()), zone="America/Sao_Paulo", source="mill"
    )
    assert "nothing was changed" in confirmed(web, whole)
    assert stored(conn)[:5] == before[:5]


def test_refused_rows_in_the_words_of_the_sheet(web: httpx.Client) -> None:
    """The file of refused rows has row, column, value and reason, in the reader's language and marks."""
    page = mapped(web, sent(web, "consumo.csv", brazilian()), zone="America/Sao_Paulo")
    way = {"file": field(page.text, "file")}
    found = web.get("/upload/refused", params=way, headers={"accept-language": "pt-BR"})
    assert found.text.lstrip("\ufeff").splitlines()[:2] == [
        "Aba;Linha;Coluna;Série;Horário;Valor;Motivo;O que ajuda",
        ";32;C;;;erro;não é um número;corrija a célula ou deixe-a vazia",
    ]


def test_what_the_service_refuses_is_told_too(web: httpx.Client, conn: Connection) -> None:  # noqa: F811
    """A reading of a year ahead is refused by the service, shown and in the file; the rest is stored."""
    body = "time,depth (m)\n" + "".join(f"{at:%Y-%m-%dT%H:%MZ},{n}\n" for n, at in enumerate(HOURS))
    far = body + "".join(f"2099-01-01T{n:02d}:00Z,9\n" for n in range(3))
    page = mapped(web, sent(web, "well.csv", far.encode()), freq="PT1H")
    text = confirmed(web, page)
    assert (count(text, "accepted"), count(text, "refused")) == (480, 3)
    assert "ahead of its arrival" in text
    found = web.get("/upload/refused", params={"file": field(page.text, "file")}).text
    assert found.count("well/depth,2099-01-01T") == 3
    assert len(rows(conn, "well/depth")) == 480


def test_a_sheet_is_chosen_and_corrections_are_told(web: httpx.Client, conn: Connection) -> None:  # noqa: F811
    """The second sheet of a workbook becomes series of its own; another value is a correction."""
    book = openpyxl.Workbook()
    book.active.title = "Leia-me"
    book.active.append(["nada", "aqui"])
    sheet = book.create_sheet("Dados")
    sheet.append(["quando", "Vazão (m3/s)"])
    for n, at in enumerate(HOURS):
        sheet.append([at.to_pydatetime(), 10.5 + n])
    for values in ({}, {2: 99.0}):
        for row, y in values.items():
            sheet.cell(row, 2).value = y
        file = io.BytesIO()
        book.save(file)
        page = sent(web, "rio.xlsx", file.getvalue())
        page = mapped(web, page, sheet="Dados", zone="UTC")
        text = confirmed(web, page)
    assert (count(text, "unchanged"), count(text, "corrected")) == (479, 1)
    assert rows(conn, "rio/vazão")[HOURS[0].tz_localize("UTC").to_pydatetime()] == 99.0


def test_another_unit_or_step_is_not_stored(web: httpx.Client, conn: Connection) -> None:  # noqa: F811
    """A file in kW for a series in MW says so and cannot be confirmed."""
    lines = "".join(f"{at:%Y-%m-%dT%H:%MZ},{n}\n" for n, at in enumerate(HOURS))
    page = sent(web, "x.csv", f"time,load (kW)\n{lines}".encode())
    page = mapped(
        web, page, **{"names-0": "plant/load", "units-0": "kW", "role-0": "time", "role-1": "value"}
    )
    assert "plant/load is registered in MW" in page.text
    assert "plant/load is registered with a step of PT30M" in page.text
    assert 'name="mark"' not in page.text


def test_what_the_service_does_not_register_is_said(web: httpx.Client, conn: Connection) -> None:  # noqa: F811
    """New series of a source with another step are refused whole: the page says why, nothing is stored."""
    lines = "".join(f"{at:%Y-%m-%dT%H:%MZ},{n}\n" for n, at in enumerate(HOURS))
    page = mapped(web, sent(web, "x.csv", f"time,load2\n{lines}".encode()), source="plant")
    before = stored(conn)
    text = confirmed(web, page)
    assert "0 of 1 parts are stored" in text
    assert "that of source plant" in unescape(text)
    assert stored(conn) == before


def test_columns_of_any_name_are_only_text(web: httpx.Client) -> None:
    """A column, a file and a cell called <script> are escaped wherever they are shown."""
    cell = f'"{NASTY}"'
    body = f'time,"{NASTY}",other\n2026-01-01T00:00Z,{cell},1\n' + "".join(
        f"{at:%Y-%m-%dT%H:%MZ},{n},{n}\n" for n, at in enumerate(HOURS) if n
    )
    page = sent(web, f"{NASTY}.csv", body.encode())
    assert NASTY not in page.text
    assert "&lt;script&gt;" in page.text
    assert "script_alert_1_script" in page.text


@pytest.mark.parametrize(
    ("name", "body", "told"),
    [
        ("a.exe", b"MZ", "neither a CSV nor an XLSX"),
        ("a.csv", b"", "empty"),
        ("a.csv", b"\x1f\x8b\x08\x00", "packed"),
        ("a.csv", b"x" * ((32 << 20) + 1), "too large"),
    ],
)
def test_what_is_not_taken(web: httpx.Client, name: str, body: bytes, told: str) -> None:
    """The page says why, and keeps nothing."""
    assert told in sent(web, name, body).text


@pytest.mark.parametrize(
    "body", [b"PK\x03\x04 no workbook", b"\x00" * 100, b"a,b\n" * 3, b"\xff\xfe\x00\xd8" * 9]
)
def test_what_cannot_be_read_is_told(web: httpx.Client, body: bytes) -> None:
    """Whatever the bytes, the page says what is wrong and offers the form."""
    for name in ("a.xlsx", "a.csv"):
        page = sent(web, name, body)
        assert page.status_code == 200
        assert 'role="alert"' in page.text
        assert 'name="mark"' not in page.text


def test_forms_need_their_token(web: httpx.Client) -> None:
    """Neither a file nor a confirmation is taken from a page that this reader was not given."""
    answer = web.post("/upload", data={"form_token": "x"}, files={"file": ("a.csv", b"a,b\n1,2\n")})
    assert answer.status_code == 403
    page = mapped(web, sent(web, "consumo.csv", brazilian()), zone="UTC")
    given = {n: field(page.text, n) for n in ("file", "mark")}
    for path in ("/upload/read", "/upload/store", "/upload/quick"):
        assert web.post(path, data=given | {"form_token": "x"}).status_code == 403
    assert web.get("/upload/read", params={"file": "x" * 32}).status_code == 404


def test_who_may_not_write_is_asked_to_log_in(web: httpx.Client, conn: Connection) -> None:  # noqa: F811
    """Somebody who comes through a proxy sees the file and a login; a confirmation is refused."""
    page = mapped(web, sent(web, "consumo.csv", brazilian()), zone="UTC", source="kiosk")
    far = {"x-forwarded-for": "203.0.113.7"}
    way = {"file": field(page.text, "file")}
    shown = web.get("/upload/read", params=way, headers=far)
    assert "479 readings" in shown.text
    assert "/login?next=" in shown.text
    assert 'name="mark"' not in shown.text
    given = way | {n: field(page.text, n) for n in ("form_token", "mark")}
    before = stored(conn)
    assert web.post("/upload/store", data=given, headers=far).status_code == 403
    note = {"form_token": given["form_token"], "id": "site/a", "kind": "ignore", "sure": "1"}
    assert web.post("/notes", data=note, headers=far).status_code == 403
    assert stored(conn) == before


def test_a_hundred_thousand_rows_in_parts(web: httpx.Client, conn: Connection) -> None:  # noqa: F811
    """A large file is stored whole, in parts that the page counts."""
    ds = pd.date_range("2014-01-01", periods=50_000, freq="h")
    lines = [f"{at:%Y-%m-%dT%H:%MZ},{n / 8},{n % 24}" for n, at in enumerate(ds)]
    page = sent(web, "large.csv", ("time,a,b\n" + "\n".join(lines)).encode())
    text = confirmed(web, page)
    assert count(text, "accepted") == 100_000
    found = conn.execute(
        "SELECT count(*), sum(y) FROM observation WHERE unique_id = 'large/a'"
    ).fetchone()
    assert found == (50_000, sum(n / 8 for n in range(50_000)))


def test_a_forecast_of_the_file_alone(web: httpx.Client, conn: Connection) -> None:  # noqa: F811
    """The workbook and the sandboxed report of ``horizonte quick``, as the file was mapped; nothing is stored."""
    page = mapped(web, sent(web, "consumo.csv", brazilian()), zone="America/Sao_Paulo")
    before = stored(conn)
    way = {"file": field(page.text, "file")}
    given = {"form_token": field(page.text, "form_token"), "horizon": "12", **way}
    answer = web.post("/upload/quick", data=given)
    assert answer.status_code == 303
    over = lambda: not web.get("/upload/quick/state", params=way).json()["running"]  # noqa: E731
    assert process.wait_until(over, seconds=300)
    shown = web.get(answer.headers["location"]).text
    assert "<iframe" in shown, shown
    book = web.get("/upload/quick/file", params=way | {"kind": "workbook"}).content
    found = pd.read_excel(io.BytesIO(book), sheet_name="Forecast")
    assert found["unique_id"].unique().tolist() == ["Demanda (MW)"]
    first = HOURS[-1].tz_localize("America/Sao_Paulo").tz_convert("UTC").tz_localize(None)
    assert found["ds"].tolist() == [first + pd.Timedelta(hours=n + 1) for n in range(12)]
    report = web.get("/upload/quick/file", params=way | {"kind": "report"})
    assert "sandbox" in report.headers["content-security-policy"]
    assert "script-src" not in report.headers["content-security-policy"]
    assert "<svg" in report.text
    assert stored(conn) == before
