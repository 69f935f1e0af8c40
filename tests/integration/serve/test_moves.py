"""Going back: a rollback needs no training, and what serves then answers as it did before."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest

from horizonte.embedded.endpoints import S3Settings
from horizonte.errors import NotFound, StoreFault
from horizonte.retrain.publish import publish
from horizonte.serve import moves
from horizonte.store import promotions
from horizonte.store.connection import Connection, connect

pytestmark = pytest.mark.slow
PIN = pd.Timestamp("2025-02-14", tz="UTC")
ASKED = {"series": "site/a", "as_of": "2025-03-01T00:00:00Z", "levels": [50, 80, 90]}
Trained = Callable[[pd.Timestamp, Sequence[str]], Path]


def _serves(client: httpx.Client, version: str) -> None:
    began = time.monotonic()
    while client.get("/models/current").json().get("model_version") != version:
        assert time.monotonic() - began < 30
        time.sleep(0.05)


def _rows(client: httpx.Client) -> Any:
    answer = client.post("/forecast", json=ASKED)
    assert answer.status_code == 200, answer.text
    return answer.json()["forecasts"][0]["rows"]


def test_a_rollback_answers_bit_for_bit_as_before(
    client: httpx.Client, loaded: str, bucket: S3Settings, trained: Trained
) -> None:
    """The champion before serves again with equal rows; a second rollback goes further back."""
    with connect(loaded) as conn:
        first = publish(conn, trained(PIN, ("naive", "linear")), s3=bucket, why="first")
        _serves(client, first)
        before = _rows(client)
        second = publish(conn, trained(PIN, ("naive",)), s3=bucket, why="second")
        _serves(client, second)
        assert _rows(client) != before
        row = moves.rollback(conn, why="the second is worse", by="test")
        assert (row.sha256, row.previous, row.kind) == (first, second, "rollback")
        _serves(client, first)
        assert _rows(client) == before
        further = moves.rollback(conn, why="and further", by="test")
        assert further.sha256 not in (first, second)


def test_nothing_is_moved_without_a_place_to_go(conn: Connection) -> None:
    """Before any promotion there is nothing to go back to, and an unknown version is named."""
    with pytest.raises(NotFound, match=r"former champion.*--to, .*horizonte models list"):
        moves.rollback(conn, why="x", by="test")
    with pytest.raises(NotFound, match="feed"):
        moves.promote(conn, "feed", why="x", by="test")


def test_a_decision_about_another_champion_moves_nothing(
    conn: Connection, bucket: S3Settings, variant: Callable[[str], Path]
) -> None:
    """What beat a champion that serves no more is not promoted over the one that does."""
    old = publish(conn, variant("old"), s3=bucket, why="old")
    new = publish(conn, variant("new"), s3=bucket, why="new")
    with pytest.raises(StoreFault, match="champion"):
        publish(conn, variant("late"), s3=bucket, why="beat the old one", over=old)
    current = promotions.current_promotion(conn)
    assert current is not None
    assert current.sha256 == new


def test_the_pointer_is_moved_over_http(
    client: httpx.Client, conn: Connection, bucket: S3Settings, variant: Callable[[str], Path]
) -> None:
    """A version is promoted by its first digits, taken back, and the ledger keeps why and by whom."""
    first = publish(conn, variant("one"), s3=bucket, why="one")
    second = publish(conn, variant("two"), s3=bucket, why="two")
    said = client.post(f"/models/{first[:8]}/promote", json={"why": "the better one"})
    assert (said.status_code, said.json()["model_version"]) == (200, first)
    row = promotions.current_promotion(conn)
    assert row is not None
    assert (row.kind, row.previous, row.why) == ("promote", second, "the better one")
    assert (row.promoted_by, row.evidence) == ("service", {"by_hand": True})
    _serves(client, first)
    back = client.post("/models/rollback", json={"why": "it was not", "over": first}).json()
    assert (back["kind"], back["model_version"], back["previous"]) == ("rollback", second, first)
    named = client.post("/models/rollback", json={"why": "named", "to": first[:8]}).json()
    assert named["model_version"] == first


def test_what_may_not_be_moved_stays(
    client: httpx.Client, conn: Connection, bucket: S3Settings, variant: Callable[[str], Path]
) -> None:
    """The champion itself, a champion that is none any more, no reason and an unknown version."""
    old = publish(conn, variant("three"), s3=bucket, why="three")
    champion = publish(conn, variant("four"), s3=bucket, why="four")
    rows = len(promotions.promotions(conn))
    asked: list[tuple[str, dict[str, str], int, str]] = [
        (f"/models/{champion}/promote", {"why": "again"}, 409, "champion-moved"),
        (f"/models/{old}/promote", {"why": "late", "over": old}, 409, "champion-moved"),
        ("/models/rollback", {"why": "late", "over": old}, 409, "champion-moved"),
        (f"/models/{old}/promote", {"why": " "}, 422, "invalid-field"),
        ("/models/rollback", {}, 422, "invalid-field"),
        ("/models/feedfeed/promote", {"why": "x"}, 404, "not-found"),
    ]
    for path, body, status, slug in asked:
        answer = client.post(path, json=body)
        told = (answer.status_code, answer.json()["type"])
        assert told == (status, f"/problems/{slug}"), answer.text
    assert len(promotions.promotions(conn)) == rows


def test_a_fix_over_http_is_one_for_http(
    client: httpx.Client, conn: Connection, bucket: S3Settings, variant: Callable[[str], Path]
) -> None:
    """With nowhere further back to go, the body and the route are named, not the command line."""
    last = publish(conn, variant("five"), s3=bucket, why="five")
    for _ in range(len(promotions.promotions(conn))):
        answer = client.post("/models/rollback", json={"why": "back to the first"})
        if answer.status_code != 200:
            break
    moves.promote(conn, last, why="as it was", by="test")
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not-found")
    fix = answer.json()["fix"]
    assert fix == 'name another version: "to" in the body, with one of GET /models'


def test_where_no_key_is_asked_for_everything_is_granted(client: httpx.Client) -> None:
    """There is no key to name, and all scopes are open."""
    told = client.get("/keys/current").json()
    assert told == {
        "id": None,
        "scopes": ["read", "write", "admin"],
        "note": None,
        "expires_at": None,
    }
