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
        faults = Faults(places, given.seed, kill_broker=given.kill_broker)
        faults.run(given.faults)
        took = time.monotonic() - began
        places.stop_devices()
        drained = places.drain()
        code = places.consumer.finish()
        found = verdict(places.database.url, places.ledger)
        crashes = places.consumer.crashes()
    # A killed broker may forget what it acknowledged: counted, not promised away.
    zero = set(ZERO) - set((*NOT_LOST, "versions_missing", "wrong") if given.kill_broker else ())
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
        **found,
    }
    sys.stdout.write(json.dumps(facts, indent=2) + "\n")
    sys.stdout.writelines(crashes)
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
    parser.add_argument("--folder", help="keep everything here")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
