"""What a connection string may show."""

from __future__ import annotations

import pytest

from horizonte.store.connection import shown


@pytest.mark.parametrize(
    "target",
    [
        "postgresql://u:hidden@db:5432/x",
        "host=db user=u password=hidden dbname=x",
        "postgresql://u:hidden@[bad",
    ],
)
def test_password_is_never_shown(target: str) -> None:
    """URL, key-value and broken strings alike lose their password."""
    assert "hidden" not in shown(target)
