"""From a topic to the source, the rule and the key of the series that it stands for."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from horizonte.ingest.feeds import Topic
from horizonte.ingest.sources import Source

KNOWN_TOPICS = 65_536  # remembered matches; a flood of hostile topics cannot take more


class Match(NamedTuple):
    """Whose message this is, how it is read, and the key that its topic names (or None)."""

    source: Source
    rule: Topic
    key: str | None


class Router:
    """The topics of all sources; the first that fits a message, in their order, reads it."""

    def __init__(self, sources: Iterable[Source]) -> None:
        self._rules = [(s, t, re.compile(pattern(t.topic))) for s in sources for t in s.topics]
        self.match = lru_cache(KNOWN_TOPICS)(self._match)

    @property
    def filters(self) -> list[str]:
        """Return every filter to subscribe to, once."""
        return list(dict.fromkeys(rule.topic for _, rule, _ in self._rules))

    def _match(self, topic: str) -> Match | None:
        if topic.startswith("$"):  # the broker's own: wildcards do not mean them
            return None
        for source, rule, fits in self._rules:
            if found := fits.fullmatch(topic):
                return Match(source, rule, _key(rule.template, found.groups()))
        return None


def pattern(topic: str) -> str:
    """Return the regular expression of a topic filter: a group for every wildcard."""
    kinds = {"+": "([^/]*)", "#": "(.*)"}
    levels = [kinds.get(level, re.escape(level)) for level in topic.split("/")]
    text = "/".join(levels)
    return (
        f"(?s:{text.removesuffix('/(.*)')}(?:/(.*))?)" if text.endswith("/(.*)") else f"(?s:{text})"
    )


def _key(template: str, found: tuple[str | None, ...]) -> str | None:
    if not template:
        return None
    return re.sub(r"\{(\d+)\}", lambda at: found[int(at[1]) - 1] or "", template)
