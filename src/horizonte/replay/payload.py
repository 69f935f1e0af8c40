"""Readings as messages: the inverse of what a source declares about its topics."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

import pandas as pd

from horizonte.errors import ConfigFault
from horizonte.ingest.declaration import Source
from horizonte.ingest.feeds import Endpoint, Topic
from horizonte.replay.schedule import Message

NANOSECONDS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
# What fills a wildcard that does not name the series.
ANY = "1"


def addresses(source: Source) -> dict[str, tuple[Topic, str, str]]:
    """Return for each unique_id the rule that carries it, its topic and its key.

    Raises ConfigFault when no topic of the source can carry one of its series.
    """
    found = {}
    for key in source.series:
        fits = ((rule, topic_of(rule, key), key) for rule in source.topics)
        first = next(((rule, topic, key) for rule, topic, key in fits if topic is not None), None)
        if first is None:
            raise ConfigFault(
                f"{source.name}.topics",
                [rule.topic for rule in source.topics],
                f"able to carry series {key!r}",
                "declare a topic whose wildcards, or whose id, give that key",
            )
        found[source.unique_id(key)] = first
    return found


def topic_of(rule: Topic, key: str) -> str | None:
    """Return the topic on which the rule reads series ``key``, or None when there is none."""
    levels = rule.topic.split("/")
    wild = [level for level in levels if level in ("+", "#")]
    fills = {} if rule.id else _fills(rule.template, key, wild)
    if fills is None:
        return None
    numbered = iter(range(1, len(wild) + 1))
    return "/".join(fills.get(next(numbered), ANY) if lv in ("+", "#") else lv for lv in levels)


def render(rule: Topic, key: str, messages: Iterable[Message]) -> bytes:
    """Return the payload that the rule reads as these readings of series ``key``.

    Several at once need a rule with ``readings``. A message's ``raw`` is returned as it is.
    """
    sent = list(messages)
    if sent[0].raw is not None:
        return sent[0].raw
    if rule.payload == "number":
        return repr(sent[0].y).encode()
    bodies = [reading(rule, key, message) for message in sent]
    body = bodies[0] if rule.readings is None else nested(rule.readings, bodies)
    if rule.sequence is not None:
        _put(body, rule.sequence, sent[0].sequence)
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()


def stamp(ds: pd.Timestamp, unit: str | None) -> str | int:
    """Return the instant as ISO 8601 text in UTC, or as a count of ``unit`` since 1970."""
    if unit is None:
        return ds.isoformat().replace("+00:00", "Z")
    return ds.value // NANOSECONDS[unit]


def reading(rule: Topic | Endpoint, key: str, message: Message) -> dict[str, Any]:
    """Return one reading of series ``key`` with its parts where the rule looks for them."""
    body: dict[str, Any] = {}
    if rule.id is not None:
        _put(body, rule.id, key)
    if rule.timestamp is not None:
        _put(body, rule.timestamp, stamp(message.ds, rule.timestamp_unit))
    _put(body, rule.value, message.y)
    return body


def nested(path: str, value: object) -> dict[str, Any]:
    """Return the object in which ``value`` stands at the dotted path."""
    body: dict[str, Any] = {}
    _put(body, path, value)
    return body


def _put(body: dict[str, Any], path: str, value: object) -> None:
    *folders, name = path.split(".")
    for folder in folders:
        body = body.setdefault(folder, {})
    body[name] = value


def _fills(template: str, key: str, wild: list[str]) -> dict[int, str] | None:
    pattern = ""
    for part in re.split(r"(\{\d+\})", template):
        place = re.fullmatch(r"\{(\d+)\}", part)
        if place is None:
            pattern += re.escape(part)
        elif f"(?P<w{place[1]}>" in pattern:
            pattern += f"(?P=w{place[1]})"
        else:
            level = r"[^+#]+" if wild[int(place[1]) - 1] == "#" else r"[^/+#]+"
            pattern += f"(?P<w{place[1]}>{level})"
    match = re.fullmatch(pattern, key)
    return None if match is None else {int(n[1:]): v for n, v in match.groupdict().items()}
