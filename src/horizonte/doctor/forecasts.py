"""Whether forecasts are issued, and how fresh they are, on the service's host."""

from __future__ import annotations

from collections.abc import Iterator

from horizonte.config import settings
from horizonte.doctor.finding import Finding
from horizonte.doctor.stored import MOST_LATE
from horizonte.serve import freshness, issuer_process, issuing
from horizonte.serve import run as service
from horizonte.store import promotions, series
from horizonte.store.connection import Connection


def issuer(conn: Connection) -> Iterator[Finding]:
    """Say who issues live forecasts."""
    found = issuer_process.running()
    if issuing.issuing(conn):
        seen = "forecasts are issued" + (f" by process {found.pid}" if found else " elsewhere")
        yield Finding("issuer", "ok", seen)
    elif service.running() is None:
        yield Finding("issuer", "warning", "nobody issues forecasts", "run `horizonte serve`")
    elif settings().issue == "off":
        seen = "nobody issues forecasts, and HORIZONTE_ISSUE is off"
        yield Finding("issuer", "warning", seen, "run `horizonte forecast --watch`")
    else:
        seen = "nobody issues forecasts, though the service runs"
        yield Finding("issuer", "fault", seen, f"read {issuer_process.log_file()}")


def forecasts(conn: Connection) -> Iterator[Finding]:
    """Say of each target whose forecast is late how late it is."""
    promotion = promotions.current_promotion(conn)
    known = series.read(conn)
    targets = known.loc[known["role"] == "target", "unique_id"].tolist()
    standings, now = issuing.standing(conn, targets)
    if promotion is None:
        return
    found = freshness.fresh(standings, now, promotion.sha256)
    late = freshness.late(found)
    for one in late[:MOST_LATE]:
        seen = "no live forecast" if one.age is None else f"{one.steps:.0f} steps old"
        seen += ", past its horizon" if one.ended and one.age is not None else ""
        fix = "run `horizonte forecast`; if its model does not know the series, train again"
        yield Finding(f"forecast of {one.unique_id}", "warning", seen, fix)
    if len(late) > MOST_LATE:
        yield Finding("forecasts", "warning", f"{len(late) - MOST_LATE} more are late", "see above")
    if found and not late:
        current = sum(one.up_to_date for one in found)
        yield Finding("forecasts", "ok", f"{current} of {len(found)} from all that is known")
