"""``python -m tests.torture --faults 1000 --seed 7``: break everything, then count what is left."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import time
from pathlib import Path

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
    if killed:
        # No sequence shows what was lost before a topic's first or after its last known number.
        between = found["lost_by_ledger"] - found["lost_at_ends"]
        same = "as many as" if between == places.gaps.missing else "not the"
        why = (
            ""
            if places.consumer.starts == 1
            else ": a killed consumer forgets numbers and takes none back"
        )
        sys.stdout.write(
            f"lost between known numbers: {between} by the ledger, {same} "
            f"{places.gaps.missing} by sequences{why}\n"
        )
    failed = bool(wrong or crashes or not drained or code)
    sys.stdout.write(f"{'FAILED ' + str(wrong) if failed else 'nothing lost, nothing doubled'}\n")
    sys.stdout.write(f"logs: {folder}\n" if failed or given.folder else "")
    return int(failed)


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
