"""Pages of an endpoint: whatever an endpoint sends, readings or one fault that says why."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from horizonte.errors import ConfigFault, DataFault
from horizonte.ingest import fetch, pages
from horizonte.ingest.fetch import Page
from horizonte.ingest.sources import Source

URL = "https://api.test/d"
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


def source(**endpoint: Any) -> Source:
    asked = {"url": URL, **endpoint}
    return Source.model_validate(
        {"name": "s", "freq": "PT1H", "series": {"a": {}}, "endpoint": asked}
    )


def page(body: bytes, **headers: str) -> Page:
    return Page(200, body, httpx.Headers(headers))


@given(
    body=st.binary() | ANYTHING.map(lambda v: json.dumps(v).encode()),
    fmt=st.sampled_from(["json", "csv"]),
)
def test_any_body_is_readings_or_a_fault(body: bytes, fmt: str) -> None:
    """No body makes anything but readings, each with its place, or a DataFault."""
    try:
        found = pages.read(page(body), URL, source(format=fmt, timestamp="t", id="i"))
    except DataFault:
        return
    assert len(found.places) == len(found.raws)


@given(link=st.text(max_size=40))
def test_no_link_leads_to_another_server(link: str) -> None:
    """Whatever stands in the next field, the next URL is of the same scheme, host and port."""
    body = json.dumps({"n": link}).encode()
    try:
        following = pages.read(page(body), URL, source(next="n")).next
    except DataFault:
        return
    assert following is None or following.startswith("https://api.test")


@pytest.mark.parametrize(("header", "following"), [
    ('</d?p=2>; rel="next"', "https://api.test/d?p=2"),
    ('</d?p=1>; rel="prev", </d?p=2>; rel=next', "https://api.test/d?p=2"),
    ('</d?p=1>; rel="prev"', None), ("", None), ("<", None),
])  # fmt: skip
def test_the_link_header_names_the_next_page(header: str, following: str | None) -> None:
    """Of the Link header only rel=next counts."""
    assert pages.read(page(b"[]", link=header), URL, source()).next == following


def test_a_missing_time_is_not_the_time_of_arrival() -> None:
    """Only timestamp: null stamps readings; where a time is declared, its absence is kept as one."""
    assert pages.read(page(b'[{"value": 1}]'), URL, source()).raws[0].timestamp == ""
    assert (
        pages.read(page(b'[{"value": 1}]'), URL, source(timestamp=None)).raws[0].timestamp is None
    )


@pytest.mark.parametrize(("url", "told"), [
    ("http://u:p@h:8/a/b?token=x#f", "http://h:8/a/b"), ("https://h/", "https://h/"),
])  # fmt: skip
def test_an_address_is_shown_without_its_secrets(url: str, told: str) -> None:
    """User, password, query and fragment are left out."""
    assert fetch.shown(url) == told


def test_headers_take_names_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each $NAME is replaced; one that is not set is named in the fault."""
    monkeypatch.setenv("ONE_1", "x y")
    monkeypatch.delenv("TWO", raising=False)
    assert fetch.headers_of({"A": "Bearer $ONE_1", "B": "plain"}) == {
        "A": "Bearer x y",
        "B": "plain",
    }
    with pytest.raises(ConfigFault, match="TWO"):
        fetch.headers_of({"A": "$TWO"})
