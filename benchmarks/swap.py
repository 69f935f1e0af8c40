"""From a promotion to every replica answering by it, with two replicas under 200 questions a second.

Run: python benchmarks/swap.py [--swaps N] [--rate R]. Needs data/models/model (make demo). Database,
bucket and replicas are of its own, on loopback, with the sample loaded, and are stopped at the end.
Prints Markdown.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from _replicas import Load, Replica, mixed, other_version

ROOT = Path(__file__).resolve().parents[1]
WAIT = 60.0
REHEARSED = 15.0  # seconds in which an issuer rehearses what is at hand


def main() -> None:
    """Measure, print, clean up."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--swaps", type=int, default=10)
    asked.add_argument("--rate", type=float, default=200.0)
    asked.add_argument("--get", action="store_true", help="GET /forecasts/… instead of POST")
    given = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["HORIZONTE_HOME"] = f"{folder}/home"
        os.chdir(ROOT)
        from horizonte.embedded import services

        try:
            _measure(Path(folder), given)
        finally:
            services.down()


def _measure(folder: Path, given: argparse.Namespace) -> None:
    from horizonte.embedded import services
    from horizonte.serve import issuer_process
    from horizonte.store.connection import connect

    found = services.up(("postgres", "s3"), link_project=False)
    load = [sys.executable, "-m", "horizonte.pipeline.load"]
    subprocess.run(load, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    env = {"HORIZONTE_DATABASE": found.database, "HORIZONTE_S3": found.s3.url()}
    replicas = [Replica(folder / f"replica-{n}", env) for n in range(2)]
    with connect(found.database) as conn:
        folders = _folders(folder)
        versions = [_publish(conn, one, found.s3) for one in folders]
        try:
            for one in replicas:
                one.start()
            issuer_process.start()
            _swap(conn, replicas, versions, _rows(conn, folders), given)
        finally:
            issuer_process.stop()
            for one in replicas:
                one.stop()


def _swap(
    conn: Any, replicas: list[Replica], versions: list[str], rows: Any, given: argparse.Namespace
) -> None:
    from horizonte.store import promotions

    names = sorted(rows[versions[0]])
    asks: list[Any] = [{"series": name, "horizon": 2} for name in names]
    if given.get:
        asks = [f"/forecasts/{name}" for name in names]
    taken, moved, stored = [], [], []
    for version in [*versions, *versions]:  # the models at hand are rehearsed from then on
        promotions.promote(conn, version, "before", by="benchmark")
        _stored(conn, version, names)
    time.sleep(REHEARSED)
    with Load(replicas, asks, given.rate) as load:
        time.sleep(3)
        for turn in range(given.swaps):
            version = versions[turn % len(versions)]
            promotions.promote(conn, version, f"turn {turn}", by="benchmark")
            began = time.perf_counter()
            moved.append((began, version))
            taken += [_reached(one, version, began) for one in replicas]
            stored.append(_stored(conn, version, names))
            time.sleep(2)
    wrong = mixed(load.heard, rows)
    late = [1000 * one.seconds for one in load.heard]
    cuts = statistics.quantiles(late, n=100)
    print("| what | value |\n|---|---|")
    print(f"| swaps, replicas, questions | {given.swaps}, {len(replicas)}, {len(load.heard)} |")
    print(f"| promotion to the new version, p50 | {1000 * statistics.median(taken):.0f} ms |")
    print(f"| the same, longest of all | {1000 * max(taken):.0f} ms |")
    print(f"| promotion to all new forecasts on record, p50 | {statistics.median(stored):.0f} ms |")
    print(f"| the same, longest of all | {max(stored):.0f} ms |")
    print(f"| last question sent that the old version answered | {_last(load, moved):.0f} ms |")
    print(f"| answer from when it was due, p50 and p99 | {cuts[49]:.0f} and {cuts[98]:.0f} ms |")
    print(f"| failed or mixed answers | {len(wrong)} |")
    for one in wrong[:5]:
        print(f"\n{one}")


def _reached(replica: Replica, version: str, began: float) -> float:
    while replica.version() != version:
        if time.perf_counter() - began > WAIT:
            raise SystemExit(f"{replica.url} does not follow")
        time.sleep(0.01)
    return time.perf_counter() - began


def _stored(conn: Any, version: str, names: list[str]) -> float:
    """Return how long after the last promotion every series had a forecast by ``version``, ms."""
    deadline = time.monotonic() + WAIT
    while time.monotonic() < deadline:
        count, late = conn.execute(STORED, (version, names)).fetchone()
        if count == len(names):
            return float(late)
        time.sleep(0.02)
    raise SystemExit(f"no issuer stores forecasts by {version}")


STORED = """WITH last AS (SELECT recorded_at FROM promotion ORDER BY id DESC LIMIT 1)
    SELECT count(DISTINCT unique_id), 1000 * extract(epoch FROM max(v.issued_at) - max(last.recorded_at))
    FROM vintage AS v JOIN forecast_run AS r ON r.id = v.run_id CROSS JOIN last
    WHERE r.model_version = %s AND v.purpose = 'live' AND unique_id = ANY(%s)
        AND v.issued_at >= last.recorded_at"""


def _last(load: Load, moved: list[tuple[float, str]]) -> float:
    """Return how long after a promotion a question was still sent that the old one answered, ms."""
    found = 0.0
    ends = [at for at, _ in moved[1:]] + [float("inf")]
    for (at, version), end in zip(moved, ends, strict=True):
        for one in load.heard:
            within = at < one.sent and one.due + one.seconds < end
            if within and version.encode() not in one.body:
                found = max(found, one.sent - at)
    return 1000 * found


def _folders(folder: Path) -> list[Path]:
    made = []
    for number in range(2):
        copy = Path(shutil.copytree(ROOT / "data/models/model", folder / f"model-{number}"))
        other_version(copy, 5 * number)
        made.append(copy)
    return made


def _publish(conn: Any, folder: Path, s3: Any) -> str:
    from horizonte.retrain.publish import publish

    return publish(conn, folder, s3=s3, why="benchmark", by="benchmark")


def _rows(conn: Any, folders: list[Path]) -> dict[str, dict[str, list[float]]]:
    """Return what each version says of each target."""
    from horizonte import clock
    from horizonte.serve import champion, predict

    rows = {}
    for folder in folders:
        model = champion.load(folder)
        names = predict.served(model)
        made = predict.forecast(
            conn, model, unique_ids=names, now=clock.now(), purpose="what_if", horizon=2
        )
        rows[model.version] = {
            v.unique_id: v.rows[["mean", "q90"]].to_numpy().ravel().tolist() for v in made
        }
    return rows


if __name__ == "__main__":
    main()
