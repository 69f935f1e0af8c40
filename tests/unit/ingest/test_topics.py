"""Topics: wildcards mean what MQTT says they mean, and a topic can only name what it should."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from horizonte.ingest.feeds import Topic
from horizonte.ingest.sources import Source
from horizonte.ingest.topics import KNOWN_TOPICS, Router, pattern

paho = pytest.importorskip("paho.mqtt.client")


def router(*topics: dict[str, Any], **more: Any) -> Router:
    made = {"name": "s", "freq": "PT1M", "series": {"a": {}}, "topics": topics, **more}
    return Router([Source.model_validate(made)])


def key(topic: str, *rules: dict[str, Any]) -> str | None:
    match = router(*rules).match(topic)
    return match.key if match else "nothing"


@pytest.mark.parametrize(
    ("rule", "topic", "fits"),
    [
        ("a/b", "a/b", True),
        ("a/b", "a/b/", False),
        ("a/b", "A/b", False),
        ("a/+", "a/b", True),
        ("a/+", "a/", True),
        ("a/+", "a", False),
        ("a/+", "a/b/c", False),
        ("+/+", "/b", True),
        ("+", "/b", False),
        ("a/#", "a", True),
        ("a/#", "a/", True),
        ("a/#", "a/b/c", True),
        ("a/#", "ab", False),
        ("a/+/#", "a/b", True),
        ("#", "a/b", True),
        ("#", "/", True),
        ("#", "$SYS/broker/load", False),
        ("+/broker/load", "$SYS/broker/load", False),
        ("a.c", "abc", False),
        ("a/+/c", "a/x\ny/c", True),
        ("a/(b)", "a/(b)", True),
    ],
)
def test_wildcards(rule: str, topic: str, fits: bool) -> None:
    """+ is one level, also an empty one; # is the rest and its parent; neither means $ topics."""
    made = router({"topic": rule, "series": "a"})
    assert (made.match(topic) is not None) == fits
    assert paho.topic_matches_sub(rule, topic) == fits


level = st.sampled_from(["", "a", "b", "+"])


@given(
    rule=st.lists(level, min_size=1, max_size=4),
    rest=st.booleans(),
    topic=st.lists(st.sampled_from(["", "a", "b", "$x", "a\n", "ä"]), min_size=1, max_size=5),
)
def test_they_agree_with_the_client(rule: list[str], rest: bool, topic: list[str]) -> None:
    """Matching agrees with paho's own for every filter and topic."""
    name, text = "/".join([*rule, "#"] if rest else rule), "/".join(topic)
    if not name or not text or text.startswith("$"):
        return
    assert (re.fullmatch(pattern(name), text) is not None) == paho.topic_matches_sub(name, text)


def test_keys() -> None:
    """A key is made of the wildcards: by its template, else all of them joined by /."""
    assert key("site/7/sensor/t", {"topic": "site/+/sensor/+"}) == "7/t"
    assert key("site/7/sensor/t", {"topic": "site/+/sensor/+", "series": "{2}_{1}"}) == "t_7"
    assert key("x/7/8/9", {"topic": "x/#"}) == "7/8/9"
    assert key("x", {"topic": "x/#"}) == ""
    assert key("x/7", {"topic": "x/+", "series": "", "id": "id"}) is None
    assert key("x/{2}/b", {"topic": "x/+/+", "series": "{1}-{2}"}) == "{2}-b"
    assert key("x/\\1/b", {"topic": "x/+/+"}) == "\\1/b"


def test_the_first_rule_reads() -> None:
    """Of several rules that fit, the first declared one reads the message."""
    rules = {"topic": "a/b", "series": "one"}, {"topic": "a/+", "series": "two"}
    assert (key("a/b", *rules), key("a/c", *rules), key("b/c", *rules)) == ("one", "two", "nothing")
    assert router(*rules, rules[0]).filters == ["a/b", "a/+"]


@pytest.mark.parametrize(
    "topic", ["", "a+", "+a/b", "a/#/b", "#a", "a#", "$SYS/#", "$share/g/a", "a\x00"]
)
def test_filters_that_are_none(topic: str) -> None:
    """What MQTT does not allow as a filter, and what belongs to the broker, cannot be declared."""
    with pytest.raises(ValidationError, match="topic filter"):
        Topic(topic=topic, series="a")


@pytest.mark.parametrize(
    "facts", [{"topic": "a/+", "series": "{2}"}, {"topic": "a", "series": "{1}"}, {"topic": "a"}]
)
def test_templates_name_what_is_there(facts: dict[str, str]) -> None:
    """A template names wildcards of its filter only, and something must name the series."""
    with pytest.raises(ValidationError):
        Topic.model_validate(facts)


@given(topic=st.text(min_size=1))
def test_hostile_topics(topic: str) -> None:
    """Any text is matched without an error, and its key is nothing but what the wildcards hold."""
    match = router({"topic": "#"}).match(topic)
    assert match is None if topic.startswith("$") else match and match.key == topic


def test_a_flood_of_topics_is_forgotten() -> None:
    """However many topics come, the memory of matches stays bounded."""
    made = router({"topic": "a/+"})
    for number in range(KNOWN_TOPICS + 100):
        made.match(f"a/{number}")
    assert made.match.cache_info().currsize == KNOWN_TOPICS
