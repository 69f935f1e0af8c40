"""A short run of the torture: a real broker, consumer and database, killed and restarted."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.brokers import ROOT
from tests.torture.verdict import ZERO


@pytest.mark.slow
def test_nothing_is_lost(tmp_path: Path) -> None:
    """After fifteen faults all that was acknowledged is stored once, with its last value."""
    argv = [sys.executable, "-m", "tests.torture", "--faults", "15", "--seed", "5"]
    done = subprocess.run(
        [*argv, "--folder", str(tmp_path / "run")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    facts = done.stdout[done.stdout.index('{\n  "faults"') :]  # log lines are JSON too
    found = json.JSONDecoder().raw_decode(facts)[0]
    assert {name: found[name] for name in ZERO} == dict.fromkeys(ZERO, 0)
    assert found["faults"] == 15
    assert found["ledger_rows"] > 500
