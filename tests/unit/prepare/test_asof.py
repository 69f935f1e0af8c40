from __future__ import annotations

import pandas as pd

from horizonte.contracts import OBSERVATION
from horizonte.prepare.asof import as_of

T = pd.Timestamp("2024-01-01", tz="UTC")
H = pd.Timedelta("1h")


def rows(*found: tuple[int, int, float, int]) -> pd.DataFrame:
    """Return revisions of ``s/x`` from (hour, revision, y, hours until available)."""
    return pd.DataFrame(
        [
            {"unique_id": "s/x", "ds": T + H * h, "revision": r, "y": y, "available_at": T + H * a}
            for h, r, y, a in found
        ]
    )


def test_the_newest_revision_in_time_wins() -> None:
    """A correction replaces its row from the instant it is available, not before."""
    revisions = rows((0, 1, 10.0, 1), (0, 2, 11.0, 5))
    assert as_of(revisions, T + 4 * H)["y"].tolist() == [10.0]
    assert as_of(revisions, T + 5 * H)["y"].tolist() == [11.0]


def test_a_late_row_is_absent_before_it_came() -> None:
    """A row that arrived late is not there as of an earlier instant."""
    revisions = rows((0, 1, 1.0, 1), (1, 1, 2.0, 30), (2, 1, 3.0, 3))
    assert as_of(revisions, T + 3 * H)["y"].tolist() == [1.0, 3.0]


def test_order_of_rows_does_not_matter() -> None:
    """Shuffled revisions give the same answer, ordered by key."""
    revisions = rows(*[(h, r, h + r / 10, h + r) for h in range(20) for r in (1, 2, 3)])
    shuffled = revisions.sample(frac=1, random_state=1)
    expected = as_of(revisions, T + 12 * H)
    pd.testing.assert_frame_equal(as_of(shuffled, T + 12 * H), expected)
    assert OBSERVATION.check(expected)["ds"].is_monotonic_increasing


def test_nothing_known_is_an_empty_table() -> None:
    """Before the first row was available there is no row."""
    assert as_of(rows((0, 1, 1.0, 1)), T).empty
