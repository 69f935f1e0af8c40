"""A batch of messages, committed as one: read by their rules, refused one by one where they are wrong."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import psycopg
from numpy.typing import NDArray

from horizonte.ingest import live
from horizonte.ingest.feeds import TimeUnit
from horizonte.ingest.gaps import Gaps
from horizonte.ingest.live import Accepted, Origin
from horizonte.ingest.messages import Raw, Refused, readings
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
    rows: pd.DataFrame  # ROWS, topic, payload, arrived_at
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
                origin = Origin("stream", "mqtt", part.source, _latest(messages))
                if part.source.name not in self._declared and part.source.topics:
                    live.declare(conn, part.source)
                accepted = live.accept(conn, part.rows, part.letters, origin=origin)
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
        letters = pd.DataFrame([letter], columns=list(LETTER))
        origin = Origin("stream", "mqtt", source, _latest([message]))
        return {source.name: (none(), live.accept(conn, none(), letters, origin=origin))}

    def understood(self, messages: Sequence[Message]) -> list[Understood]:
        """Return what ``messages`` say, source by source."""
        routed = [(place, self.router.match(m.topic)) for place, m in enumerate(messages)]
        lost = [messages[place] for place, match in routed if match is None]
        named = sorted(
            ((place, match) for place, match in routed if match is not None),
            key=lambda pair: pair[1].source.name,
        )
        parts = [
            self._of_source(messages, list(own))
            for _, own in groupby(named, key=lambda pair: pair[1].source.name)
        ]
        return [*parts, *([_unrouted(lost)] if lost else [])]

    def _of_source(self, messages: Sequence[Message], own: list[tuple[int, Match]]) -> Understood:
        by_rule: dict[TimeUnit | None, list[tuple[int, str, Raw]]] = {}
        letters: list[tuple[object, ...]] = []
        for place, match in own:
            message = messages[place]
            try:
                raws = readings(message.payload, match.rule, match.key)
            except Refused as why:
                letters.append(_letter(message, why.value, why.reason, why.fix))
                continue
            if raws:
                self.gaps.see(message.topic, raws[0].sequence)
            key = delivery_key(message.topic, message.payload)
            rows = by_rule.setdefault(match.rule.timestamp_unit, [])
            rows += [(place, f"{key}:{i}" if i else key, raw) for i, raw in enumerate(raws)]
        source, frames = own[0][1].source, []
        for unit, rows in by_rule.items():
            at = np.array([messages[place].arrived for place, _, _ in rows], np.int64)
            found = typed([raw for _, _, raw in rows], at, source, unit=unit)
            letters += [_letter(messages[rows[p][0]], *why) for p, *why in found.letters]
            frames.append(_rows(found.rows, rows, messages))
        whole = pd.concat(frames) if len(frames) > 1 else frames[0] if frames else none()
        ordered = whole.sort_values("at", kind="stable", ignore_index=True)
        return Understood(source, ordered, pd.DataFrame(letters, columns=list(LETTER)))


def delivery_key(topic: str, payload: bytes) -> str:
    """Return what tells one delivery from another: time and sequence are part of the payload."""
    text = topic.encode("utf-8", "surrogatepass") + b"\0" + payload
    return hashlib.blake2b(text, digest_size=12).hexdigest()


def _rows(
    rows: pd.DataFrame, given: list[tuple[int, str, Raw]], messages: Sequence[Message]
) -> pd.DataFrame:
    kept = rows["place"].to_numpy()
    at = np.array([place for place, _, _ in given], np.int64)[kept]
    keys = _objects([key for _, key, _ in given])[kept]
    keys[rows["stamped"].to_numpy()] = None  # without a time each arrival is a reading of its own
    return rows[["unique_id", "ds", "y", "stamped"]].assign(
        at=at,
        delivery_key=keys,
        topic=_objects([message.topic for message in messages])[at],
        payload=_objects([message.payload for message in messages])[at],
        arrived_at=_instant([message.arrived for message in messages])[at],
    )


def _objects(values: list[Any]) -> NDArray[np.object_]:
    found = np.empty(len(values), object)
    found[:] = values
    return found


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
    nothing = pd.DataFrame({name: [] for name in (*ROWS, "at", *LETTER[:3])})
    return nothing.astype({"ds": "datetime64[ns, UTC]", "stamped": bool, "y": float})


def _letter(message: Message, value: object, reason: str, fix: str) -> tuple[object, ...]:
    arrived = pd.Timestamp(message.arrived, tz="UTC")
    return message.topic, message.payload, arrived, value, reason, fix


def _unrouted(messages: list[Message]) -> Understood:
    fix = "declare topics for it in sources.yaml"
    letters = [_letter(m, m.topic, "no rule fits this topic", fix) for m in messages]
    return Understood(nobody(), none(), pd.DataFrame(letters, columns=list(LETTER)))


def nobody() -> Source:
    """Return the source of what belongs to none that is declared."""
    return Source.model_validate({"name": UNROUTED, "freq": "PT1S", "new_series": 1})


def _instant(nanoseconds: list[int]) -> pd.DatetimeIndex:
    return pd.to_datetime(np.array(nanoseconds, np.int64), unit="ns", utc=True)


def _latest(messages: Sequence[Message]) -> pd.Timestamp:
    return pd.Timestamp(max(message.arrived for message in messages), tz="UTC")
