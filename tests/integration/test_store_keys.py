"""API keys in the database, and the guard that knows them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from horizonte import clock, config
from horizonte.cli import app
from horizonte.errors import DataFault, NotFound, StoreFault
from horizonte.serve.guard import Guard
from horizonte.store import keys
from horizonte.store.connection import Connection, connect

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def asked(token: str, method: str = "GET", path: str = "/series") -> dict[str, Any]:
    headers = [(b"authorization", f"Bearer {token}".encode())]
    return {"type": "http", "method": method, "path": path, "headers": headers}


def refusal(conn: Connection, scope: dict[str, Any]) -> str | None:
    guard = Guard("keys")
    guard.look(conn)
    problem = guard.refused(scope)
    return problem.kind.slug if problem else None


def key_of(token: str) -> str:
    return token.split("_")[1]


@pytest.mark.parametrize(("scopes", "reaches"), [
    (["read"], {"read"}), (["write"], {"read", "write"}), (["read", "write"], {"read", "write"}),
    (["admin"], {"read", "write", "admin"}),
])  # fmt: skip
def test_a_scope_includes_the_ones_before_it(
    store: Connection, scopes: list[str], reaches: set[str]
) -> None:
    """Admin may write, write may read, and nothing reaches further than it says."""
    token = keys.create(store, scopes, note="test")
    ways = {
        "read": asked(token),
        "write": asked(token, "POST", "/observations"),
        "admin": asked(token, "POST", "/retrain"),
    }
    said = {needed: refusal(store, scope) for needed, scope in ways.items()}
    assert said == {n: None if n in reaches else "forbidden" for n in ways}


def test_a_forged_revoked_or_expired_key_is_nobody(store: Connection) -> None:
    """Only the very token of an active key is known."""
    token = keys.create(store, ["read"], note="test")
    old = keys.create(store, ["read"], note="old", expires_at=LONG_AGO)
    other = keys.create(store, ["read"], note="other")
    mixed = f"hz_{key_of(token)}_{other.split('_', 2)[2]}"
    for bad in (token[:-1], token + "x", mixed, old, "hz__", "", "é", token.upper(), "hz_a_b"):
        assert refusal(store, asked(bad)) == "unauthenticated", bad
    assert refusal(store, asked(token)) is None
    keys.revoke(store, key_of(token), why="test")
    assert refusal(store, asked(token)) == "unauthenticated"


def test_an_expiry_holds_between_two_looks(store: Connection) -> None:
    """A key that was active when the guard looked is refused from its date on."""
    soon = clock.now() + timedelta(seconds=0.3)
    token = keys.create(store, ["read"], note="short", expires_at=soon)
    guard = Guard("keys")
    guard.look(store)
    while clock.now() <= soon:
        pass
    problem = guard.refused(asked(token))
    assert problem is not None
    assert problem.kind.slug == "unauthenticated"


def test_two_authorization_headers_are_none(store: Connection) -> None:
    """A request that says twice who it is, is answered as nobody's."""
    scope = asked(keys.create(store, ["read"], note="test"))
    scope["headers"] *= 2
    assert refusal(store, scope) == "unauthenticated"


def test_no_table_holds_a_secret(store: Connection) -> None:
    """The secret of a key is in no column of any table."""
    secret = keys.create(store, ["admin"], note="test").split("_", 2)[2]
    tables = store.execute(
        "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables "
        "WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
    ).fetchall()
    assert ("public.api_key",) in tables
    for (table,) in tables:
        found = store.execute(
            f"SELECT count(*) FROM {table} t WHERE t::text LIKE %s OR t::text LIKE %s",
            (f"%{secret}%", f"%{secret.encode().hex()}%"),
        ).fetchone()
        assert found == (0,), table


def test_a_key_is_never_changed(store: Connection) -> None:
    """Neither keys nor revocations can be altered or taken away."""
    name = key_of(keys.create(store, ["read"], note="test"))
    keys.revoke(store, name, why="test")
    for change in ("UPDATE api_key SET scopes = '{admin}'", "DELETE FROM api_key_revocation"):
        with pytest.raises(psycopg.errors.RestrictViolation):
            store.execute(change)
    with pytest.raises(StoreFault, match="already"):
        keys.revoke(store, name, why="again")
    with pytest.raises(NotFound):
        keys.revoke(store, "000000000000", why="test")


@pytest.mark.parametrize(("scopes", "note"), [([], "x"), (["root"], "x"), (["read"], " ")])
def test_a_key_has_scopes_and_a_note(store: Connection, scopes: list[str], note: str) -> None:
    """Without a known scope and a note no key is made."""
    with pytest.raises(DataFault):
        keys.create(store, scopes, note=note)


def test_the_command_line_shows_a_secret_once(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`create` prints the token; `list` shows the key without it; `revoke` ends it."""
    monkeypatch.setenv("HORIZONTE_DATABASE", database_url)
    config.settings.cache_clear()
    run = CliRunner().invoke
    made = run(
        app, ["keys", "create", "--scope", "write", "--note", "[b]dash", "--expires", "2199-01-01"]
    )
    token = made.stdout.splitlines()[0]
    name, secret = key_of(token), token.split("_", 2)[2]
    listed = run(app, ["keys", "list"]).output
    assert name in listed
    assert "[b]dash" in listed
    assert secret not in listed
    assert run(app, ["keys", "revoke", name, "--why", "lost"]).exit_code == 0
    with connect(database_url) as conn:
        (found,) = (key for key in keys.listed(conn) if key.id == name)
    assert (found.state(clock.now()), found.why) == ("revoked", "lost")
    monkeypatch.undo()
    config.settings.cache_clear()
