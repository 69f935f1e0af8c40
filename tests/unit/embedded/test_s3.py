from pathlib import Path

from horizonte.embedded.s3 import GRPC_OFFSET, PORT_FLAGS, S3


def test_every_listener_gets_a_port_of_its_own(tmp_path: Path) -> None:
    """Ports are distinct, one for each flag, and the admin pair is where the worker looks."""
    record = S3(tmp_path).allocate(None)
    ports = dict(zip(PORT_FLAGS, record.ports, strict=True))
    assert len(set(record.ports)) == len(PORT_FLAGS)
    assert ports["admin.port.grpc"] == ports["admin.port"] + GRPC_OFFSET
    assert S3(tmp_path).allocate(record).ports == record.ports
    assert S3(tmp_path).allocate(record).secret == record.secret


def test_the_command_is_private_and_silent(tmp_path: Path) -> None:
    """Telemetry is off, every address is loopback, and no secret is on the command line."""
    s3 = S3(tmp_path)
    record = s3.allocate(None)
    launch = s3.launch(s3.settle(record))
    assert "-master.telemetry=false" in launch.argv
    assert "-ip.bind=127.0.0.1" in launch.argv
    assert not any(record.secret in word for word in launch.argv)
    assert (tmp_path / "s3" / "s3.json").stat().st_mode & 0o777 == 0o600
    assert set(launch.env) == {"PATH", "HOME", "TZ"}
