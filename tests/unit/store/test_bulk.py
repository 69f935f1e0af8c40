"""PostgreSQL's binary arrays as numpy reads them."""

from __future__ import annotations

import struct

import pandas as pd
import pytest

from horizonte.store import bulk


def wire(oid: int, code: str, values: list[float] | list[int]) -> bytes:
    head = struct.pack(">5i", 1, 0, oid, len(values), 1)
    size = struct.calcsize(code)
    return head + b"".join(struct.pack(f">i{code[1:]}", size, v) for v in values)


@pytest.mark.parametrize(
    ("loader", "code", "values"),
    [(bulk._Reals, ">d", [1.5, -0.25, float("inf")]), (bulk._Integers, ">i", [0, 1, 2**31 - 1]),
     (bulk._Longs, ">q", [0, 2**40])],
)  # fmt: skip
def test_numbers_are_read_in_place(
    loader: type[bulk._Reals], code: str, values: list[float]
) -> None:
    """Reals and integers of either width come back as they were sent."""
    assert loader(0).load(wire(701, code, values)).tolist() == values


def test_instants_count_from_the_servers_epoch() -> None:
    """Zero microseconds is the start of 2000 in UTC; earlier instants are negative."""
    found = bulk._Instants(0).load(wire(1184, ">q", [0, -1_000_000]))
    assert found.tolist() == [
        pd.Timestamp("2000-01-01", tz="UTC"),
        pd.Timestamp("1999-12-31 23:59:59", tz="UTC"),
    ]
    assert str(found.dtype) == bulk.INSTANTS
