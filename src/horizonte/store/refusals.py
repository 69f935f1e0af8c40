"""What was refused, kept word for word: each reading once, however often its message comes."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import TYPE_CHECKING

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
    whole = letters.assign(ingest_batch_id=batch.id)
    for name in sorted(set(_TEXTS) & set(letters)):
        whole[name] = pd.Series([bounded(v) for v in letters[name]], dtype=object).array
    if "payload" in letters:
        given = [v if isinstance(v, bytes) else None for v in letters["payload"]]
        whole["payload"] = pd.Series([v and v[:PAYLOAD_BYTES] for v in given], dtype=object).array
        whole["payload_bytes"] = [None if v is None else len(v) for v in given]
        whole["delivery_key"] = _keys(letters)
    whole = whole.reindex(columns=_LETTER.names)
    whole["arrived_at"] = pd.to_datetime(whole["arrived_at"], utc=True)
    whole["payload"] = whole["payload"].astype(object)  # of floats Arrow makes empty bytes
    if "payload" in letters:
        whole = whole[~_kept(conn, whole["delivery_key"])]
    arrays = [pa.array(whole[f.name], type=f.type, from_pandas=True, safe=False) for f in _LETTER]
    copy_in(conn, "dead_letter", pa.Table.from_arrays(arrays, schema=_LETTER))
    return len(whole)


def _keys(letters: pd.DataFrame) -> list[str | None]:
    """Return what tells each refused reading of a message from all others, however often it comes.

    That is its message, its value, and the how-manieth of that value it is in one delivery.
    """
    seen: Counter[tuple[int, str]] = Counter()
    keys: list[str | None] = []
    for topic, payload, value in zip(
        letters["topic"], letters["payload"], map(bounded, letters["value"]), strict=True
    ):
        if not isinstance(payload, bytes):
            keys.append(None)
            continue
        # Each delivery has bytes of its own, but Python shares those of length 0 and 1.
        one = id(payload) if len(payload) > 1 else len(keys) + 1, value or ""
        parts = (str(part) for part in (topic, value or "", seen[one]))
        text = "\0".join(parts).encode("utf-8", "surrogatepass")
        seen[one] += 1
        keys.append(hashlib.blake2b(text + b"\0" + payload, digest_size=12).hexdigest())
    return keys


def _kept(conn: Connection, keys: pd.Series) -> pd.Series[bool]:
    """Say which ``keys`` are kept already, or stand earlier among them.

    Two consumers that refuse the same message at once: the unique index stops the later one,
    which tries again.
    """
    given = keys.dropna().tolist()
    rows = conn.execute(
        "SELECT delivery_key FROM dead_letter WHERE delivery_key = ANY(%s)", (given,)
    )
    known = [row[0] for row in rows.fetchall()]
    return keys.isin(known) | (keys.duplicated() & keys.notna())


def bounded(value: object) -> str | None:
    """Return a value as a letter keeps it: text of at most 1 kB, without NUL; None for none."""
    if value is None or value is pd.NA or value != value:  # noqa: PLR0124 (NaN)
        return None
    text = value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)
    kept = text.replace("\x00", "\\x00").encode("utf-8", "backslashreplace")[:VALUE_BYTES]
    return kept.decode("utf-8", "ignore")
