"""What if and notes: the page asks the service, and shows what that says and what it has cleaned."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
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
from tests.integration.web.test_upload import field

from horizonte.store import prepared
from horizonte.store.connection import Connection

pytestmark = pytest.mark.slow
HERE, OPEN = "site/a", "site/open"


@pytest.fixture(scope="module")
def web(
    loaded: str,  # noqa: F811
    url: str,  # noqa: F811
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[httpx.Client]:
    """The web app beside a service whose champion reads what is known ahead."""
    with beside(tmp_path_factory.mktemp("web"), database=loaded, service=url) as client:
        yield client


@pytest.fixture
def said(url: str, web: httpx.Client) -> dict[str, Any]:  # noqa: F811
    """The forecast on record."""
    return asked(url)


def asked(url: str, **more: Any) -> dict[str, Any]:  # noqa: F811
    answer = httpx.post(
        f"{url}/forecast", json={"series": HERE, **more}, trust_env=False, timeout=60
    )
    found: dict[str, Any] = answer.raise_for_status().json()["forecasts"][0]
    return found


def table(text: str) -> dict[str, tuple[float, float]]:
    """By instant, what is shown as said and as supposed."""
    found = re.findall(r'data-ds="([^"]+)" data-moved="([^"]+)" data-plain="([^"]+)"', text)
    return {ds: (float(plain), float(moved)) for ds, moved, plain in found}


def form(page: httpx.Response, **said: str) -> dict[str, str]:
    """The form of a page as a browser sends it, with ``said`` in its fields."""
    fields = dict(re.findall(r'<input name="([^"]+)"[^>]* value="([^"]*)"', page.text))
    token = {"form_token": field(page.text, "form_token"), "id": field(page.text, "id")}
    return {**fields, "way-0": "add", **token, **said}


def test_the_forecast_moves_as_the_service_says(
    web: httpx.Client,
    url: str,  # noqa: F811
    said: dict[str, Any],
) -> None:
    """One hour set by hand, the others as on record: the same numbers as POST /forecast gives."""
    page = web.get("/whatif", params={"id": HERE})
    assert OPEN in page.text
    given = form(page, **{"v-3-0": "0,5"})
    shown = table(web.post("/whatif", data=given).text)
    at = said["rows"][3]["ds"]
    moved = asked(url, known_future={OPEN: [{"ds": at, "value": 0.5}]})
    wanted = {
        a["ds"]: (a["mean"], b["mean"]) for a, b in zip(said["rows"], moved["rows"], strict=True)
    }
    assert shown == wanted
    assert moved["purpose"] == "what_if"
    assert any(plain != moved for plain, moved in shown.values())


def test_all_values_at_once(web: httpx.Client, url: str, said: dict[str, Any]) -> None:  # noqa: F811
    """A shift of all hours is what POST /forecast says of all of them."""
    page = web.get("/whatif", params={"id": HERE})
    shown = table(web.post("/whatif", data=form(page, **{"amount-0": "-1"})).text)
    known = dict(re.findall(r'<input name="v-(\d+)-0"[^>]* value="([^"]+)"', page.text))
    ahead = [
        {"ds": row["ds"], "value": float(known[str(n)]) - 1} for n, row in enumerate(said["rows"])
    ]
    moved = asked(url, known_future={OPEN: ahead})
    assert [m for _, m in shown.values()] == [r["mean"] for r in moved["rows"]]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({}, "Nothing was changed"),
        ({"v-0-0": "many"}, "not a number"),
        ({"amount-0": "nan"}, "not a number"),
    ],
)
def test_what_supposes_nothing(
    web: httpx.Client,
    said: dict[str, Any],
    change: dict[str, str],
    told: str,
) -> None:
    """Without another value there is nothing to ask; what is no number is said at its field."""
    page = web.get("/whatif", params={"id": HERE})
    assert told in web.post("/whatif", data=form(page, **change)).text


def test_without_anything_known_ahead(web: httpx.Client, url: str) -> None:  # noqa: F811
    """A series that reads no such covariate says so."""
    httpx.post(f"{url}/forecast", json={"series": "site/b"}, trust_env=False).raise_for_status()
    assert "nothing can be supposed" in web.get("/whatif", params={"id": "site/b"}).text
    assert web.get("/whatif", params={"id": "nobody"}).status_code == 404


def test_a_note_is_kept_after_a_second_look(web: httpx.Client, conn: Connection) -> None:  # noqa: F811
    """Nothing is kept before the reader has seen it; then cleaning ignores the stretch, until it is taken back."""
    mine = f"SELECT count(*) FROM annotation WHERE unique_id = '{HERE}'"
    page = web.get("/notes", params={"id": HERE})
    hidden = {"form_token": field(page.text, "form_token"), "id": HERE}
    said = {"kind": "ignore", "starts_at": "2025-03-05T10:00", "ends_at": "2025-03-05T13:00"}
    seen = web.post("/notes", data={**hidden, **said, "note": "<script>flood</script>"})
    assert conn.execute(mine).fetchone() == (0,)
    assert "<script>flood" not in seen.text
    given = {n: field(seen.text, n) for n in ("kind", "starts_at", "ends_at", "withdrawn", "sure")}
    answer = web.post("/notes", data={**hidden, **given, "note": "flood"})
    assert answer.headers["location"].endswith("done=added")
    assert quality(conn) == ["ignored"] * 3
    listed = web.get("/notes", params={"id": HERE}).text
    assert "flood" in listed
    assert "flood" in web.get("/series", params={"id": HERE}).text
    back = listed[listed.index('name="kind" value="ignore"') :]
    taken = {n: field(back, n) for n in ("kind", "starts_at", "ends_at", "note", "withdrawn")}
    assert web.post("/notes", data={**hidden, **taken}).status_code == 200
    answer = web.post("/notes", data={**hidden, **taken, "sure": "1"})
    assert answer.headers["location"].endswith("done=withdrawn")
    assert quality(conn) == ["ok"] * 3
    assert conn.execute(mine).fetchone() == (2,)


def test_another_unit_is_noted_in_the_form(web: httpx.Client, conn: Connection) -> None:  # noqa: F811
    """The address fills the form; factor and offset are shown before they are kept, then listed; back as well."""
    query = {"id": HERE, "kind": "unit_changed", "starts_at": "2025-03-05T10:00", "factor": "0.5"}
    page = web.get("/notes", params=query).text
    assert 'required value="2025-03-05T10:00"' in page
    assert field(page, "factor") == "0.5"
    assert '<option value="unit_changed" selected>another unit</option>' in page
    hidden = {"form_token": field(page, "form_token"), "id": HERE}
    said = {n: query[n] for n in ("kind", "starts_at", "factor")} | {"offset": "-16"}
    seen = web.post("/notes", data={**hidden, **said}).text
    assert "until further notice" in seen
    sent = ("kind", "starts_at", "ends_at", "factor", "offset", "withdrawn", "sure")
    given = {n: field(seen, n) for n in sent}
    answer = web.post("/notes", data={**hidden, **given, "factor": "0"})
    assert answer.status_code == 422
    assert "a factor of zero" in answer.text
    assert (
        "desfaz a mudança"
        in web.post("/notes?lang=pt-BR", data={**hidden, **given, "factor": ""}).text
    )
    answer = web.post("/notes", data={**hidden, **given})
    assert answer.headers["location"].endswith("done=added")
    rows = prepared.read(conn, [HERE])
    own = rows[(rows["ds"] >= "2025-03-04T23:00Z") & rows["y_raw"].notna()]
    assert (own["y"] == 0.5 * own["y_raw"] - 16).all()
    listed = web.get("/notes", params={"id": HERE, "lang": "en"}).text
    assert "value = 0.5 × reading + (-16)" in listed
    assert "valor = 0,5 × leitura" in web.get("/series", params={"id": HERE, "lang": "pt-BR"}).text
    assert "until further notice" in web.get("/series", params={"id": HERE, "lang": "en"}).text
    back = listed[listed.index('name="kind" value="unit_changed"') :]
    taken = {n: field(back, n) for n in ("kind", "starts_at", "ends_at", "note", "withdrawn")}
    answer = web.post("/notes", data={**hidden, **taken, "sure": "1"})
    assert answer.headers["location"].endswith("done=withdrawn")
    rows = prepared.read(conn, [HERE])
    assert (rows["y"] == rows["y_raw"])[rows["quality"] == "ok"].all()


def quality(conn: Connection) -> list[str]:  # noqa: F811
    """What cleaning says of the three hours from 10:00 in Melbourne."""
    rows = prepared.read(conn, [HERE])
    mine = rows[rows["ds"].between("2025-03-04T23:00Z", "2025-03-05T01:00Z")]
    return list(mine["quality"])


def test_what_the_service_refuses_keeps_the_form(web: httpx.Client) -> None:
    """An end before its start is refused in the service's words, and what was typed stays."""
    page = web.get("/notes", params={"id": HERE})
    said = {"kind": "shutdown", "starts_at": "2025-03-05T10:00", "ends_at": "2025-03-05T09:00"}
    hidden = {"form_token": field(page.text, "form_token"), "id": HERE, "sure": "1"}
    answer = web.post("/notes", data={**hidden, **said})
    assert answer.status_code == 422
    assert "an end that is not after its start" in answer.text
    assert 'value="2025-03-05T09:00"' in answer.text
