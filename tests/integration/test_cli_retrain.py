"""``horizonte retrain`` and ``retrainings`` on a real queue, in a project without a champion."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.conftest import ROOT

from horizonte.retrain import worker
from horizonte.store import retrainings
from horizonte.store.connection import Connection

CLI = [sys.executable, "-c", "from horizonte.cli import main; main()"]
REFUSED = "refused: there is no champion to beat"


@dataclass(frozen=True)
class Queue:
    """A project folder, its queue, and the command line in it."""

    root: Path
    conn: Connection
    env: dict[str, str]

    def ask(self, why: str = "the test asks") -> int:
        """Queue a request."""
        return retrainings.request(self.conn, "retrain", why=why, by="test")

    def steps(self, number: int) -> list[str]:
        """Return the steps of a request, in order."""
        return list(retrainings.steps(self.conn, number)["step"])

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run ``horizonte`` with ``words``, its output in a pipe."""
        return subprocess.run(
            [*CLI, *words], cwd=self.root, env=self.env, capture_output=True, text=True, check=False
        )


@pytest.fixture
def queue(store: Connection, database_url: str, tmp_path: Path) -> Iterator[Queue]:
    """An empty queue: what the test leaves is ended after it."""
    shutil.copy(ROOT / "params.yaml", tmp_path)
    home = {"HORIZONTE_HOME": str(tmp_path / "home"), "HORIZONTE_DATABASE": database_url}
    yield Queue(tmp_path, store, os.environ | home)
    while left := retrainings.waiting(store):
        retrainings.record(store, left.id, "refused", {"why": "the test is over"})


def test_told_to_stop_no_request_and_no_step_begins(queue: Queue) -> None:
    """The request at work is left after the step it has come to; the next worker ends both."""
    first, second = queue.ask(), queue.ask()
    assert list(worker.work(queue.conn, root=queue.root, stopped=lambda: True)) == []
    [left] = worker.work(queue.conn, root=queue.root, stopped=lambda: bool(queue.steps(first)))
    assert (left.run_id, left.end, queue.steps(first), queue.steps(second)) == (
        first, None, ["started"], [],
    )  # fmt: skip
    ended = [(done.run_id, done.end) for done in worker.work(queue.conn, root=queue.root)]
    assert ended == [(first, "refused"), (second, "refused")]


def test_a_failed_request_is_the_exit_code(queue: Queue) -> None:
    """A request that is refused came to its end in order; one that failed did not."""
    queue.ask()
    done = queue.command("retrain")
    assert (done.returncode, REFUSED in done.stdout) == (0, True)
    number = queue.ask()
    for tried in range(worker.TRIES):
        retrainings.record(queue.conn, number, "started", {"again": tried})
    done = queue.command("retrain")
    assert (done.returncode, queue.steps(number)[-1]) == (1, "failed")
    assert f"retraining {number}: failed: started 10 times" in done.stdout


@pytest.mark.slow
def test_a_watching_worker_outlives_a_policy_that_cannot_be_read(queue: Queue) -> None:
    """It says so and tries again; mended, the request is done, and SIGTERM ends it in order."""
    whole = (queue.root / "params.yaml").read_text()
    (queue.root / "params.yaml").write_text("loop: {")
    number = queue.ask()
    with subprocess.Popen(
        [*CLI, "retrain", "--watch"], cwd=queue.root, env=queue.env, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stderr is not None
        assert any("params.yaml" in line for line in process.stderr)
        (queue.root / "params.yaml").write_text(whole)
        assert process.stdout.readline().startswith(f"retraining {number}: {REFUSED}")
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 0


def test_behind_another_worker_it_says_so(queue: Queue) -> None:
    """What was asked for waits, and who is at what; beside nobody there is nothing to wait for."""
    first = queue.ask()
    with retrainings.turn(queue.conn):
        done = queue.command("retrain", "--now", "--why", "one more")
    assert done.stdout.splitlines() == [
        f"retraining {first + 1}: waiting",
        f"Another worker is at retraining {first}; what waits behind it is done after it.",
    ]
    queue.command("retrain")
    assert queue.command("retrain").stdout == "Nothing waits.\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["retrain", "--now"], "'' is not the reason that --now keeps in the ledger; write: "),
        (["retrain", "--now", "--why", " "], "why: ' ' is not a reason; say in a sentence why"),
        (["retrain", "--why", "x"], "--why: 'x' is not taken without --now; add --now"),
        (["retrain", "--recalibrate"], "--recalibrate: True is not taken without --now; add --now"),
        (["retrainings", "999"], "retraining: 999 is not a number in the ledger"),
        (["retrainings", "999", "--json"], "retraining: 999 is not a number in the ledger"),
        (["retrainings", "--md"], "name one, such as: horizonte retrainings 7 --md"),
    ],
)
def test_what_cannot_be_done_is_refused(queue: Queue, words: list[str], said: str) -> None:
    """With what is missing and how to write it; nothing is asked for."""
    done = queue.command(*words)
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr
    assert retrainings.waiting(queue.conn) is None


def test_the_queue_is_shown_whole(queue: Queue) -> None:
    """In a pipe a long reason stays one line; what has come to no step waits."""
    why = "because " + 40 * "of many things, "
    number = queue.ask(why)
    shown = queue.command("retrainings").stdout.splitlines()
    assert shown[1].rstrip() == f" {number:<2}  retrain  waiting  {why.rstrip()}"
    retrainings.record(queue.conn, number, "refused", {"why": why})
    told = queue.command("retrainings", str(number)).stdout
    assert f"refused  why  {why.rstrip()}" in told
    assert "{" not in told
    (line,) = queue.command("retrainings", str(number), "--json").stdout.splitlines()
    assert json.loads(line)["detail"] == {"why": why}
