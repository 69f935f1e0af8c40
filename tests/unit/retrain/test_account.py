"""The account of a retraining, as people read it."""

from __future__ import annotations

import pandas as pd

from horizonte.retrain import account

AT = pd.Timestamp("2026-03-02T04:05:06Z")


def test_each_fact_of_a_step_has_a_line() -> None:
    """Each reason and each series one of its own; what is null is left out, a bare step is named, none is waiting."""
    detail = {
        "passed": True,
        "reasons": ["it won", "by far"],
        "changed": {"site/a": "2026-02-20"},
        "recorded": None,
    }
    rows = [
        {"step": "gated", "detail": detail, "recorded_at": AT},
        {"step": "pushed", "detail": {}, "recorded_at": AT},
    ]
    assert list(account.steps(pd.DataFrame())) == [("", "waiting", "", "")]
    when = "2026-03-02 04:05:06"
    assert list(account.steps(pd.DataFrame(rows))) == [
        (when, "gated", "passed", "yes"),
        ("", "", "reasons", "it won"),
        ("", "", "reasons", "by far"),
        ("", "", "changed", "site/a: 2026-02-20"),
        (when, "pushed", "", ""),
    ]
