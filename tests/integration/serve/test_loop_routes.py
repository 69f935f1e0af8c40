"""The loop over HTTP: a request is queued for the worker, and the ledger is told as it stands."""

from __future__ import annotations

import httpx
import pytest

from horizonte.store import retrainings
from horizonte.store.connection import Connection


def test_a_request_waits_for_the_worker(client: httpx.Client, conn: Connection) -> None:
    """POST /retrain answers 202 with the place where its progress is told, step by step."""
    answer = client.post("/retrain", json={"why": "a new boiler"})
    assert answer.status_code == 202
    made = answer.json()
    assert (made["action"], made["state"], made["why"]) == ("retrain", "waiting", "a new boiler")
    retrainings.record(conn, made["run_id"], "started", {"again": 0})
    told = client.get(answer.headers["location"]).json()
    assert (told["state"], told["steps"][0]["detail"]) == ("started", {"again": 0})
    assert client.get("/retrainings").json()["retrainings"][0]["run_id"] == made["run_id"]


def test_pages_go_back_in_time(client: httpx.Client) -> None:
    """The cursor leads to older requests, none twice."""
    made = [client.post("/retrain", json={"why": f"{i}"}).json()["run_id"] for i in range(3)]
    first = client.get("/retrainings", params={"limit": 2}).json()
    second = client.get("/retrainings", params={"limit": 2, "cursor": first["next"]}).json()
    numbers = [r["run_id"] for r in first["retrainings"] + second["retrainings"]]
    assert numbers[:3] == made[::-1]
    assert len(set(numbers)) == len(numbers)


def test_bad_requests_are_named(client: httpx.Client) -> None:
    """No reason, an unknown action, a field too many and an unknown number are problems."""
    bad: list[tuple[str, dict[str, str], str, str]] = [
        ("/retrain", {"why": "x", "action": "forget"}, "action", "change action; see /docs")
    ]
    for path in ("/retrain", "/models/rollback", "/models/3f0c9a51/promote"):
        bad += [
            (path, {}, "why", "add why"),
            (path, {"why": " "}, "why", "change why; see /docs"),
            (path, {"why": "x", "by": "me"}, "by", "remove by; /docs lists the fields"),
        ]
    for path, body, field, fix in bad:
        answer = client.post(path, json=body)
        assert answer.status_code == 422, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert (answer.json()["field"], answer.json()["fix"]) == (field, fix)
    for path in ("/retrainings/999999", "/verdicts/999999"):
        assert client.get(path).json()["type"] == "/problems/not-found"


@pytest.mark.parametrize("path", ["/retrain", "/models/rollback", "/forecast"])
def test_a_body_that_is_no_json_is_sent_to_the_examples(client: httpx.Client, path: str) -> None:
    """The hint fits whatever address was asked: an example of one would mislead at the others."""
    answer = client.post(path, content=b"{", headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/malformed-json")
    assert "/docs shows an example" in answer.json()["fix"]


def test_raised_alarms_are_told_until_they_are_cleared(
    client: httpx.Client, conn: Connection
) -> None:
    """The last row of a name and thing counts."""
    for state, count in (("raised", 1), ("cleared", 0)):
        conn.execute(
            """INSERT INTO alarm (name, thing, state, sentence_en, sentence_pt)
               VALUES ('no readings', 'site', %s, 'Silent.', 'Silêncio.')""",
            (state,),
        )
        found = client.get("/alarms").json()["alarms"]
        assert len([a for a in found if a["thing"] == "site"]) == count
