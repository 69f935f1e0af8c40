"""What a check says: a part, its state, what was seen, and the next step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Literal, NamedTuple

import psycopg

from horizonte.errors import Fault

PATIENCE = "5s"  # with a query of ours
State = Literal["ok", "warning", "fault"]


class Finding(NamedTuple):
    """One part: its state, what was seen, and the next step (empty when all is well)."""

    part: str
    state: State
    seen: str
    fix: str = ""


Check = Callable[[], Iterator[Finding]]


def heard(checks: Mapping[str, Check]) -> list[Finding]:
    """Return what every check says; one that breaks is a finding and stops no other."""
    found: list[Finding] = []
    for part, check in checks.items():
        try:
            found += check()
        except Fault as fault:
            found.append(Finding(part, "fault", f"{fault.thing}: not {fault.allowed}", fault.fix))
        except psycopg.errors.QueryCanceled:
            seen = f"no answer within {PATIENCE}: something holds its locks, or it is overloaded"
            found.append(Finding(part, "fault", seen, "look at pg_stat_activity and pg_locks"))
        except Exception as why:  # noqa: BLE001 (a check that breaks is a finding, not a crash)
            found.append(Finding(part, "fault", f"{type(why).__name__}: {why}", "see above"))
    return found
