"""The shipped migrations as files."""

from __future__ import annotations

from horizonte.store.migrate import Migration, shipped


def test_versions_are_one_unbroken_series() -> None:
    """Files are numbered 1, 2, 3 … without a gap or a repeat."""
    assert [m.version for m in shipped()] == list(range(1, len(shipped()) + 1))


def test_hash_follows_the_text() -> None:
    """Two migrations differ in hash exactly when their text differs."""
    one = Migration(1, "one", "SELECT 1")
    assert one.sha256 == Migration(2, "two", "SELECT 1").sha256
    assert one.sha256 != Migration(1, "one", "SELECT 2").sha256
