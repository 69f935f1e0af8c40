"""From one message to raw readings: which series, which texts or numbers; nothing is guessed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from horizonte.ingest.feeds import Topic

MAX_BYTES = 1 << 20  # of a message; brokers allow 256 MiB, readings need a few hundred bytes
MAX_READINGS = 10_000  # of one message
NO_FIELD: Any = object()


class Raw(NamedTuple):
    """One reading as it came: the key of its series, and what stood for value, time, sequence."""

    key: object
    value: object
    timestamp: object  # None: it has no time of its own
    sequence: object


class Refused(Exception):
    """A message that cannot be read as its rule says: the value, why, and what would help."""

    def __init__(self, value: object, reason: str, fix: str) -> None:
        super().__init__(value, reason, fix)
        self.value, self.reason, self.fix = value, reason, fix


def readings(payload: bytes, rule: Topic, key: str | None) -> list[Raw]:
    """Return the raw readings of ``payload``; raise Refused when it is not what ``rule`` says."""
    if len(payload) > MAX_BYTES:
        fix = f"send at most {MAX_BYTES:,} bytes a message"
        raise Refused(payload[:64], f"a message of {len(payload):,} bytes", fix)
    text = _text(payload)
    if rule.payload == "number":
        return [Raw(key, text.strip(), None, None)]
    found = _inside(parsed(text), rule)
    if len(found) > MAX_READINGS:
        raise Refused(
            text[:64], f"{len(found):,} readings in a message", f"send at most {MAX_READINGS:,}"
        )
    return list(_raw(found, rule, key))


def parsed(text: str) -> Any:
    """Return ``text`` as JSON; raise Refused for what is none, NaN and Infinity included."""
    try:
        return _DECODER.decode(text)
    except RecursionError:
        raise Refused(text[:64], "JSON nested too deeply", "send flat readings") from None
    except ValueError as why:
        raise Refused(
            text[:64], f"not JSON ({why})"[:200], "send JSON, or declare number"
        ) from None


def at(node: object, path: str) -> object:
    """Return what stands at the dotted ``path`` inside ``node``; NO_FIELD where nothing does."""
    for name in path.split(".") if "." in path else (path,):
        node = node.get(name, NO_FIELD) if type(node) is dict else NO_FIELD
    return node


def _text(payload: bytes) -> str:
    try:
        return payload.decode("utf-8")
    except UnicodeDecodeError as why:
        raise Refused(payload[:64], f"not UTF-8 ({why.reason})", "send UTF-8 text") from None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


_DECODER = json.JSONDecoder(parse_constant=_no_constant)  # json.loads would build one a message


def _inside(node: object, rule: Topic) -> list[object]:
    if rule.readings is not None:
        node = at(node, rule.readings)
        if not isinstance(node, list):
            raise Refused(
                rule.readings, "no array of readings there", "correct readings in the mapping"
            )
    return node if isinstance(node, list) else [node]


def _raw(found: list[object], rule: Topic, key: str | None) -> Iterator[Raw]:
    bare = rule.readings is None and rule.id is None and len(found) == 1
    for node in found:
        if bare and not isinstance(node, dict) and rule.value == "value":
            yield Raw(key, node, None, None)  # a bare number is JSON too
            continue
        own = at(node, rule.id) if rule.id else key
        stamp = at(node, rule.timestamp) if rule.timestamp else None
        sequence = at(node, rule.sequence) if rule.sequence else None
        yield Raw(
            own,
            at(node, rule.value),
            None if stamp is NO_FIELD else stamp,
            None if sequence is NO_FIELD else sequence,
        )
