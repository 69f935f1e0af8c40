"""A batch of messages, committed as one: read by their rules, refused one by one where they are wrong."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import psycopg

from horizonte.ingest import live
from horizonte.ingest.feeds import Topic
from horizonte.ingest.gaps import Gaps
from horizonte.ingest.live import Accepted, Origin
from horizonte.ingest.messages import Columns, Refused, columns, opened, readings, sequence
from horizonte.ingest.resolve import typed
from horizonte.ingest.sources import Source
from horizonte.ingest.topics import Match, Router
from horizonte.store.connection import Connection

UNROUTED = "unrouted"  # the source of letters whose topic fits no rule any more
LETTER = ("topic", "payload", "arrived_at", "value", "reason", "fix")
ROWS = ("unique_id", "ds", "y", "stamped", "delivery_key")


Done = dict[str, tuple[pd.DataFrame, Accepted]]  # per source: its rows, and what became of them


class Message(NamedTuple):
    """One message as it came, and when, in nanoseconds since 1970."""

    topic: str
    payload: bytes
    arrived: int


class Understood(NamedTuple):
    """What the messages of one source say: rows as ``live.accept`` takes them, and letters."""

    source: Source
    rows: pd.DataFrame  # ROWS, and at: the place of its message
    letters: pd.DataFrame  # LETTER


class Intake:
    """Commits messages of the declared topics. Not for several threads at once."""

    def __init__(self, sources: Iterable[Source]) -> None:
        self.router, self.gaps = Router(sources), Gaps()
        self._declared: set[str] = set()

    def commit(self, conn: Connection, messages: Sequence[Message]) -> Done:
        """Store what ``messages`` say, and dead letters for what they do not; return by source.

        One transaction: after it every message may be acknowledged, before it none. Rows keep
        the order of the messages. Raises psycopg's errors, with nothing stored.
        """
        done: Done = {}
        with conn.transaction():
            for part in self.understood(messages):
                origin = Origin("stream", "mqtt", part.source, _latest(messages), messages)
                if part.source.name not in self._declared and part.source.topics:
                    live.declare(conn, part.source)
                accepted = live.accept(conn, part.rows, part.letters, origin=origin, each=False)
                done[part.source.name] = part.rows, accepted
        self._declared |= set(done)
        return done

    def commit_each(self, conn: Connection, messages: Sequence[Message]) -> Done:
        """Commit in halves; what cannot be stored even alone becomes a dead letter.

        The way out of a batch that cannot be stored as one, for whatever reason: nothing that
        was sent may stop what comes after it, nor slow it down by a transaction per message.
        """
        try:
            return self.commit(conn, messages)
        except (psycopg.OperationalError, psycopg.InterfaceError):
            raise
        except Exception as why:  # noqa: BLE001 (kept with its reason, not dropped)
            if len(messages) == 1:
                return self._bury(conn, messages[0], why)
        half = len(messages) // 2
        first = self.commit_each(conn, messages[:half])
        return _together(first, self.commit_each(conn, messages[half:]))

    def _bury(self, conn: Connection, message: Message, why: Exception) -> Done:
        match = self.router.match(message.topic)
        source = match.source if match else nobody()
        reason = f"could not be stored ({type(why).__name__}: {why})"[:500]
        letter = _letter(message, None, reason, "report it: it should have had a reason of its own")
        letters = _letters([letter])
        origin = Origin("stream", "mqtt", source, _latest([message]))
        return {source.name: (none(), live.accept(conn, none(), letters, origin=origin))}

    def understood(self, messages: Sequence[Message]) -> list[Understood]:
        """Return what ``messages`` say, source by source."""
        lost: list[Message] = []
        named: dict[str, list[tuple[int, Match]]] = {}
        for place, message in enumerate(messages):
            if match := self.router.match(message.topic):
                named.setdefault(match.source.name, []).append((place, match))
            else:
                lost.append(message)
        parts = [self._of_source(messages, named[name]) for name in sorted(named)]
        return [*parts, *([_unrouted(lost)] if lost else [])]

    def _of_source(self, messages: Sequence[Message], own: list[tuple[int, Match]]) -> Understood:
        letters: list[tuple[object, ...]] = []
        source, frames = own[0][1].source, []
        for gathered in self._by_rule(messages, own, letters):
            arrived = np.array([messages[place].arrived for place in gathered.places], np.int64)
            found = typed(gathered.columns, arrived, source, unit=gathered.rule.timestamp_unit)
            letters += [_letter(messages[gathered.places[p]], *why) for p, *why in found.letters]
            frames.append(_rows(found.rows, gathered))
        whole = pd.concat(frames) if len(frames) > 1 else frames[0] if frames else none()
        ordered = whole if len(frames) < 2 else whole.sort_values("at", kind="stable")
        return Understood(source, ordered.reset_index(drop=True), _letters(letters))

    def _by_rule(
        self,
        messages: Sequence[Message],
        own: list[tuple[int, Match]],
        letters: list[tuple[object, ...]],
    ) -> list[_Gathered]:
        """Return the readings of each rule; what is no message at all is added to ``letters``."""
        rules: dict[int, _Gathered] = {}
        for place, match in own:
            message, rule = messages[place], match.rule
            try:
                body = opened(message.payload, rule)
                if rule.sequence:  # of whatever came, readable or not
                    self.gaps.see(message.topic, sequence(body, rule.sequence))
                nodes = readings(body, rule)
            except Refused as why:
                letters.append(_letter(message, why.value, why.reason, why.fix))
                continue
            gathered = rules.get(id(rule)) or rules.setdefault(id(rule), _Gathered(rule))
            gathered.add(nodes, place, match.key, delivery_key(message.topic, message.payload))
        return list(rules.values())


class _Gathered:
    """The readings of one rule's messages: what each is, of which message, and its delivery key."""

    def __init__(self, rule: Topic) -> None:
        self.rule = rule
        self.nodes: list[Any] = []
        self.places: list[int] = []
        self.topic_keys: list[str | None] = []
        self.delivery_keys: list[str] = []

    def add(self, nodes: list[Any], place: int, topic_key: str | None, delivery: str) -> None:
        """Take the ``nodes`` of the message at ``place``."""
        count = len(nodes)
        self.nodes += nodes
        self.places += [place] * count
        self.topic_keys += [topic_key] * count
        if count:
            self.delivery_keys += [delivery, *[f"{delivery}:{i}" for i in range(1, count)]]

    @property
    def columns(self) -> Columns:
        return columns(self.nodes, self.topic_keys, self.rule)


