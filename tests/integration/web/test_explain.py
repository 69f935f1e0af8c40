"""The explanation of a forecast, asked of a real service, beside what the database holds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest
from tests.integration.serve.conftest import (  # noqa: F401 (fixtures)
    home,
    load,
    loaded,
    model,
    url,
    world,
)
from tests.integration.web.conftest import beside

from horizonte.serve import run
from horizonte.store.connection import connect

pytestmark = pytest.mark.slow
NAME = "plant/load"


@pytest.fixture(scope="module")
def web(url: str, loaded: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:  # noqa: F811
    """The web app, on another host than the service as far as it can tell."""
    with beside(tmp_path_factory.mktemp("web"), database=loaded, service=url) as client:
        yield client


@pytest.fixture(scope="module")
def vintages(url: str, loaded: str, world: Any) -> tuple[pd.Series, pd.Series]:  # noqa: F811
    """Two live vintages six hours of readings apart, as the database holds their means."""
    from tests.integration.serve.conftest import _load

    asked = {"series": NAME}
    httpx.post(f"{url}/forecast", json=asked, timeout=60).raise_for_status()
    with connect(loaded) as conn:
        _load(conn, world.until("plant", world.end - pd.Timedelta(hours=18)))
    httpx.post(f"{url}/forecast", json=asked, timeout=60).raise_for_status()
    with connect(loaded) as conn:
        runs = conn.execute(
            "SELECT run_id FROM vintage WHERE unique_id = %s ORDER BY run_id", (NAME,)
        ).fetchall()
        old, new = (_means(conn, number) for (number,) in (runs[0], runs[-1]))
    return old, new


def _means(conn: Any, number: int) -> pd.Series:
    rows = conn.execute(
        "SELECT ds, mean FROM forecast WHERE unique_id = %s AND run_id = %s", (NAME, number)
    ).fetchall()
    return pd.Series(dict(rows))


def cells(text: str) -> dict[str, str]:
    """What each line of the tables adds, by its first cell."""
    found = re.findall(
        r"<tr><th scope=\"row\">(.*?)</th>.*?<td class=\"number\"[^>]*>(.*?)</td>", text, re.S
    )
    return dict(found)


def number(text: str) -> float:
    return float(text.split(maxsplit=1)[0].replace(",", ""))


def test_drivers_and_change_are_in_words_and_numbers(
    web: httpx.Client,
    url: str,  # noqa: F811
    vintages: tuple[pd.Series, pd.Series],
) -> None:
    """Mean and move are those of the stored vintages; each driver's effect is the service's, with its word."""
    old, new = vintages
    page = web.get("/series/explain", params={"id": NAME})
    assert page.status_code == 200, page.text
    averages = re.search(r"The forecast averages ([\d.,]+) MW", page.text)
    assert averages
    assert number(averages[1]) == pytest.approx(new.mean(), abs=0.06)
    told = httpx.get(f"{url}/explain/{NAME}", timeout=60).json()
    shown = cells(page.text)
    day = next(one for one in told["drivers"] if one["kind"] == "last_day")
    assert number(shown["Readings of the last day"]) == pytest.approx(
        day["effect"]["mean"], abs=0.06
    )
    shared = old.index.intersection(new.index)
    assert len(shared) == 12  # half-hours of six hours
    moved = re.search(r"over the 12 instants that both forecast moved by (\S+) MW", page.text)
    assert moved
    assert number(moved[1]) == pytest.approx((new - old)[shared].mean(), abs=0.006)
    portuguese = web.get("/series/explain", params={"id": NAME, "lang": "pt-BR"}).text
    assert "Leituras do último dia" in portuguese


def test_what_the_service_refuses_is_said(web: httpx.Client) -> None:
    """A covariate has no forecast: the service's own reason, and the way back."""
    page = web.get("/series/explain", params={"id": "site/temperature"})
    assert page.status_code == 404
    assert "does not explain" in page.text
    assert "ask for a target that reads it" in page.text


def test_health_names_the_version_that_serves(web: httpx.Client, loaded: str) -> None:  # noqa: F811
    """What the service says of itself is the promotion on record."""
    with connect(loaded) as conn:
        row = conn.execute("SELECT sha256 FROM promotion ORDER BY id DESC LIMIT 1").fetchone()
    assert row is not None
    assert f"model {row[0][:12]}." in web.get("/health").text


def test_without_the_service_the_series_stays(web: httpx.Client, home: Path) -> None:  # noqa: F811
    """Its page shows all that is stored; the explanation and health say what is missing."""
    run.stop()
    explained = web.get("/series/explain", params={"id": NAME})
    assert explained.status_code == 503
    assert "The forecast service does not answer" in explained.text
    assert web.get("/series", params={"id": NAME}).status_code == 200
    assert "horizonte serve" in web.get("/health").text
