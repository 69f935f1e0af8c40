"""After a promotion: shadows, the realised gain on record, and a way back from harm."""

from __future__ import annotations

import logging
from dataclasses import asdict

import pandas as pd

from horizonte.policy import Gate
from horizonte.prepare.comparable import misread, replacements
from horizonte.retrain.gain import Gain, gain
from horizonte.retrain.shadow import shadow
from horizonte.serve.champion import Champion
from horizonte.serve.vintages import database_now
from horizonte.store import annotations as notes
from horizonte.store import gains, promotions, shadows
from horizonte.store import series as series_store
from horizonte.store.connection import Connection
from horizonte.store.promotions import Promotion

logger = logging.getLogger(__name__)
BY = "loop"


def follow(conn: Connection, former: Champion, *, policy: Gate) -> Promotion | None:
    """Shadow the promotion in force, measure it, and go back if it harms; return the way back.

    ``former`` is the version before it (``watched``). Safe to call again at any time.
    """
    promotion = watched(conn)
    if promotion is None or promotion.previous != former.version:
        return None
    shadow(conn, former, promotion=promotion, days=policy.days)
    measure(conn, promotion, policy=policy)
    return revert_if_harmed(conn)


def watched(conn: Connection) -> Promotion | None:
    """Return the promotion in force if it has a former champion to be held against.

    A rollback has none: it is where one goes back to, so nothing ever swings to and fro.
    """
    found = promotions.current_promotion(conn)
    if found is None or found.kind != "promote" or found.previous in (None, found.sha256):
        return None
    return found


def measure(conn: Connection, promotion: Promotion, *, policy: Gate) -> Gain | None:
    """Return the realised gain of ``promotion``, written to the ledger where it is news.

    None, and nothing written, while fewer than four days can be compared.
    """
    rows = shadows.beside(conn, promotion)
    if rows.empty:
        return None
    now = pd.Timestamp(database_now(conn))
    series = series_store.read(conn, rows["unique_id"].unique(), covariates=True)
    noted = notes.read(conn, now, series["unique_id"])
    rows = rows[~misread(rows, noted, series=series)]
    found = gain(rows, policy=policy, replaced=replacements(noted))
    if found is None:
        return None
    numbers = {
        k: v for k, v in asdict(found).items() if k in ("days", "gain", "low", "high", "said")
    }
    last = gains.latest(conn, promotion.id)
    if last is None or {name: getattr(last, name) for name in numbers} != numbers:
        as_of = rows["as_of"].max()
        gains.add(conn, promotion.id, as_of=as_of, found=numbers, evidence=found.evidence())
        logger.info("promotion %s: %s over %s days", promotion.id, found.said, found.days)
    return found


def revert_if_harmed(conn: Connection) -> Promotion | None:
    """Make the former champion serve again where the promotion in force was found to harm.

    One rollback row with the evidence, logged as an error; None where there is nothing to
    revert. At most once for a promotion, also when called by two at the same time.
    """
    with conn.transaction():
        promotions.hold(conn)
        current = watched(conn)
        found = None if current is None else gains.latest(conn, current.id)
        if current is None or found is None or found.said != "harmed":
            return None
        former = str(current.previous)
        why = (
            f"version {current.sha256[:12]} lost {-100 * found.gain:.1f} % more than "
            f"{former[:12]} over {found.days} days of live forecasts, "
            f"certainly {-100 * found.high:.1f} % or more"
        )
        evidence = {
            "gain_id": found.id,
            "promotion_id": current.id,
            **{name: getattr(found, name) for name in ("days", "gain", "low", "high")},
        }
        back = promotions.promote(conn, former, why, by=BY, evidence=evidence, kind="rollback")
    logger.error("reverted: %s", why)
    return back
