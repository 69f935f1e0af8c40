"""What is due: by another version, as of another now, or from fewer changes than there are."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from horizonte.serve import freshness
from horizonte.serve.inputs import Knowledge
from horizonte.serve.issuing import Known, due
from horizonte.store.changes import Standing

AT = pd.Timestamp("2026-01-05 12:00", tz="UTC")
STEP = pd.Timedelta(hours=1)
ONE = Standing("s/a", "s", "PT1H", "v1", AT, 7, AT + 24 * STEP)
KNOWN = Known({"s": Knowledge(AT, 100)}, {"s/a": 7})


def test_nothing_new_is_not_due() -> None:
    """The same version, instant and changes: a new forecast would only repeat."""
    assert due([ONE], KNOWN, "v1") == []


@pytest.mark.parametrize(
    "other",
    [
        {"model_version": "v0"},
        {"as_of": AT - STEP},
        {"changes": 6},
        {"changes": None},
        {"model_version": None, "as_of": None, "changes": None, "last_ds": None},
    ],
)
def test_whatever_differs_is_due(other: dict[str, object]) -> None:
    """Another version, an older now, fewer changes, none counted, no vintage at all."""
    assert due([replace(ONE, **other)], KNOWN, "v1") == [replace(ONE, **other)]  # type: ignore[arg-type]


def test_without_rows_nothing_can_be_said() -> None:
    """A target of a source that has brought nothing waits."""
    assert due([replace(ONE, source="silent", model_version=None)], KNOWN, "v1") == []


def test_late_is_none_past_its_horizon_or_waiting() -> None:
    """Three steps old and not up to date, or all of it in the past, or none; never one in time."""
    older = replace(ONE, unique_id="s/b", as_of=AT - 4 * STEP)
    recent = replace(ONE, unique_id="s/c", as_of=AT - 2 * STEP)
    ended = replace(ONE, unique_id="s/d", as_of=AT - 2 * STEP, last_ds=AT - STEP)
    never = replace(ONE, unique_id="s/e", model_version=None, as_of=None, last_ds=None)
    found = freshness.fresh([ONE, older, recent, ended, never], KNOWN, "v1")
    assert [f.unique_id for f in freshness.late(found)] == ["s/b", "s/d", "s/e"]
    assert [f.steps for f in found[:3]] == [0, 4, 2]
