"""``GET /forecasts/{unique_id}``: the latest vintage on record, as bytes that are ready to send."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.utils import format_datetime
from functools import lru_cache
from typing import Any, NamedTuple

import pandas as pd

from horizonte import freq
from horizonte.serve import predict, present
from horizonte.serve.inputs import Knowledge
from horizonte.serve.schemas import SeriesForecast
from horizonte.store.forecasts import Vintage

_AGE = b'"age_seconds":'


class Reply(NamedTuple):
    """An HTTP answer, without the length of its body."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """A vintage on record and its answer, written but for the age, which moves."""

    vintage: Vintage
    facts: Mapping[str, Any]  # the SERIES row of its series
    as_of: int  # microseconds since 1970
    head: bytes
    tail: bytes
    etag: bytes
    headers: list[tuple[bytes, bytes]]

    @property
    def source(self) -> str:
        """Return the source of its series."""
        return str(self.facts["source"])


def entry(
    vintage: Vintage,
    facts: Mapping[str, Any],
    *,
    steps: int | None = None,
    levels: Sequence[int] | None = None,
) -> Entry:
    """Return the first ``steps`` (None: all) of ``vintage`` as an entry, in ``levels`` or quantiles."""
    shape = present.Shape(levels)
    shown = _forecast(vintage, facts, steps or len(vintage.rows), shape)
    whole = shown.model_dump_json().encode()
    head, tail = split(whole)
    tag = f'W/"{vintage.run_id}-{hashlib.sha256(head + tail).hexdigest()[:12]}"'.encode()
    return Entry(
        vintage, facts, vintage.as_of.value // 1000, head, tail, tag, _headers(tag, vintage)
    )


def reply(found: Entry, *, now: int, if_none_match: bytes | None = None) -> Reply:
    """Return the answer at ``now`` (microseconds on the clock of the source), or that it is unchanged.

    The ETag is weak: it stands for the vintage and how it is shown, not for its age.
    """
    if if_none_match is not None and matches(if_none_match, found.etag):
        return Reply(304, found.headers[1:], b"")
    return Reply(200, found.headers, _whole(found.head, now - found.as_of, found.tail))


@lru_cache(maxsize=256)  # clocks go in steps: most answers are those of the moment before
def _whole(head: bytes, age: int, tail: bytes) -> bytes:
    return b"".join((head, repr(age / 1e6).encode(), tail))


def split(body: bytes) -> tuple[bytes, bytes]:
    """Return what stands before and after the number of ``age_seconds``.

    No text can hold the mark: a quote inside JSON text is written with a backslash.
    """
    start = body.index(_AGE) + len(_AGE)
    return body[:start], body[body.index(b",", start) :]


def matches(if_none_match: bytes, etag: bytes) -> bool:
    """Return whether the header names ``etag``, compared weakly (RFC 9110, 13.1.2)."""
    asked = {tag.strip().removeprefix(b"W/") for tag in if_none_match.split(b",")}
    return asked == {b"*"} or etag.removeprefix(b"W/") in asked


@lru_cache(maxsize=128)
def forecast(found: Entry, steps: int, shape: present.Shape) -> SeriesForecast:
    """Return the first ``steps`` of the vintage as the model of its answer, of age 0."""
    return _forecast(found.vintage, found.facts, steps, shape)


def _forecast(
    vintage: Vintage, facts: Mapping[str, Any], steps: int, shape: present.Shape
) -> SeriesForecast:
    shown = predict.Vintage(
        vintage.unique_id,
        freq.iso(facts["freq"]),
        vintage.model_version,
        "live",
        Knowledge(vintage.as_of, 0),
        vintage.cutoff,
        vintage.issued_at,
        vintage.degraded,
        vintage.rows,
    )
    told = present.Told(shown, "stored", vintage.as_of)
    return present.forecast(told, steps=steps, facts=facts, shape=shape)


def _headers(etag: bytes, vintage: Vintage) -> list[tuple[bytes, bytes]]:
    issued = pd.Timestamp(vintage.issued_at).floor("s").to_pydatetime()
    return [
        (b"content-type", b"application/json"),
        (b"etag", etag),
        (b"last-modified", format_datetime(issued, usegmt=True).encode()),
        (b"cache-control", b"no-cache"),
    ]
