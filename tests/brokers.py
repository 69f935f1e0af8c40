"""Mosquitto as the project ships its configuration, in a process and a folder of its own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from horizonte.embedded import process

ROOT = Path(__file__).parents[1]
CONF = ROOT / "deploy/mosquitto/mosquitto.conf"
PROGRAM = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
USER, PASSWORD = "horizonte", "a word of its own"


@dataclass
class Mosquitto:
    """One broker on loopback; it keeps port, password and sessions when it is started again."""

    folder: Path
    changes: dict[str, str] = field(default_factory=dict)
    port: int = 0
    child: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"mqtt://{USER}:{PASSWORD.replace(' ', '%20')}@127.0.0.1:{self.port}"

    def start(self) -> Mosquitto:
        """Return once the port answers; the first call makes password and configuration."""
        assert PROGRAM
        if not self.port:
            self.port = process.free_ports(1)[0]
            words = ["mosquitto_passwd", "-b", "-c", str(self.folder / "passwd"), USER, PASSWORD]
            subprocess.run(words, check=True, capture_output=True)
        (self.folder / "mosquitto.conf").write_text(self._conf())
        with (self.folder / "mosquitto.log").open("ab") as log:
            argv = [PROGRAM, "-c", str(self.folder / "mosquitto.conf")]
            self.child = subprocess.Popen(argv, stdout=log, stderr=log, cwd=self.folder)
        assert process.wait_until(self._answers, seconds=20), self.log()
        return self

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Send a signal and wait for the end."""
        if self.child is not None:
            self.child.send_signal(number)
            self.child.wait(30)
            self.child = None

    def log(self) -> str:
        return (self.folder / "mosquitto.log").read_text(errors="replace")

    def _conf(self) -> str:
        mine = {
            "listener": f"{self.port} 127.0.0.1",
            "password_file": str(self.folder / "passwd"),
            "persistence_location": f"{self.folder}/",
            **({"user": "root"} if os.geteuid() == 0 else {}),  # else it becomes a stranger here
            **self.changes,
        }
        lines = [ln for ln in CONF.read_text().splitlines() if ln and not ln.startswith("#")]
        shipped = dict(line.split(" ", 1) for line in lines)
        return "".join(f"{name} {value}\n" for name, value in {**shipped, **mine}.items())

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True
