"""The broker that the settings name, and clients of it: one place for consumer and simulator."""

from __future__ import annotations

import secrets
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import unquote, urlsplit

from horizonte.config import Settings
from horizonte.embedded.mqtt import WINDOW
from horizonte.errors import ConfigFault

if TYPE_CHECKING:
    from paho.mqtt.client import Client
    from paho.mqtt.properties import Properties

PORTS = {"mqtt": 1883, "mqtts": 8883}
KEEP_ALIVE_SECONDS = 30
CONNECT_SECONDS = 5.0
# How long an MQTT 5 broker is asked to keep the session of a consumer that is away: 30 days.
SESSION_SECONDS = 30 * 86_400


@dataclass(frozen=True)
class Broker:
    """One broker and how to talk to it; the password is in no repr and no error."""

    host: str
    port: int
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: bool = False
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    version: str = "3.1.1"

    @classmethod
    def of(cls, settings: Settings, url: str) -> Self:
        """Return the broker at ``url`` (``mqtt://`` or ``mqtts://``) with the settings' TLS.

        ``url`` is ``endpoints().mqtt``: the setting, or the embedded broker's. Raises
        ConfigFault naming the setting that does not fit.
        """
        scheme, host, port = _place(url)
        _consistent(settings, encrypted=scheme == "mqtts")
        parts = urlsplit(url)
        return cls(
            host,
            port,
            _decoded(parts.username),
            _decoded(parts.password),
            tls=scheme == "mqtts",
            ca=settings.mqtt_ca,
            cert=settings.mqtt_cert,
            key=settings.mqtt_key,
            version=settings.mqtt_version,
        )

    def __str__(self) -> str:
        return f"{'mqtts' if self.tls else 'mqtt'}://{self.host}:{self.port}"


