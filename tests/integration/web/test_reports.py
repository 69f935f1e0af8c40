"""Reports as a browser gets them: newest first, from bucket and folder, in a sandbox, and no other file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.integration.web.conftest import END, running

from horizonte.config import Settings
from horizonte.embedded.endpoints import S3Settings
from horizonte.serve.bucket import Bucket
from horizonte.store import verdicts
from horizonte.store.connection import connect
from horizonte.web.reports import MOST_BYTES, Reports

Get = Callable[..., str]
DATES = ("2026-01-12/9", "2026-01-12/10", "2026-01-13", "2026-01-14")  # with a look, or without
PAGE = b'<html><head><title>r</title></head><body><a href="inputs.html">inputs</a></body></html>'


def verdict(day: str) -> dict[str, Any]:
    """The columns of a verdict of ``day`` (or a look of one), whose sentences name it."""
    return {
        "model_version": "m" * 64,
        "as_of": END,
        "action": "keep",
        "triggers": [],
        "brakes": [],
        "sentence_en": f"All was well on {day}.",
        "sentence_pt": f"Tudo bem em {day}.",
        "evidence": {},
        "policy": {},
        "report": f"reports/monitoring/{day}/index.html",
    }


@pytest.fixture(scope="module")
def web(
    database_url: str, bucket: S3Settings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    """The web app; two monitorings and a training lie in the bucket, another training on its host."""
    folder = tmp_path_factory.mktemp("web")
    with connect(database_url) as conn:
        for day in DATES:
            verdicts.add(conn, verdict(day), drifts=[], findings=[])
    away = Bucket.of(bucket)
    names = [f"monitoring/{day}/{page}.html" for day in DATES for page in ("index", "inputs")]
    names.append("monitoring/2026-01-12/index.html")  # the list of its looks
    for name in (*names, f"training/{'a' * 64}/notebooks/train.html"):
        away.put(f"reports/{name}", PAGE, "text/html")
    away.put("reports/monitoring/2026-01-14/quality.html", b"x" * (MOST_BYTES + 1), "text/html")
    away.put("models/card.html", b"a model's secret", "text/html")
    local = folder / "data/reports/notebooks"
    local.mkdir(parents=True)
    (local / "clean.html").write_bytes(PAGE + b"of this host")
    (folder / "secret.html").write_text("a secret of this host")
    (local / "linked.html").symlink_to(folder / "secret.html")
    env = {"HORIZONTE_DATABASE": database_url, "HORIZONTE_S3": bucket.url()}
    with running(folder, HORIZONTE_MQTT="mqtt://127.0.0.1:1", **env) as client:
        yield client


def test_the_newest_monitoring_comes_first_with_its_sentence(page: Get) -> None:
    """In the reader's language, above the pages that were written of it."""
    english, portuguese = page("/reports"), page("/reports?lang=pt-BR")
    said = re.findall(r"All was well on (\S+)\.", english)
    assert said == list(reversed(DATES))
    assert re.findall(r"Tudo bem em (\S+)\.", portuguese) == said
    assert "14 de janeiro de 2026" in portuguese
    assert f'href="/reports/monitoring/{DATES[-1]}/inputs.html"' in english
    assert "residuals.html" not in english  # nobody wrote one


def test_looks_of_a_date_have_pages_and_verdicts_of_their_own(page: Get, web: httpx.Client) -> None:
    """Each is named, with its sentence and a link to its verdict; the list of the date is no look."""
    both = page("/reports")
    for number, other in ((9, 10), (10, 9)):
        path = f"/reports/monitoring/2026-01-12/{number}/index.html"
        assert f'href="{path}"' in both
        text = page(path)
        assert f"look {number}" in text
        assert f"All was well on 2026-01-12/{number}." in text
        assert f"All was well on 2026-01-12/{other}." not in text
        assert f'href="/reports/monitoring/2026-01-12/{number}/inputs.html"' in text
        assert re.search(r'href="/models/verdicts/\d+">Verdict', text)
    assert "exame 10" in page(path + "?lang=pt-BR")
    listed = "/reports/monitoring/2026-01-12/index.html"
    assert f'href="{listed}"' not in both
    assert web.get(listed).status_code == 200


def test_trainings_of_this_host_and_of_the_bucket(page: Get, web: httpx.Client) -> None:
    """Both are listed, and each page is what was written."""
    text = page("/reports")
    assert "/reports/training/here/notebooks/clean.html" in text
    assert "Model aaaaaaaaaaaa" in text
    bare = web.get("/reports/training/here/notebooks/clean.html?bare=1")
    assert bare.text.endswith("of this host")


