"""Set-up and demo in a fresh clone: seconds of each step, a second demo, a repro with nothing to do.

Run: python benchmarks/demo.py. Downloads come from the package cache where there is one; the
set-up row says whether it was warm. Everything is stopped and removed at the end.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def timed(*command: str, cwd: Path) -> float:
    """Return the seconds that ``command`` took; end the benchmark when it fails."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("HORIZONTE_")}
    began = time.perf_counter()
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    return time.perf_counter() - began


def main() -> None:
    """Measure and print a Markdown table."""
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "clone"
        rows = {
            "git clone": timed("git", "clone", "--quiet", str(ROOT), str(clone), cwd=Path(folder))
        }
        rows["make setup (packages)"] = timed("make", "setup", cwd=clone)
        try:
            rows["first make demo, whole"] = timed("make", "demo", "DETACH=1", cwd=clone)
            rows |= {f"  of that: {step}": s for step, s in steps(clone).items()}
            rows["second make demo"] = timed("make", "demo", "DETACH=1", cwd=clone)
            rows["dvc repro, nothing to do"] = timed(".venv/bin/dvc", "repro", "--quiet", cwd=clone)
        finally:
            rows["make down"] = timed("make", "down", cwd=clone)
    print("| step | seconds |\n|---|---|")
    for step, seconds in rows.items():
        print(f"| {step} | {seconds:.1f} |")


def steps(clone: Path) -> dict[str, float]:
    """Return the steps of the demo as it recorded them."""
    return dict(json.loads((clone / ".horizonte/demo.json").read_text()))


if __name__ == "__main__":
    main()
