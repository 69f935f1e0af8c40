"""One connection to the broker, from CONNECT to its end: paho opens it, then it is read in bulk."""

from __future__ import annotations

import logging
import select
import socket
import ssl
import threading
import time
from collections.abc import Iterable
from typing import Any

from horizonte.ingest import wire
from horizonte.ingest.broker import KEEP_ALIVE_SECONDS

logger = logging.getLogger(__name__)
CHUNK = 256 << 10  # read at once
TICK = 0.1  # seconds between two looks at what others want
_NOT_NOW = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Link:
    """An open connection: read and written by one thread, given acknowledgements by another."""

    def __init__(self, sock: Any, *, five: bool) -> None:
        self._sock, self._packets = sock, wire.Packets(five=five)
        self._unsent, self._lock = bytearray(), threading.Lock()
        self._woken, self._waker = socket.socketpair()
        self._woken.setblocking(False)
        self._heard = self._pinged = time.monotonic()

    def acknowledge(self, numbers: Iterable[int]) -> None:
        """Send the acknowledgements of ``numbers`` soon; never over a later connection."""
        self.send(wire.acknowledgements(numbers))

    def send(self, packets: bytes) -> None:
        """Send whole ``packets`` soon."""
        with self._lock:
            self._unsent += packets
            if self._waker.fileno() >= 0:
                self._waker.send(b"\0")

    def turn(self, *, listen: bool) -> list[wire.Published | wire.Answer]:
        """Send what is due; return what came, after at most TICK; nothing unless ``listen``.

        Raises OSError when the connection is over and ``wire.Malformed`` for what is no MQTT.
        """
        self._keep_alive(listen=listen)
        ready = self._ready(listen=listen)
        if self._woken in ready:
            self._woken.recv(4096)
        self._send()
        return self._packets.of(self._read()) if self._sock in ready else []

    @property
    def idle(self) -> bool:
        """Whether everything was sent."""
        return not self._unsent

    def close(self) -> None:
        """Take no more acknowledgements; the socket is its owner's."""
        with self._lock:
            self._woken.close()
            self._waker.close()

    def _ready(self, *, listen: bool) -> list[Any]:
        decrypted = getattr(self._sock, "pending", None)  # select knows nothing of those bytes
        if listen and decrypted is not None and decrypted():
            return [self._sock]
        reading = [self._sock, self._woken] if listen else [self._woken]
        return select.select(reading, [self._sock] if self._unsent else [], [], TICK)[0]

    def _read(self) -> bytes:
        try:
            data: bytes = self._sock.recv(CHUNK)
        except _NOT_NOW:
            return b""
        if not data:
            raise ConnectionError("the broker closed it")
        self._heard = time.monotonic()
        return data

    def _send(self) -> None:
        with self._lock:
            if self._unsent:
                try:
                    del self._unsent[: self._sock.send(self._unsent)]
                except _NOT_NOW:
                    return

    def _keep_alive(self, *, listen: bool) -> None:
        now = time.monotonic()
        self._heard = self._heard if listen else now  # it is us who do not listen
        if now - self._pinged < KEEP_ALIVE_SECONDS:
            return
        if self._heard < self._pinged:
            raise TimeoutError("the broker does not answer")
        self._pinged = now
        with self._lock:
            self._unsent += wire.PING
