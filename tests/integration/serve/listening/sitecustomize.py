"""Writes down what a process does that serving never needs, from when a file ``armed`` exists."""

from __future__ import annotations

import ast
import collections
import os
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

FOLDER = Path(os.environ["HORIZONTE_TEST_AUDIT"])
ARMED = str(FOLDER / "armed")
HEARD = str(FOLDER / "heard")
WATCHED = {
    "pickle.find_class", "marshal.loads", "exec", "compile", "subprocess.Popen", "os.system",
    "os.exec", "os.posix_spawn", "os.fork", "socket.connect", "open", "ctypes.dlopen",
}  # fmt: skip
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
SAFE = {(collections.__file__, "namedtuple"), (ast.__file__, "literal_eval")}
_busy = threading.local()


def _known() -> bool:
    """Tell whether a module is being imported, or a named tuple made or a literal read safely."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        if (frame.f_code.co_filename, frame.f_code.co_name) in SAFE:
            return True
        frame = frame.f_back
    return False


def hear(event: str, args: tuple[Any, ...]) -> None:
    """Append the event and its arguments to the file, one a line."""
    if event not in WATCHED or getattr(_busy, "now", False):
        return
    _busy.now = True
    try:
        if event == "open" and not (args[2] or 0) & WRITING:
            return
        if os.path.exists(ARMED) and not _known():  # noqa: PTH110 (pathlib opens nothing, yet imports)
            line = f"{event} {args!r}"[:300].replace("\n", " ")
            descriptor = os.open(HEARD, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.write(descriptor, (line + "\n").encode(errors="replace"))
            os.close(descriptor)
    finally:
        _busy.now = False


(FOLDER / str(os.getpid())).touch()
sys.addaudithook(hear)
