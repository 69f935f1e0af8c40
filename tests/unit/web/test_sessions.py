"""Sessions: found by their token alone, and over in time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from horizonte.web import sessions
from horizonte.web.sessions import LIFE, Sessions

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def opened(kept: Sessions, now: datetime = NOW) -> str:
    return kept.open("hz_a_secret", now, key_id="a", note="operator", scopes=["read"])


def test_a_session_is_found_by_its_token_until_it_ends() -> None:
    """Eight hours later, after its end, and by another token it is not there."""
    kept = Sessions()
    token, other = opened(kept), opened(kept)
    found = kept.get(token, NOW + LIFE - timedelta(seconds=1))
    assert found is not None
    assert (found.key, found.scopes) == ("hz_a_secret", ("read",))
    assert kept.get(token, NOW + LIFE) is None
    assert kept.get(token + "x", NOW) is None
    assert kept.get(None, NOW) is None
    kept.end(token)
    assert kept.get(token, NOW) is None
    assert kept.get(other, NOW) is not None


def test_no_session_is_kept_by_its_token_or_told_with_its_key() -> None:
    """What is in memory as an index opens nothing, and a session in a log shows no secret."""
    kept = Sessions()
    token = opened(kept)
    assert token.encode() not in kept._by
    assert "secret" not in repr(kept.get(token, NOW))
    assert "form_token" not in repr(kept.get(token, NOW))


def test_memory_is_bounded() -> None:
    """The session that ends first makes room, and those that are over go first."""
    kept = Sessions()
    tokens = [opened(kept, NOW + timedelta(seconds=n)) for n in range(sessions.MOST + 1)]
    assert kept.get(tokens[0], NOW) is None
    assert kept.get(tokens[1], NOW) is not None
    last = opened(kept, NOW + 2 * LIFE)
    assert kept.get(tokens[-1], NOW) is None
    assert kept.get(last, NOW + 2 * LIFE) is not None
