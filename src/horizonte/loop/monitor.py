"""One monitoring: read, weigh, decide, show, and note it all in one transaction."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import pandas as pd

from horizonte import paths
from horizonte import policy as policies
from horizonte.config import settings
from horizonte.contracts import SCORE
from horizonte.errors import Fault, StoreFault
from horizonte.loop import gather, listing, pages, weigh
from horizonte.loop.gather import Standing
from horizonte.loop.pages import Drawn
from horizonte.loop.weigh import Weighed
from horizonte.monitor import looks, words
from horizonte.monitor.decision import Decision, asked, decide
from horizonte.monitor.evidence import Evidence
from horizonte.monitor.findings import Found
from horizonte.monitor.looks import Look
from horizonte.pipeline import files
from horizonte.policy import Policy
from horizonte.retrain import backtested, publish
from horizonte.serve.bucket import Bucket
from horizonte.store import evaluations, retrainings, verdicts
from horizonte.store.connection import Connection
from horizonte.store.verdicts import Verdict

logger = logging.getLogger(__name__)
BY = "monitor"


class Monitored(StoreFault):
    """Another process is monitoring this database, and one does at a time."""

    def __init__(self) -> None:
        fix = "wait for its verdict, which `horizonte verdicts` shows"
        super().__init__("database", "monitored", "free", fix)

    def __str__(self) -> str:
        return f"another process is monitoring this database; {self.fix}"


@dataclass(frozen=True)
class Outcome:
    """The verdict in force, whether it is new, and how many scores were appended."""

    verdict: Verdict
    new: bool
    scores: int


def run(conn: Connection, *, root: Path, bucket: Callable[[], Bucket]) -> Outcome:
    """Monitor the champion once: scores, pages, verdict, and a request where it asks for one.

    What is known already at this instant is not decided again: without new scores, and under
    the same policy, the verdict that stands is returned. Killed anywhere, the next run does it
    whole. Raises Monitored while another process monitors this database, NoChampion, NoHistory.
    """
    policy = policies.load(root / paths.MARKER)
    with _alone(conn):
        standing, rows = gather.read(conn, policy)
        past = backtested.read(
            standing.version, standing.card, home=settings().home_folder(), bucket=bucket
        )
        seen = weigh.weigh(standing, rows, before=past, policy=policy)
        before = standing.before
        same = before is not None and _same(before, standing, policy, found=seen.found)
        if before is not None and same and seen.scores.empty:
            _publish(conn, root, bucket)
            return Outcome(before, new=False, scores=0)
        look = _next(conn, standing)
        folder, head = root / pages.FOLDER / look.folder, _head(look, standing)
        drawn = pages.draw(seen, folder, head=head)
        last = Evidence.from_json(before.evidence) if before else None
        evidence = weigh.evidence(
            standing,
            rows,
            seen,
            statuses=weigh.statuses(drawn.pairs),
            asked=asked(last, policies.parse(before.policy)) if before and last else {},
            courses=last.courses if last else (),
        )
        decision = decide(evidence, policy)
        findings = list(_findings(seen))
        about = {
            "head": head,
            "window_days": int(policy.monitor.window / pd.Timedelta(days=1)),
            "findings": [f["sentence_en"] for f in findings],
        }
        pages.write(folder, evidence, decision, drawn=drawn, about=about)
        facts = _facts(evidence, decision, policy, report=look.page)
        number = _note(conn, facts, seen=seen, drawn=drawn, findings=findings)
        _publish(conn, root, bucket)
        logger.info("verdict %d: %s", number, decision.action)
        return Outcome(verdicts.get(conn, number), new=True, scores=len(seen.scores))


def again(verdict: Verdict) -> Decision:
    """Return the decision that the stored evidence and policy of ``verdict`` lead to now."""
    return decide(Evidence.from_json(verdict.evidence), policies.parse(verdict.policy))


@contextmanager
def _alone(conn: Connection) -> Iterator[None]:
    row = conn.execute("SELECT pg_try_advisory_lock(%s)", (verdicts.LOCK,)).fetchone()
    if row is None or not row[0]:
        raise Monitored
    try:
        yield
    finally:
        if not conn.closed:
            conn.execute("SELECT pg_advisory_unlock(%s)", (verdicts.LOCK,))


def _next(conn: Connection, standing: Standing) -> Look:
    """Return the look that this is: a run that left pages but no verdict gave its number back."""
    date = f"{standing.as_of:%Y-%m-%d}"
    return looks.following(verdicts.pages(conn, f"{looks.PREFIX}/{date}/"), date)


def _head(look: Look, standing: Standing) -> str:
    at = f"{standing.as_of:%H:%M} UTC"
    return f"Look {look.number} of {look.date}, as of {at}, at model {standing.version[:12]}"


def _same(before: Verdict, standing: Standing, policy: Policy, *, found: Sequence[Found]) -> bool:
    told = [(f["unique_id"], f["name"]) for f in before.evidence["findings"]]
    return (
        pd.Timestamp(before.as_of) == standing.as_of
        and before.evidence.get("clocks", {}) == weigh.clocks(standing)
        and before.recorded_at == standing.looked  # a look at another champion scores for all
        and told == [(f.unique_id, f.name) for f in found]  # a note can end what was found
        and before.policy == policy.model_dump(mode="json")
    )


def _findings(seen: Weighed) -> Iterator[dict[str, Any]]:
    for f in seen.found:
        since, size = weigh.instant(f.since), weigh.finite(f.size)
        english, portuguese = (
            words.finding(lang, name=f.name, thing=f.unique_id, since=since.isoformat(), size=size)
            for lang in words.LANGUAGES
        )
        yield {
            "unique_id": f.unique_id,
            "name": f.name,
            "since": since,
            "size": size,
            "sentence_en": english,
            "sentence_pt": portuguese,
            "evidence": {name: _plain(value) for name, value in f.evidence.items()},
        }


def _plain(value: object) -> object:
    return value if isinstance(value, str | bool) else weigh.finite(value)


def _facts(
    evidence: Evidence, decision: Decision, policy: Policy, *, report: str
) -> dict[str, Any]:
    return {
        "model_version": evidence.model_version,
        "as_of": datetime.fromisoformat(evidence.as_of),
        "action": decision.action,
        "triggers": list(decision.triggers),
        "brakes": list(decision.brakes),
        "sentence_en": decision.sentence_en,
        "sentence_pt": decision.sentence_pt,
        "evidence": evidence.to_json(),
        "policy": policy.model_dump(mode="json"),
        "report": report,
    }


def _note(
    conn: Connection,
    facts: Mapping[str, Any],
    *,
    seen: Weighed,
    drawn: Drawn,
    findings: list[dict[str, Any]],
) -> int:
    """Append all of it, and the request that the verdict asks for, or nothing."""
    with conn.transaction():
        for key, part in seen.scores.groupby(["model_version", "starts_at", "ends_at"]):
            version, starts_at, ends_at = cast("tuple[str, pd.Timestamp, pd.Timestamp]", key)
            evaluations.add(
                conn,
                part[SCORE.columns],
                model_version=version,
                starts_at=starts_at,
                ends_at=ends_at,
            )
        number = verdicts.add(conn, facts, drifts=_drifts(drawn), findings=findings)
        if facts["action"] != "keep":
            retrainings.request(
                conn, facts["action"], why=facts["sentence_en"], by=BY, verdict_id=number
            )
    return number


def _drifts(drawn: Drawn) -> Iterator[dict[str, Any]]:
    for kind, pairs in drawn.pairs.items():
        for pair in pairs:
            row = pair.comparison.as_row()
            yield {**row, "unique_id": row["column"], "kind": kind}


def _publish(conn: Connection, root: Path, bucket: Callable[[], Bucket]) -> None:
    """Write the lists of looks and put what is new into the bucket; a bucket away is said."""
    listing.write(root, verdicts.paged(conn, listing.MOST))
    try:
        held = bucket()
        listing.upload(root, held)
        publish.upload_gates(held, root / files.REPORTS)
    except Fault as why:
        logger.warning("the pages are not in the bucket yet: %s", why)
