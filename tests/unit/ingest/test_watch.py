"""The address of metrics and liveness."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import ThreadingHTTPServer

import httpx
import pytest

from horizonte.errors import ConfigFault
from horizonte.ingest.watch import Watch, serve


@pytest.fixture
def taken() -> Iterator[tuple[int, ThreadingHTTPServer]]:
    """A port at which metrics are served."""
    port, server = serve(Watch(), port=0, silent_seconds=60)
    yield port, server
    server.shutdown()
    server.server_close()


def test_a_port_that_cannot_be_had_is_named(taken: tuple[int, ThreadingHTTPServer]) -> None:
    """One in use and one that is none are refused with what may be given; the first serves on."""
    for port, why in ((taken[0], "in use"), (99_999, "65535"), (-1, "65535")):
        with pytest.raises(ConfigFault, match=f"--port: {port} is not a free port .*{why}"):
            serve(Watch(), port=port, silent_seconds=60)
    assert httpx.get(f"http://127.0.0.1:{taken[0]}/metrics", timeout=60).status_code == 200
    assert httpx.get(f"http://127.0.0.1:{taken[0]}/livez", timeout=60).status_code == 503