def delivery_key(topic: str, payload: bytes) -> str:
    """Return what tells one delivery from another: time and sequence are part of the payload."""
    text = topic.encode("utf-8", "surrogatepass") + b"\0" + payload
    return hashlib.blake2b(text, digest_size=12).hexdigest()


def _rows(rows: pd.DataFrame, gathered: _Gathered) -> pd.DataFrame:
    kept = rows["place"].to_numpy()
    keys = np.array(gathered.delivery_keys, object)[kept]
    keys[rows["stamped"].to_numpy()] = None  # without a time each arrival is a reading of its own
    at = np.array(gathered.places, np.int64)[kept]
    return rows[["unique_id", "ds", "y", "stamped"]].assign(delivery_key=keys, at=at)


def _letters(found: list[tuple[object, ...]]) -> pd.DataFrame:
    return pd.DataFrame(found, columns=list(LETTER))


def _together(first: Done, second: Done) -> Done:
    whole = {**first, **second}
    for source in first.keys() & second.keys():
        parts = [done[source][0] for done in (first, second)]
        full = [rows for rows in parts if len(rows)]
        rows = pd.concat(full) if full else parts[0]
        whole[source] = rows, first[source][1] + second[source][1]
    return whole


def none() -> pd.DataFrame:
    """Return no rows, with the columns that ``live.accept`` takes."""
    nothing = pd.DataFrame({name: [] for name in (*ROWS, "at")})
    return nothing.astype({"ds": "datetime64[ns, UTC]", "stamped": bool, "y": float, "at": int})


def _letter(message: Message, value: object, reason: str, fix: str) -> tuple[object, ...]:
    arrived = pd.Timestamp(message.arrived, tz="UTC")
    return message.topic, message.payload, arrived, value, reason, fix


def _unrouted(messages: list[Message]) -> Understood:
    fix = "declare topics for it in sources.yaml"
    letters = [_letter(m, m.topic, "no rule fits this topic", fix) for m in messages]
    return Understood(nobody(), none(), _letters(letters))


def nobody() -> Source:
    """Return the source of what belongs to none that is declared."""
    return Source.model_validate({"name": UNROUTED, "freq": "PT1S", "new_series": 1})


def _latest(messages: Sequence[Message]) -> pd.Timestamp:
    return pd.Timestamp(max(message.arrived for message in messages), tz="UTC")
