"""A recording replayed to a real broker and as a real API."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import httpx
import pandas as pd
import pytest

from horizonte import config, replay
from horizonte.embedded import process, services
from horizonte.errors import ConfigFault
from horizonte.ingest import broker as brokers
from horizonte.ingest.broker import Broker

SOURCES = """
plant:
  files: plant.csv
  freq: PT1H
  topics: [{topic: site/+, sequence: n}]
  series: {power: {}, heat: {}}
silent:
  files: plant.csv
  freq: PT1H
  series: {power: {unique_id: silent/p}, heat: {unique_id: silent/h}}
"""
SERVE = """
import sys
from horizonte import replay
replay.serve_http("plant", port=int(sys.argv[1]), speed=1e9)
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    ds = pd.date_range("2025-03-01", periods=50, freq="h", tz="UTC")
    frame = pd.DataFrame({"timestamp": ds.strftime("%Y-%m-%dT%H:%M:%SZ"), "power": range(50)})
    frame.assign(heat=0.5).to_csv(tmp_path / "plant.csv", index=False)
    (tmp_path / "sources.yaml").write_text(SOURCES)
    (tmp_path / "params.yaml").touch()
    return tmp_path


def test_every_recorded_reading_reaches_a_subscriber(
    root: Path, tmp_path: Path, enter: Callable[[Path], Path]
) -> None:
    """Replay publishes each reading of the window once, in order, with its sequence."""
    enter(tmp_path / "home")
    url = services.up(("mqtt",), link_project=False).mqtt
    broker, heard, ready = Broker.of(config.settings(), url), [], threading.Event()
    client = brokers.client(broker, client_id="watcher", persistent=False)
    client.on_connect = lambda *_: client.subscribe("site/#", qos=1) and None
    client.on_subscribe = lambda *_: ready.set()
    client.on_message = lambda _client, _data, message: heard.append(message)
    brokers.connect(client, broker, persistent=False)
    client.loop_start()
    assert ready.wait(10)
    start, end = pd.Timestamp("2025-03-01T10:00Z"), pd.Timestamp("2025-03-02T10:00Z")
    counts = replay.run("plant", speed=1e6, start=start, end=end, root=root)
    assert (counts.published, counts.acknowledged) == (48, 48)
    assert process.wait_until(lambda: len(heard) >= 48, seconds=10)
    client.disconnect()
    client.loop_stop()
    power = [json.loads(message.payload) for message in heard if message.topic == "site/power"]
    assert [body["value"] for body in power] == list(range(10, 34))
    assert [body["n"] for body in power] == list(range(1, 25))
    assert power[0]["ts"] == "2025-03-01T10:00:00Z"


def test_a_source_without_topics_is_refused(root: Path) -> None:
    """A source that declares no topic cannot be replayed, and the key to write is named."""
    with pytest.raises(ConfigFault, match=r"silent\.topics"):
        replay.run("silent", root=root)


def test_the_api_serves_the_recording_until_it_is_told_to_stop(root: Path) -> None:
    """The served recording has every reading, and SIGTERM ends the server with exit code 0."""
    port = process.free_ports(1)[0]
    with subprocess.Popen([sys.executable, "-c", SERVE, str(port)], cwd=root) as server:
        try:
            assert process.wait_until(lambda: not process.is_free(port), seconds=60)
            body = httpx.get(f"http://127.0.0.1:{port}/readings").json()
        finally:
            server.send_signal(signal.SIGTERM)
        assert server.wait(20) == 0
    assert len(body["readings"]) == 100
