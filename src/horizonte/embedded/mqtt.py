"""An MQTT broker from its wheel (iotcore): own process, loopback, password, MQTT 3.1.1."""

from __future__ import annotations

import os
import secrets
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from horizonte.embedded import process
from horizonte.embedded.process import Launch
from horizonte.embedded.state import Record, replace_private
from horizonte.errors import ServiceFault

if TYPE_CHECKING:
    from paho.mqtt.client import Client

# Compiled in: it sends no client more than this many messages that are not yet acknowledged.
WINDOW = 100
MAX_PAYLOAD = 1024**2
PROBE_TOPIC = "horizonte/ready"
PROBE_SECONDS = 3.0
# Isolated, so that nothing in a folder or variable shadows the package, wherever that is.
START = "import sys; sys.path.append(sys.argv.pop(1)); from iotcore.__main__ import main; main()"
CONF = """\
id = 0

[router]
id = 0
max_connections = 1000
# Messages at QoS 0 that one turn hands to a subscriber; at QoS 1 the window of 100 rules.
max_outgoing_packet_count = 1000
# Every topic filter has a log in memory, from which slow and returning subscribers are served:
# 64 MiB of topics and payloads, which is half a million readings in JSON (250 MB of memory; bare
# numbers cost 700). Past that the oldest segment is forgotten; gaps in the sequences show it.
max_segment_size = 4194304
max_segment_count = 16

[v4.1]
name = "horizonte"
listen = "127.0.0.1:{port}"
next_connection_delay_ms = 1

[v4.1.connections]
connection_timeout_ms = 10000
# Room for thousands of readings a message. A bigger one ends its publisher's connection before
# it is read into memory, and nobody else's.
max_payload_size = {payload}
# Packets of one publisher that are read in one go, so that a fast one cannot starve the others.
max_inflight_count = 200
dynamic_filters = true

[v4.1.connections.auth]
"{user}" = "{secret}"
"""


def _interpreter() -> Path:
    # A virtual environment always has this name, however it was entered: strays are found by it.
    usual = Path(sys.executable).with_name("python")
    return usual if os.access(usual, os.X_OK) else Path(sys.executable)


@dataclass(frozen=True)
class Mqtt:
    """The embedded broker of one home; what it holds is in memory and ends with its process."""

    home: Path
    name: str = "mqtt"
    program: str = field(default_factory=lambda: _interpreter().name)
    signals: tuple[signal.Signals, ...] = (signal.SIGTERM, signal.SIGKILL)
    stray_signals: tuple[signal.Signals, ...] = (signal.SIGTERM, signal.SIGKILL)

    @property
    def log(self) -> Path:
        """The broker's log."""
        return self.home / "logs" / "mqtt.log"

    @property
    def workplace(self) -> Path:
        """The folder in which the broker runs."""
        return (self.home / "mqtt").resolve()

    def allocate(self, old: Record | None) -> Record:
        """Return a record with a free port, the old one where possible; touches no file."""
        ports = process.free_ports(1, wanted=old.ports if old else ())
        if old:
            return replace(old, ports=ports, pid=None, created=None)
        return Record(ports, user=secrets.token_hex(6), secret=secrets.token_urlsafe(24), target="")

    def settle(self, record: Record) -> Record:
        """Write the broker's settings, the password among them, for its owner only."""
        self.workplace.mkdir(exist_ok=True, mode=0o700)
        text = CONF.format(
            port=record.ports[0], payload=MAX_PAYLOAD, user=record.user, secret=record.secret
        )
        replace_private(self.workplace / "broker.toml", text)
        return replace(record, settled=True)

    def launch(self, record: Record) -> Launch:  # noqa: ARG002 (the port is in the settings)
        """Return how to start the settled broker."""
        found = find_spec("iotcore")
        if not found or not found.origin:
            raise ServiceFault(
                "MQTT broker",
                "iotcore",
                "installed in this environment",
                "run `make setup`, or set HORIZONTE_MQTT",
            )
        # Its library logs every packet as an error; only what ends the process is kept.
        arguments = ["--config", "broker.toml", "--log-level", "CRITICAL"]
        packages = str(Path(found.origin).parents[1])
        argv = [str(_interpreter()), "-I", "-c", START, packages, *arguments]
        env = {"PATH": os.environ.get("PATH", os.defpath), "TZ": "UTC"}
        return Launch(argv, self.workplace, self.log, env)

    def probe(self, record: Record) -> None:
        """Send one message to itself at QoS 1, with the password; raises OSError if it is lost."""
        deadline = time.monotonic() + PROBE_SECONDS
        payload, heard, acknowledged = secrets.token_bytes(8), [], []
        with _connection(record) as client:
            client.on_connect = lambda *_: _ignore(client.subscribe(PROBE_TOPIC, qos=1))
            client.on_subscribe = lambda *_: _ignore(client.publish(PROBE_TOPIC, payload, qos=1))
            client.on_message = lambda _client, _data, message: heard.append(message.payload)
            client.on_publish = lambda *_: acknowledged.append(True)
            while not (acknowledged and payload in heard):
                if client.loop(timeout=0.05) or time.monotonic() > deadline:
                    raise OSError("no QoS 1 round trip: connection closed, or no answer in time")

    def url(self, record: Record, *, secret: bool = True) -> str:
        """Return the broker's URL, with the password unless ``secret`` is false."""
        user = f"{record.user}:{quote(record.secret, safe='')}" if secret else record.user
        return f"mqtt://{user}@{process.LOOPBACK}:{record.ports[0]}"


@contextmanager
def _connection(record: Record) -> Iterator[Client]:
    from paho.mqtt.client import Client  # status and down need none
    from paho.mqtt.enums import CallbackAPIVersion

    client = Client(CallbackAPIVersion.VERSION2, f"horizonte-ready-{secrets.token_hex(4)}")
    client.username_pw_set(record.user, record.secret)
    client.connect_timeout = PROBE_SECONDS
    client.connect(process.LOOPBACK, record.ports[0], keepalive=5)
    try:
        yield client
    finally:
        client.disconnect()
        client.loop(timeout=0.05)


def _ignore(_: object) -> None:
    """Make a callback of what returns something."""
