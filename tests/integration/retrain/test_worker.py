"""The worker on a real project: a better challenger goes live, and no kill leaves anything half done."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from tests.integration.retrain.conftest import Place, git

WAIT = 900.0


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT
    while not true():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.3)


@pytest.mark.slow
def test_killed_at_every_step_it_heals(place: Place) -> None:
    """SIGKILL after each step: the champion serves on, and the next worker does what was left, once."""
    before = place.champion()
    run = place.ask("killed at every step")
    (place.root / "notes.txt").write_text("nobody's business")
    (place.root / "README.md").write_text("half a sentence")
    for step in ("pinned", "trained", "gated", "pushed", "committed"):
        worker = place.start("retrain")
        _until(lambda step=step: {step, "refused", "failed"} & set(place.steps(run)))
        assert step in place.steps(run)
        if step == "pinned":
            time.sleep(3)  # into the training
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait()
        clone = Path(place.env["HORIZONTE_HOME"]) / f"retrain/{run}/.git"
        for lock in ("index.lock", "HEAD.lock"):
            if clone.exists():
                (clone / lock).touch()  # as a git that died with it leaves them
        assert step == "committed" or place.champion() == before  # it may just have moved
    place.command("retrain")
    steps = place.steps(run)
    assert [steps.count(s) for s in ("pinned", "gated", "pushed", "committed", "promoted")] == [
        1
    ] * 5
    with place.connect() as conn:
        moves = conn.execute("SELECT sha256, previous, why FROM promotion ORDER BY id").fetchall()
        gated = conn.execute(
            "SELECT challenger, passed FROM gate WHERE run_id = %s", (run,)
        ).fetchall()
    assert moves[1:] == [(place.champion(), before, "killed at every step")]
    assert gated == [(place.champion(), True)]
    page = place.last("gated")["page"]
    assert page.startswith("data/reports/gates/")
    assert (place.root / page).is_file()
    assert (place.root / "README.md").read_text() == "half a sentence"
    assert git(place.root, "status", "--porcelain").splitlines() == ["?? README.md", "?? notes.txt"]
    changed = git(place.root, "diff", "--stat", "main", f"retrain/{run}", "--", "params.yaml")
    assert "1 file changed, 2 insertions(+), 2 deletions(-)" in changed
    branch = yaml.safe_load(git(place.root, "show", f"retrain/{run}:params.yaml"))
    assert branch["snapshot"]["recorded"] is not None


@pytest.mark.slow
def test_two_workers_at_once_do_one_request_after_the_other(place: Place) -> None:
    """Of two workers one works and the other leaves; two requests are both ended, in their order.

    One before them is told to stop together with its dvc, as a supervisor does: no request failed by
    that. Another alone: it has ended the training and begun nothing else.
    """
    first, second = place.ask("first of two"), place.ask("second of two")
    supervised = place.start("retrain", "--watch", alone=True)
    _until(lambda: "pinned" in place.steps(first))
    time.sleep(3)  # into the training
    os.killpg(supervised.pid, signal.SIGTERM)
    assert supervised.wait(WAIT) == 0
    assert place.steps(first) == ["started", "pinned"]
    stopped = place.start("retrain", "--watch")
    _until(lambda: place.steps(first).count("started") == 2)
    time.sleep(3)
    stopped.terminate()
    assert stopped.wait(WAIT) == 0
    assert place.steps(first) == ["started", "pinned", "started", "trained"]
    assert place.steps(second) == []
    workers = [place.start("retrain"), place.start("retrain")]
    assert [w.wait(WAIT) for w in workers] == [0, 0]
    assert place.steps(first).count("trained") == 1
    assert all(place.steps(run)[-1] in ("promoted", "refused") for run in (first, second))
    with place.connect() as conn:
        rows = conn.execute(
            """SELECT run_id, min(id), max(id) FROM retrain_step WHERE run_id >= %s
               GROUP BY run_id ORDER BY run_id""",
            (first,),
        ).fetchall()
    assert [row[0] for row in rows] == [first, second]
    assert rows[0][2] < rows[1][1]


@pytest.mark.slow
def test_a_rollback_answers_as_before(place: Place) -> None:
    """Rolling back promotes the former version, whose forecasts are equal to the bit."""
    after = place.champion()
    place.command("models", "rollback", "--why", "to see it go back")
    assert place.champion() != after
    listed = place.command("models", "history").stdout
    assert "rollback" in listed
    refused = place.command("models", "rollback", "--why", "once more", check=False)
    assert refused.returncode == 1
    assert "nothing" in refused.stderr or "former champion" in refused.stderr
