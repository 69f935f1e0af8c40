"""The broker of the settings: its URL, its TLS, its window, and no password anywhere."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from paho.mqtt.client import Client

from horizonte.config import Settings
from horizonte.errors import ConfigFault
from horizonte.ingest.broker import Broker, Flow, client, client_id


def settings(**given: object) -> Settings:
    return Settings.model_validate({"mqtt": "mqtt://h", **given})


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("mqtt://h", Broker("h", 1883)),
        ("mqtts://h", Broker("h", 8883, tls=True)),
        ("mqtt://u:p%2F%40@h:99/", Broker("h", 99, "u", "p/@")),
        ("mqtt://u@[::1]:99", Broker("::1", 99, "u")),
    ],
)
def test_a_broker_url_is_read(url: str, expected: Broker) -> None:
    """Each documented form of HORIZONTE_MQTT gives host, port, user, password and encryption."""
    assert Broker.of(settings(), url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "http://u:hush@h",
        "u:hush@h:1883",
        "mqtt:u:hush@h",
        "mqtt://u:hush@",
        "mqtt://u:hush@h:0",
        "mqtt://u:hush@h:99999",
        "mqtt://u:hush@h:port",
        "mqtt://u:hush#@h",
        "mqtt://u:hu/sh@h",
        "mqtt://u:hush@h/topic",
        "mqtt://u:hush@h?x=1",
        "mqtt://:hush@h",
        "mqtt://u:hush@[h",
    ],
)
def test_what_is_no_broker_url_is_refused(url: str) -> None:
    """Every other URL is a ConfigFault that names the setting and not the password."""
    with pytest.raises(ConfigFault, match="HORIZONTE_MQTT") as refused:
        Broker.of(settings(), url)
    assert "hu" not in str(refused.value)


def test_the_password_is_not_shown() -> None:
    """Neither the broker's repr nor its text has the password."""
    broker = Broker.of(settings(), "mqtts://u:hush@h")
    assert "hush" not in f"{broker!r} {broker}"
    assert str(broker) == "mqtts://h:8883"


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"mqtt_ca": "/ca.pem"}, "HORIZONTE_MQTT_CA"),
        ({"mqtt_key": "/k.pem", "url": "mqtts://h"}, "HORIZONTE_MQTT_KEY"),
        ({"mqtt": None, "mqtt_version": "5"}, "HORIZONTE_MQTT_VERSION"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(
    given: dict[str, object], named: str
) -> None:
    """TLS files without TLS, a key alone, and MQTT 5 to the embedded broker name the setting."""
    url = str(given.pop("url", "mqtt://h"))
    with pytest.raises(ConfigFault, match=named):
        Broker.of(settings(**given), url)


def test_unusable_tls_files_are_named(tmp_path: Path) -> None:
    """A missing authority and a certificate that is none are ConfigFaults with the file's name."""
    (tmp_path / "bad.pem").write_text("no certificate")
    for name, path in (("CA", tmp_path / "none.pem"), ("CERT", tmp_path / "bad.pem")):
        given = settings(**{f"mqtt_{name.lower()}": path})
        broker = Broker.of(given, "mqtts://h")
        with pytest.raises(ConfigFault, match=f"HORIZONTE_MQTT_{name}.*{path.name}"):
            client(broker, client_id="c", persistent=True)


def test_encryption_verifies_the_broker() -> None:
    """A TLS client checks certificate and host name."""
    made = client(Broker("h", 8883, tls=True), client_id="c", persistent=True)
    context = made._ssl_context
    assert context is not None
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


@pytest.mark.parametrize("version", ["3.1.1", "5"])
def test_only_a_persistent_client_keeps_its_session(version: str) -> None:
    """A persistent client asks to keep its session and acknowledges by hand; another neither."""
    made = [
        client(Broker("h", 1883, version=version), client_id="c", persistent=persistent)
        for persistent in (True, False)
    ]
    assert [m._manual_ack for m in made] == [True, False]
    if version == "3.1.1":
        assert [m._clean_session for m in made] == [False, True]
    assert all(isinstance(m, Client) for m in made)


def test_the_flow_fits_the_window() -> None:
    """Window and batch are as set, and the embedded broker's fixed window halves the batch."""
    assert Flow.of(settings()) == Flow(20_000, 5_000, 0.2)
    assert Flow.of(settings(mqtt=None)) == Flow(100, 50, 0.2)
    assert Flow.of(settings(mqtt=None, mqtt_batch=7)).batch == 7


def test_a_batch_that_outgrows_the_window_is_refused() -> None:
    """A batch of more than half the window is refused, naming both settings."""
    with pytest.raises(ConfigFault, match=r"MQTT_BATCH.*MQTT_WINDOW"):
        Flow.of(settings(mqtt_window=100, mqtt_batch=51))


def test_the_client_id_is_stable_in_a_home_and_differs_between_homes(tmp_path: Path) -> None:
    """Two starts in one home give one id, another home another one, and the setting wins."""
    homes = [settings(home=tmp_path / name) for name in ("a", "a", "b")]
    first, again, other = map(client_id, homes)
    assert first == again != other
    assert client_id(settings(mqtt_client_id="mine")) == "mine"
