"""The embedded services of a home: brought up, described, taken down."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from horizonte import config, paths
from horizonte.embedded import dvc, process, state, supervisor
from horizonte.embedded.endpoints import Endpoints, S3Settings, without_secret
from horizonte.embedded.mqtt import Mqtt
from horizonte.embedded.postgres import Postgres
from horizonte.embedded.s3 import S3
from horizonte.embedded.state import Record
from horizonte.embedded.supervisor import Service
from horizonte.errors import ConfigFault, ServiceFault

NAMES = ("postgres", "s3", "mqtt")
NEVER = "never started"


class Status(NamedTuple):
    """One service as ``horizonte status`` shows it; ``url`` holds no password.

    ``state`` is running, unhealthy, stopped or external (set by its URL, not ours to stop).
    """

    name: str
    state: str
    url: str
    pid: int | None
    since: datetime | None
    detail: str


def up(names: Sequence[str] = NAMES, *, link_project: bool = True) -> Endpoints:
    """Return the endpoints once each named service has answered a query, a PUT or a message.

    Services that run are kept, dead or hanging ones are started again, those with a URL of
    their own in the settings are left alone. Safe to call twice and from several processes.
    With ``link_project`` the surrounding project's DVC remote is pointed at the bucket.
    Raises ServiceFault, with the log's last lines, when one does not come up.
    """
    services, home = _embedded(names), config.settings().home_folder()
    if services:
        with state.lock(home):
            _ensure(home, services)
    found = endpoints()
    if link_project and "s3" in names:
        link(found.s3)
    return found


def endpoints() -> Endpoints:
    """Return where each service is, set or embedded; starts and asks nothing."""
    setting = config.settings()
    database, broker = setting.database, setting.mqtt
    bucket = S3Settings.parse(setting.s3) if setting.s3 else None
    try:
        home = setting.home_folder()
    except ConfigFault:
        # A service outside any project needs no home while it has a database and a bucket.
        if database and bucket:
            return Endpoints(database, bucket, broker)
        raise
    records = state.read(home)
    if not database and "postgres" in records:
        database = Postgres(home).url(records["postgres"])
    if not bucket and "s3" in records:
        bucket = S3(home).settings(records["s3"])
    if not broker and "mqtt" in records:
        broker = Mqtt(home).url(records["mqtt"])
    return Endpoints(database, bucket, broker)


def status() -> list[Status]:
    """Return one row per service; embedded ones that run are asked a real question."""
    home, outside = config.settings().home_folder(), _outside()
    records = state.read(home)
    return [
        Status(name, "external", without_secret(url), None, None, "set in the environment")
        if (url := outside[name])
        else _row(service, records.get(name))
        for name, service in _services(home).items()
    ]


def down() -> list[str]:
    """Stop every service that ``up`` started, and nothing else; return the names of those.

    The database shuts down in order; data, ports and credentials stay for the next ``up``.
    Raises ServiceFault when one will not go.
    """
    home = config.settings().home_folder()
    if not home.exists():
        return []
    services = _services(home).values()
    with state.lock(home):
        records = state.read(home)
        with ThreadPoolExecutor() as pool:
            ended = list(pool.map(lambda s: _end(s, records.get(s.name)), services))
        state.write(
            home,
            {name: replace(record, pid=None, created=None) for name, record in records.items()},
        )
    return [service.name for service, running in zip(services, ended, strict=True) if running]


def link(s3: S3Settings, *, project: Path | None = None) -> None:
    """Point the DVC remote of a project (default: the surrounding one, if any) at the bucket."""
    try:
        root = project or paths.project_root()
    except ConfigFault:
        return
    if (root / ".dvc").is_dir():
        dvc.point_remote(root, s3)


def _services(home: Path) -> dict[str, Service]:
    return {"postgres": Postgres(home), "s3": S3(home), "mqtt": Mqtt(home)}


def _outside() -> dict[str, str | None]:
    setting = config.settings()
    return {"postgres": setting.database, "s3": setting.s3, "mqtt": setting.mqtt}


def _embedded(names: Sequence[str]) -> list[Service]:
    services, outside = _services(config.settings().home_folder()), _outside()
    if unknown := set(names) - set(services):
        raise ServiceFault(
            "service", sorted(unknown)[0], f"one of {', '.join(services)}", "name one of these"
        )
    return [services[name] for name in names if not outside[name]]


def _ensure(home: Path, services: Sequence[Service]) -> None:
    records, guard = state.read(home), threading.Lock()

    def save(name: str, record: Record) -> None:
        with guard:
            records[name] = record
            state.write(home, records)

    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda s: supervisor.ensure(s, records.get(s.name), save=save), services))


def _end(service: Service, record: Record | None) -> bool:
    running = record is not None and process.alive(record.identity)
    if record and running:
        supervisor.halt(service, record)
    return supervisor.clear(service) or running


def _row(service: Service, record: Record | None) -> Status:
    if record is None:
        return Status(service.name, "stopped", "", None, None, NEVER)
    url = service.url(record, secret=False)
    if not process.alive(record.identity):
        detail = "stopped" if record.pid is None else f"ended on its own; see {service.log}"
        return Status(service.name, "stopped", url, None, None, detail)
    healthy = supervisor.answers(service, record, seconds=1.0)
    since = datetime.fromtimestamp(record.created or 0.0, UTC)
    detail = "answers" if healthy else f"does not answer; see {service.log}"
    return Status(
        service.name, "running" if healthy else "unhealthy", url, record.pid, since, detail
    )
