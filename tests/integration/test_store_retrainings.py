"""The queue of retrainings in a real database."""

from __future__ import annotations

import pytest

from horizonte.errors import DataFault
from horizonte.store import retrainings
from horizonte.store.connection import Connection


@pytest.mark.parametrize("why", ["", " \n"])
def test_a_request_has_a_reason(store: Connection, why: str) -> None:
    """A blank one is refused with what to say, and leaves no row."""
    with pytest.raises(DataFault, match="is not a reason; say in a sentence why"):
        retrainings.request(store, "retrain", why=why, by="test")
    assert retrainings.runs(store).empty
