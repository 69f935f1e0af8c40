"""HTTP on the socket, for clients that are slow, many or boundless (uvicorn has no such limits)."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from horizonte.serve import headers, problems
from horizonte.serve.exchange import new_id

CONNECTIONS = 800  # below the 1,024 files that a process may usually have open
HEAD_SECONDS = 10.0  # for the head of a request, and for the rest of one that was answered
READ_SECONDS = 30.0  # for a client to take what was written
HEAD_BYTES = 32 << 10


class Wire(HttpToolsProtocol):
    """Speaks HTTP/1.1 with one client, and ends with who takes too long or sends too much."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Take what uvicorn gives."""
        super().__init__(*args, **kwargs)
        self._timer: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None
        self._fed = 0  # bytes since the last whole message, its head among them
        self._inside = self._headed = False
        self._why = "malformed-http"

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take one more connection, or say that there are too many."""
        super().connection_made(transport)
        if len(self.connections) > CONNECTIONS:
            self._refuse("too-many-connections")
        else:
            self._limit()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timers."""
        self._unlimit()
        self._read_again()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on; a head that is not whole yet has to be in time."""
        self._fed += len(data)
        super().data_received(data)
        if self._headed or self.transport.is_closing():
            return
        if self._fed > HEAD_BYTES:
            self._refuse("head-too-large")
        elif self._timer is None and self._inside:
            self._limit()

    def on_message_begin(self) -> None:
        """Begin a head."""
        super().on_message_begin()
        self._inside, self._headed = True, False

    def on_headers_complete(self) -> None:
        """Hand the request on, unless its head is too large."""
        if self._fed > HEAD_BYTES and _size(self.headers) > HEAD_BYTES:
            self._why = "head-too-large"
            raise ValueError(self._why)
        self._headed = True
        self._unlimit()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Be ready for the next request."""
        self._inside = self._headed = False
        self._fed = 0
        self._unlimit()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Give the client a while for the rest of a body that nobody reads any more."""
        if self._inside:
            self._limit()
        if self.transport.is_closing():
            self._wait_for_reader()
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 (uvicorn's words)
        """Answer what is no HTTP, or too much of it."""
        self._refuse(self._why)

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection, even if the client does not read."""
        super().timeout_keep_alive_handler()
        self._wait_for_reader()

    def pause_writing(self) -> None:
        """Wait for a slow reader, but not for ever."""
        super().pause_writing()
        self._wait_for_reader()

    def resume_writing(self) -> None:
        """Go on: the client reads."""
        self._read_again()
        super().resume_writing()

    def _refuse(self, slug: str) -> None:
        problem, request_id = problems.of(slug), new_id()
        body, status = problem.body(request_id), problem.kind.status
        given = [*problem.headers(), (b"x-request-id", request_id.encode())]
        lines = [*given, *headers.added("GET", status, given), (b"connection", b"close")]
        head = b"".join(b"%s: %s\r\n" % line for line in lines)
        start = b"HTTP/1.1 %d \r\ncontent-length: %d\r\n" % (status, len(body))
        self.transport.write(start + head + b"\r\n" + body)
        self.transport.close()
        self._wait_for_reader()

    def _limit(self) -> None:
        self._unlimit()
        self._timer = self.loop.call_later(HEAD_SECONDS, self.transport.abort)

    def _unlimit(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wait_for_reader(self) -> None:
        if self._unread is None:
            self._unread = self.loop.call_later(READ_SECONDS, self.transport.abort)

    def _read_again(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None


def _size(given: list[tuple[bytes, bytes]]) -> int:
    return sum(len(name) + len(value) for name, value in given)
