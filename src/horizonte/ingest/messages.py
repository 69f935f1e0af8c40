"""From one message to raw readings: which series, which texts or numbers; nothing is guessed."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from operator import itemgetter
from typing import Any, NamedTuple

import orjson

from horizonte.ingest.feeds import Topic

MAX_BYTES = 1 << 20  # of a message; brokers allow 256 MiB, readings need a few hundred bytes
MAX_READINGS = 10_000  # of one message
NO_FIELD: Any = object()


class Raw(NamedTuple):
    """One reading as it came: the key of its series, and what stood for value and time."""

    key: object
    value: object
    timestamp: object  # None: it has no time of its own


class Columns(NamedTuple):
    """Many raw readings side by side: many small tuples would cost more than what is in them."""

    keys: list[Any]
    values: list[Any]
    timestamps: list[Any]

    @classmethod
    def of(cls, raws: Iterable[Raw]) -> Columns:
        """Return ``raws`` as columns."""
        return cls(*map(list, zip(*raws, strict=True))) if (raws := list(raws)) else cls([], [], [])


class Refused(Exception):
    """A message that cannot be read as its rule says: the value, why, and what would help."""

    def __init__(self, value: object, reason: str, fix: str) -> None:
        super().__init__(value, reason, fix)
        self.value, self.reason, self.fix = value, reason, fix


def opened(payload: bytes, rule: Topic) -> Any:
    """Return the body of a message, JSON or the text of a number; raise Refused for what is neither."""
    if len(payload) > MAX_BYTES:
        fix = f"send at most {MAX_BYTES:,} bytes a message"
        raise Refused(payload[:64], f"a message of {len(payload):,} bytes", fix)
    return _text(payload).strip() if rule.payload == "number" else parsed(payload)


def sequence(body: Any, path: str) -> object:
    """Return the number of the message: beside its readings, or in the first of a bare array."""
    return at(body[0] if type(body) is list and body else body, path)


def readings(body: Any, rule: Topic) -> list[Any]:
    """Return the nodes of ``body``, a reading each; raise Refused when it is not as ``rule`` says.

    A bare number stands where its rule looks for the value. ``columns`` takes the nodes apart.
    """
    if rule.payload == "number":
        return [body]
    found = _inside(body, rule)
    if len(found) > MAX_READINGS:
        why = f"{len(found):,} readings in a message"
        raise Refused(rule.readings, why, f"send at most {MAX_READINGS:,}")
    return found


def columns(nodes: list[Any], keys: list[Any], rule: Topic) -> Columns:
    """Return what the ``nodes`` of one rule say; ``keys`` are those of their topics."""
    nothing: list[Any] = [None] * len(nodes)
    if rule.payload == "number":
        return Columns(keys, nodes, nothing)
    return Columns(
        _column(nodes, rule.id, NO_FIELD) if rule.id else keys,
        _column(nodes, rule.value, NO_FIELD),
        _column(nodes, rule.timestamp, None) if rule.timestamp else nothing,
    )


def parsed(payload: bytes) -> Any:
    """Return ``payload`` as JSON; raise Refused for what is none, NaN and Infinity included.

    Whole numbers beyond 64 bits may come back as reals, as they do from other parsers.
    """
    try:
        return orjson.loads(payload)
    except (ValueError, RecursionError):
        return _slowly(_text(payload))


def _slowly(text: str) -> Any:
    """Return what is JSON only to Python (1e400, half characters), or say why it is none."""
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


def _inside(node: Any, rule: Topic) -> list[Any]:
    if rule.readings is not None:
        node = at(node, rule.readings)
        if not isinstance(node, list):
            raise Refused(
                rule.readings, "no array of readings there", "correct readings in the mapping"
            )
    found = node if isinstance(node, list) else [node]
    if len(found) == 1 and not isinstance(found[0], dict) and rule.bare:
        return [{rule.value: found[0]}]
    return found


def _column(nodes: list[Any], path: str, absent: object) -> list[Any]:
    if "." not in path:
        with suppress(KeyError, TypeError):  # the usual case: every reading is whole
            return list(map(itemgetter(path), nodes))
        return [n.get(path, absent) if type(n) is dict else absent for n in nodes]
    return [absent if (found := at(n, path)) is NO_FIELD else found for n in nodes]
