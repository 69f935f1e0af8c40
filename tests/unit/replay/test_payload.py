"""Readings rendered as a source's topics declare them."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from horizonte.errors import ConfigFault
from horizonte.ingest.declaration import Source
from horizonte.ingest.feeds import Topic
from horizonte.replay import payload
from horizonte.replay.schedule import Message

DS = pd.Timestamp("2025-03-01T10:30:00Z")
SENT = Message(0.0, "s/k", DS, 2.5, 7)


def rule(topic: str = "site/+", **facts: object) -> Topic:
    return Topic.model_validate({"topic": topic, **facts})


@pytest.mark.parametrize(
    ("given", "key", "topic"),
    [
        (rule("site/+"), "k", "site/k"),
        (rule("site/+/sensor/+"), "a/b", "site/a/sensor/b"),
        (rule("site/+/sensor/+", series="{2}"), "b", "site/1/sensor/b"),
        (rule("site/+/sensor/+", series="{2}_{1}"), "b_a", "site/a/sensor/b"),
        (rule("site/#"), "a/b/c", "site/a/b/c"),
        (rule("one", series="k"), "k", "one"),
        (rule("one", id="id"), "any/thing", "one"),
        (rule("site/+", series="{1}.{1}"), "a.a", "site/a"),
        (rule("site/+"), "a/b", None),
        (rule("site/+/sensor/+"), "a", None),
        (rule("site/+", series="{1}.{1}"), "a.b", None),
        (rule("one", series="k"), "other", None),
        (rule("site/+"), "a+b", None),
    ],
)
def test_the_topic_gives_the_key(given: Topic, key: str, topic: str | None) -> None:
    """Wildcards are filled so that the rule's template gives the key, or there is no topic."""
    assert payload.topic_of(given, key) == topic


@pytest.mark.parametrize(
    ("facts", "body"),
    [
        ({}, {"ts": "2025-03-01T10:30:00Z", "value": 2.5}),
        ({"timestamp": None}, {"value": 2.5}),
        ({"timestamp_unit": "ms"}, {"ts": 1740825000000, "value": 2.5}),
        (
            {"value": "data.t.c", "timestamp": "data.at", "timestamp_unit": "s", "sequence": "n"},
            {"data": {"at": 1740825000, "t": {"c": 2.5}}, "n": 7},
        ),
        (
            {"readings": "all.of", "id": "who", "timestamp": "ts", "sequence": "n"},
            {"all": {"of": [{"who": "k", "ts": "2025-03-01T10:30:00Z", "value": 2.5}]}, "n": 7},
        ),
    ],
)
def test_json_has_its_parts_where_the_rule_looks(
    facts: dict[str, object], body: dict[str, object]
) -> None:
    """Value, time, id and sequence stand at the declared paths, in the declared unit."""
    assert json.loads(payload.render(rule(**facts), "k", [SENT])) == body


def test_a_number_is_the_bare_value() -> None:
    """A number payload is the value, in digits that read back as itself."""
    assert payload.render(rule(payload="number"), "k", [SENT]) == b"2.5"


def test_garbage_goes_out_as_it_is() -> None:
    """A message with raw bytes is these bytes, whatever the rule says."""
    bad = Message(0.0, "s/k", DS, 2.5, 7, b"\xff")
    assert payload.render(rule(), "k", [bad]) == b"\xff"


def test_every_series_needs_a_topic() -> None:
    """The first rule that can carry a key does; a key that none can is a ConfigFault."""
    topics = [{"topic": "one", "series": "a"}, {"topic": "site/+"}]
    facts = {"name": "s", "freq": "PT1H", "topics": topics}
    fits = Source.model_validate({**facts, "series": {"a": {}, "b": {}}})
    found = payload.addresses(fits)
    assert {uid: topic for uid, (_, topic, _) in found.items()} == {"s/a": "one", "s/b": "site/b"}
    with pytest.raises(ConfigFault, match="'c/d'"):
        payload.addresses(Source.model_validate({**facts, "series": {"c/d": {}}}))