def test_a_report_is_shown_in_a_sandbox(page: Get, web: httpx.Client) -> None:
    """Frame and answer both forbid it an origin and the network; its links open framed pages."""
    path = f"/reports/monitoring/{DATES[-1]}/index.html"
    text = page(path)
    frame = re.search(r"<iframe[^>]*>", text)
    assert frame
    assert 'sandbox="allow-scripts allow-top-navigation-by-user-activation"' in frame[0]
    assert f'src="{path}?bare=1"' in frame[0]
    assert f"All was well on {DATES[-1]}." in text
    bare = web.get(path, params={"bare": "1"})
    policy = bare.headers["content-security-policy"]
    assert policy.startswith("sandbox allow-scripts")
    assert "allow-same-origin" not in policy
    assert "default-src 'none'" in policy
    assert "connect-src" not in policy  # so default-src holds
    assert '<a target="_top" href="inputs.html">' in bare.text


@pytest.mark.parametrize(
    "name",
    [
        "../../params.yaml",
        "%2e%2e/%2e%2e/secret.html",
        "training/here/../../../secret.html",
        "training/here/%2e%2e/%2e%2e/%2e%2e/secret.html",
        "training/here/..%2f..%2f..%2fsecret.html",
        "training/here/notebooks/linked.html",
        "monitoring/%2e%2e/card.html",
        "monitoring/2026-01-14/index.html%00.html",
        "%2fetc%2fpasswd",
        "models/card.html",
        "monitoring/2026-01-14/nothing.html",
    ],
)
def test_no_other_file_is_a_report(web: httpx.Client, name: str) -> None:
    """A name that leads out of the reports, by dots, links or another prefix, is not found."""
    for query in ("", "?bare=1"):
        answer = web.get(f"/reports/{name}{query}")
        assert answer.status_code == 404, answer.text
        assert "secret of this host" not in answer.text
        assert "a model" not in answer.text


def test_a_huge_page_is_not_shown(web: httpx.Client) -> None:
    """One beyond the bound is refused rather than read into memory."""
    path = f"/reports/monitoring/{DATES[-1]}/quality.html"
    assert web.get(path, params={"bare": "1"}).status_code == 404


def test_links_to_all_dates_lead_to_the_list(web: httpx.Client) -> None:
    """The index that lies in the bucket is the list of reports here."""
    answer = web.get("/reports/monitoring/index.html")
    assert (answer.status_code, answer.headers["location"]) == (307, "/reports")


def test_of_the_bucket_only_dates_that_are_shown_are_listed(
    web: httpx.Client, bucket: S3Settings
) -> None:
    """From a date on, that date and all of its looks with it."""
    entries = Reports(Settings(s3=bucket.url()), None).away("monitoring/", since="2026-01-13")
    found = {entry.name for entry in entries}
    assert min(found) >= "monitoring/2026-01-13"
    own = {name for name in found if name < "monitoring/2026-01-15"}  # other tests have later ones
    assert own == {
        f"monitoring/{day}/{page}.html" for day in DATES[2:] for page in ("index", "inputs")
    } | {"monitoring/2026-01-14/quality.html"}


def test_looks_of_the_first_date_are_listed_too(web: httpx.Client, bucket: S3Settings) -> None:
    """Those of a date with folders are not left out by a server that starts after the date."""
    entries = Reports(Settings(s3=bucket.url()), None).away("monitoring/", since="2026-01-12")
    assert len([one for one in entries if one.name.startswith("monitoring/2026-01-12/")]) == 5


def test_without_the_bucket_the_rest_is_shown(database_url: str, tmp_path: Path) -> None:
    """Sentences come from the database, pages of this host from its folder, and what is missing is named."""
    local = tmp_path / "data/reports/monitoring/2026-01-14"
    local.mkdir(parents=True)
    (local / "index.html").write_bytes(PAGE)
    env = {"HORIZONTE_DATABASE": database_url, "HORIZONTE_S3": "http://k:s@127.0.0.1:1/none"}
    with running(tmp_path, HORIZONTE_MQTT="mqtt://127.0.0.1:1", **env) as client:
        text = client.get("/reports").text
        assert "The bucket does not answer" in text
        assert f"All was well on {DATES[0]}." in text
        assert client.get("/reports/monitoring/2026-01-14/index.html").status_code == 200
        gone = client.get("/reports/monitoring/2026-01-13/index.html")
        assert gone.status_code == 503
        assert "The bucket does not answer" in gone.text
