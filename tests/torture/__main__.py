"""``python -m tests.torture --faults 1000 --seed 7``: break everything, then count what is left."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.torture.faults import Faults
from tests.torture.places import Places
from tests.torture.verdict import NOT_LOST, ZERO, verdict


def main() -> int:
    given = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that nothing is left running
    folder = Path(given.folder or tempfile.mkdtemp(prefix="torture-"))
    began = time.monotonic()
    with Places(folder, seed=given.seed, rate=given.rate) as places:
        only = given.only.split(",") if given.only else []
        killed = given.kill_broker or "kill_broker" in only
        faults = Faults(places, given.seed, kill_broker=killed, only=only)
        faults.run(given.faults)
        took = time.monotonic() - began
        places.stop_devices()
        drained = places.drain()
        places.gaps.look()
        code = places.consumer.finish()
        found = verdict(places.database.url, places.ledger)
        crashes = places.consumer.crashes()
    # A killed broker may forget what it acknowledged: counted, not promised away.
    zero = set(ZERO) - set((*NOT_LOST, "versions_missing", "wrong") if killed else ())
    wrong = {name: found[name] for name in sorted(zero) if found[name]}
    facts = {
        "faults": sum(faults.counts.values()),
        "by_kind": dict(faults.counts.most_common()),
        "broker": "mosquitto" if places.mosquitto else "embedded (Mosquitto: not run)",
        "seconds": round(took),
        "consumer_starts": places.consumer.starts,
        "drained": drained,
        "last_exit": code,
        "crashes": len(crashes),
        "lost_by_sequences": places.gaps.missing,
        **found,
    }
    sys.stdout.write(json.dumps(facts, indent=2) + "\n")
    sys.stdout.writelines(crashes)
    _explain(found, places)
    failed = bool(wrong or crashes or not drained or code)
    sys.stdout.write(f"{'FAILED ' + str(wrong) if failed else 'nothing lost, nothing doubled'}\n")
    sys.stdout.write(f"logs: {folder}\n" if failed or given.folder else "")
    return int(failed)


def _explain(found: dict[str, Any], places: Places) -> None:
    """Say of every lost message how, if at all, sequences show it, and what they show besides."""
    classes, counted = found["lost"], places.gaps.missing
    for name, count in classes.items():
        sys.stdout.write(f"lost, {name.replace('_', ' ')}: {count}\n")
    over = counted - classes["between_numbers"]
    why = "" if places.consumer.starts == 1 else ": each start of a consumer begins to count anew"
    sys.stdout.write(
        f"counted by sequences: {counted}, which is {over:+} beside what was lost between "
        f"numbers{why if over else ''}\n"
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faults", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--rate", type=float, default=150.0, help="messages a second")
    parser.add_argument("--kill-broker", action="store_true", help="SIGKILL it too, count the loss")
    parser.add_argument("--only", help="these kinds of faults alone, with commas between them")
    parser.add_argument("--folder", help="keep everything here")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
