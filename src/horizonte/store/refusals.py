"""What was refused, kept word for word: each reading once, however often its message comes."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from horizonte.errors import DataFault
from horizonte.store.bulk import copy_in
from horizonte.store.connection import Connection

if TYPE_CHECKING:
    from horizonte.store.ledger import Batch

VALUE_BYTES = 1024
PAYLOAD_BYTES = 65_536
_TEXTS = ("file", "sheet", "column", "topic", "value", "reason", "fix")
_LETTER = pa.schema(
    [
        ("ingest_batch_id", pa.int64()),
        ("file", pa.string()),
        ("sheet", pa.string()),
        ("row", pa.int64()),
        ("column", pa.string()),
        ("topic", pa.string()),
        ("value", pa.string()),
        ("reason", pa.string()),
        ("fix", pa.string()),
        ("payload", pa.binary()),
        ("payload_bytes", pa.int64()),
        ("arrived_at", pa.timestamp("us", tz="UTC")),
        ("delivery_key", pa.string()),
    ]
)


def refuse(conn: Connection, batch: Batch, letters: pd.DataFrame) -> int:
    """Keep refused readings: place (file, sheet, row, column; topic), value, reason and fix.

    Columns of the place may be left out, and ``payload`` (bytes as they came, kept up to
    64 KiB) with ``arrived_at``. Texts are kept up to 1 kB. What was refused of a message that was
    delivered before is kept already; returns how many were not.
    """
    absent = [name for name in ("value", "reason", "fix") if name not in letters]
    if absent:
        raise DataFault(
            "dead letters", absent, "present as columns", "say what was refused and why"
        )
    table = _table(letters, batch.id)
    if "payload" in letters:
        table = table.filter(pa.array(_new(conn, table["delivery_key"].to_pylist())))
    copy_in(conn, "dead_letter", table)
    return int(table.num_rows)


def _table(letters: pd.DataFrame, batch_id: int) -> pa.Table:
    """Return the rows to store; from lists, as letters are few and a frame costs per column."""
    given: dict[str, list[Any]] = {str(name): letters[name].tolist() for name in letters}
    texts = {name: [bounded(v) for v in given[name]] for name in _TEXTS if name in given}
    columns: dict[str, list[Any]] = dict(texts)
    columns["ingest_batch_id"] = [batch_id] * len(letters)
    columns["row"] = [None if pd.isna(at) else int(at) for at in given.get("row", [])]
    columns["arrived_at"] = [None if pd.isna(at) else at for at in given.get("arrived_at", [])]
    if "payload" in given:
        bodies = [v if isinstance(v, bytes) else None for v in given["payload"]]
        columns["payload"] = [v and v[:PAYLOAD_BYTES] for v in bodies]
        columns["payload_bytes"] = [None if v is None else len(v) for v in bodies]
        columns["delivery_key"] = _keys(given["topic"], bodies, texts["value"])
    absent = [None] * len(letters)
    arrays = [
        pa.array(columns.get(f.name) or absent, type=f.type, from_pandas=True, safe=False)
        for f in _LETTER
    ]
    return pa.Table.from_arrays(arrays, schema=_LETTER)


def _keys(
    topics: Sequence[object], payloads: Sequence[bytes | None], values: Sequence[str | None]
) -> list[str | None]:
    """Return what tells each refused reading of a message from all others, however often it comes.

    That is its message, its value, and the how-manieth of that value it is in one delivery.
    """
    seen: Counter[tuple[int, str]] = Counter()
    keys: list[str | None] = []
    for topic, payload, value in zip(topics, payloads, values, strict=True):
        if payload is None:
            keys.append(None)
            continue
        # Each delivery has bytes of its own, but Python shares those of length 0 and 1.
        one = id(payload) if len(payload) > 1 else len(keys) + 1, value or ""
        parts = (str(part) for part in (topic, value or "", seen[one]))
        text = "\0".join(parts).encode("utf-8", "surrogatepass")
        seen[one] += 1
        keys.append(hashlib.blake2b(text + b"\0" + payload, digest_size=12).hexdigest())
    return keys


def _new(conn: Connection, keys: Sequence[str | None]) -> list[bool]:
    """Say which ``keys`` are neither kept already nor stand earlier among them.

    Two consumers that refuse the same message at once: the unique index stops the later one,
    which tries again.
    """
    given = [key for key in keys if key is not None]
    rows = conn.execute(
        "SELECT delivery_key FROM dead_letter WHERE delivery_key = ANY(%s)", (given,)
    )
    known: set[str | None] = {row[0] for row in rows.fetchall()}
    new = []
    for key in keys:
        new.append(key is None or key not in known)
        known.add(key)
    return new


def bounded(value: object) -> str | None:
    """Return a value as a letter keeps it: text of at most 1 kB, without NUL; None for none."""
    if value is None or value is pd.NA or value != value:  # noqa: PLR0124 (NaN)
        return None
    text = value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)
    kept = text.replace("\x00", "\\x00").encode("utf-8", "backslashreplace")[:VALUE_BYTES]
    return kept.decode("utf-8", "ignore")