@dataclass(frozen=True)
class Flow:
    """How many messages may be unacknowledged, readings written at once, and how long they wait."""

    window: int
    batch: int
    seconds: float

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the flow that fits the broker; raise ConfigFault where it would stand still.

        A batch that never fits the window would wait for its time-out on every write. The
        embedded broker's window is fixed, so the batch shrinks to half of that.
        """
        if settings.mqtt is None:
            batch = min(settings.mqtt_batch, WINDOW // 2)
            return cls(WINDOW, batch, settings.mqtt_flush_seconds)
        if settings.mqtt_window < 2 * settings.mqtt_batch:
            raise ConfigFault(
                "HORIZONTE_MQTT_BATCH",
                settings.mqtt_batch,
                f"at most half of HORIZONTE_MQTT_WINDOW ({settings.mqtt_window})",
                "lower it, or raise the window here and at the broker",
            )
        return cls(settings.mqtt_window, settings.mqtt_batch, settings.mqtt_flush_seconds)


def client_id(settings: Settings) -> str:
    """Return the consumer's client id: the setting, or a random one made once for the home.

    The same after every restart, so that the broker resumes its session; two consumers must
    not share one, or the broker disconnects each in favour of the other.
    """
    if settings.mqtt_client_id:
        return settings.mqtt_client_id
    path = settings.home_folder() / "mqtt-client-id"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with suppress(FileExistsError), path.open("x") as file:
        file.write(f"horizonte-{secrets.token_hex(6)}")
    return path.read_text()


def client(broker: Broker, *, client_id: str, persistent: bool) -> Client:
    """Return a paho client that is not connected yet: ``connect`` does that.

    A persistent one has the broker keep its session and acknowledges by hand (``ack``), the
    other starts clean. It never reconnects by itself unless its loop is paho's own: back-off
    is the caller's. Raises ConfigFault when a TLS file cannot be used.
    """
    from paho.mqtt.client import Client
    from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

    five = broker.version == "5"
    made = Client(
        CallbackAPIVersion.VERSION2,
        client_id=client_id,
        clean_session=None if five else not persistent,
        protocol=MQTTProtocolVersion.MQTTv5 if five else MQTTProtocolVersion.MQTTv311,
        manual_ack=persistent,
        reconnect_on_failure=False,
    )
    made.connect_timeout = CONNECT_SECONDS
    if broker.user is not None:
        made.username_pw_set(broker.user, broker.password)
    if broker.tls:
        made.tls_set_context(_context(broker))
    return made


def connect(made: Client, broker: Broker, *, persistent: bool, window: int = 65_535) -> None:
    """Open the connection and send CONNECT; the answer arrives at ``on_connect``.

    ``window`` is what an MQTT 5 broker may leave unacknowledged (receive maximum). Raises
    OSError when nobody answers at the address or TLS fails.
    """
    made.connect(
        broker.host,
        broker.port,
        keepalive=KEEP_ALIVE_SECONDS,
        clean_start=not persistent if broker.version == "5" else 3,  # 3: not in MQTT 3.1.1
        properties=_properties(persistent, window) if broker.version == "5" else None,
    )


def _properties(persistent: bool, window: int) -> Properties:
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.properties import Properties

    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho's
    properties.SessionExpiryInterval = SESSION_SECONDS if persistent else 0
    properties.ReceiveMaximum = window
    return properties


def _context(broker: Broker) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=broker.ca)
    except (OSError, ssl.SSLError) as why:
        raise _unusable("HORIZONTE_MQTT_CA", broker.ca, why) from None
    if broker.cert:
        try:
            # A passphrase is never asked for: there may be nobody to answer.
            context.load_cert_chain(broker.cert, broker.key, password=lambda: "")
        except (OSError, ssl.SSLError) as why:
            raise _unusable("HORIZONTE_MQTT_CERT", broker.cert, why) from None
    return context


def _unusable(setting: str, path: Path | None, why: OSError) -> ConfigFault:
    return ConfigFault(
        setting, str(path), f"a usable PEM file ({why.strerror or why})", "correct it"
    )


def _place(url: str) -> tuple[str, str, int]:
    try:
        parts = urlsplit(url)
        scheme, host, port = parts.scheme, parts.hostname, parts.port
    except ValueError:
        raise _no_url("(unreadable)") from None
    if scheme not in PORTS or not host or port == 0 or parts.path.strip("/") or parts.query:
        raise _no_url(f"{scheme}://{host or ''}")
    if parts.fragment or (parts.password is not None and not parts.username):
        raise _no_url(f"{scheme}://{host}")
    return scheme, host, port or PORTS[scheme]


def _no_url(shown: str) -> ConfigFault:
    return ConfigFault(
        "HORIZONTE_MQTT",
        shown,
        "mqtt(s)://user:password@host:port, user and password percent-encoded",
        "correct it, or unset it for the embedded broker",
    )


def _consistent(settings: Settings, *, encrypted: bool) -> None:
    files = {"CA": settings.mqtt_ca, "CERT": settings.mqtt_cert, "KEY": settings.mqtt_key}
    given = [name for name, path in files.items() if path]
    if given and not encrypted:
        raise ConfigFault(
            f"HORIZONTE_MQTT_{given[0]}",
            str(files[given[0]]),
            "used: the broker's URL is not encrypted",
            "make HORIZONTE_MQTT an mqtts:// URL, or unset it",
        )
    if settings.mqtt_key and not settings.mqtt_cert:
        raise ConfigFault(
            "HORIZONTE_MQTT_KEY", str(settings.mqtt_key), "beside a certificate", "set _CERT too"
        )
    if settings.mqtt is None and settings.mqtt_version == "5":
        raise ConfigFault(
            "HORIZONTE_MQTT_VERSION",
            "5",
            "3.1.1 with the embedded broker, which forgets sessions in version 5",
            "unset it, or set HORIZONTE_MQTT to a broker of your own",
        )


def _decoded(text: str | None) -> str | None:
    return None if text is None else unquote(text)
