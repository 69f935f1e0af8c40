"""The one worker: takes requests from the queue and turns each into a promotion or a reason.

Every step is recorded when it is done and gives the same when it is done again, so a worker killed
anywhere is healed by the next one: it looks what stands in the ledger and does the rest. Until the
pointer moves, in one transaction at the very end, the champion serves.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg

from horizonte import paths, policy
from horizonte.embedded import services
from horizonte.errors import Fault, NotFound, StoreFault
from horizonte.monitor.courses import learnable
from horizonte.monitor.evidence import Evidence, Named
from horizonte.pipeline import files
from horizonte.retrain import recalibrate
from horizonte.retrain.gated import gated
from horizonte.retrain.job import Done, Job, Stopped
from horizonte.retrain.pinned import Pinned, pin
from horizonte.retrain.publish import publish, upload_gates
from horizonte.retrain.refused import Refused
from horizonte.retrain.workspace import Workspace
from horizonte.serve import champion, published
from horizonte.serve import folder as model_folder
from horizonte.serve.vintages import database_now
from horizonte.store import gates, promotions, retrainings, verdicts
from horizonte.store.connection import Connection
from horizonte.store.promotions import Promotion
from horizonte.store.retrainings import Step

logger = logging.getLogger(__name__)
TRIES = 10  # starts of one request, after which it is given up
BRANCH = "retrain/{}"


def work(
    conn: Connection, *, root: Path, stopped: Callable[[], bool] = lambda: False
) -> Iterator[Done]:
    """Do every waiting request, oldest first; yield what came of each. Nothing if another works.

    A request that database or bucket held up stays waiting, and the fault is raised; while the bucket
    is away none begins. Once ``stopped``, no request and no step begins: the next worker goes on
    from there.
    """
    with retrainings.turn(conn) as ours:
        while ours and not stopped() and (run := retrainings.waiting(conn)) is not None:
            _answered(conn)
            chosen = policy.load(root / paths.MARKER)
            done = retrainings.done(conn, run.id)
            yield _perform(Job(conn, run, root, chosen, done, stopped))


def _answered(conn: Connection) -> None:
    """Raise StoreFault or ServiceFault where the bucket does not answer: a start would count for nothing."""
    found = promotions.current_promotion(conn)
    if found is not None:
        with contextlib.suppress(NotFound):
            key = f"{champion.PREFIX}/{found.sha256}/{model_folder.CARD}"
            published.bucket().get(key, most=1)


def _perform(job: Job) -> Done:
    tried = retrainings.times(job.conn, job.run.id, "started")
    if tried >= TRIES:
        return _end(job, "failed", f"started {tried} times without coming to an end")
    try:
        job.note("started", again=tried)
        return _steps(job)
    except Stopped:
        return _left(job)
    except (StoreFault, psycopg.OperationalError):
        raise  # not the request's fault: it waits
    except (Refused, Fault) as why:
        if job.stopped():  # the same signal may have ended its dvc or git
            return _left(job)
        return _end(job, "refused" if isinstance(why, Refused) else "failed", str(why))


def _left(job: Job) -> Done:
    return Done(job.run.id, None, "left to the next worker, which goes on from its last step")


def _end(job: Job, step: Step, why: str) -> Done:
    job.note(step, why=why)
    Workspace.at(job.root, job.run.id, "").remove()
    return Done(job.run.id, step, why)


def _steps(job: Job) -> Done:
    pinned = _pinned(job)
    place = Workspace.at(job.root, job.run.id, pinned.base)
    place.take_up()
    challenger = _trained(job, pinned, place)
    before = _gated(job, place.model, challenger)
    if job.run.action == "retrain":
        _kept(job, pinned, place)
    return _promoted(job, place.model, challenger, before)


def _pinned(job: Job) -> Pinned:
    if "pinned" not in job.done:
        found = pin(
            job.conn,
            _champion(job),
            root=job.root,
            gate=job.policy.gate,
            named=_named(job),
        )
        job.note("pinned", **found.as_json())
    return Pinned.of(job.done["pinned"])


def _named(job: Job) -> list[Named]:
    """Return what was noticed by the verdict that asked, or by the newest one before a request by hand."""
    said = verdicts.known_at(job.conn, job.run.verdict_id, at=job.run.recorded_at)
    return [] if said is None else learnable(Evidence.from_json(said.evidence))


def _trained(job: Job, pinned: Pinned, place: Workspace) -> str:
    """Return the challenger in ``place``, made again where it is not what the ledger says."""
    known: str | None = job.done.get("trained", {}).get("challenger")
    if known is not None and _version(place.model) == known:
        return known
    if job.run.action == "recalibrate":
        base = published.folder(_champion(job).sha256)
        recalibrate.make(job.conn, base, place.model, pinned=pinned)
    else:
        place.make()
        place.pin(pinned.as_of, pinned.recorded, changed=pinned.changed)
        place.train()
    made = model_folder.verified(place.model)[0]
    job.note("trained", challenger=made)
    return made


def _version(folder: Path) -> str | None:
    try:
        return model_folder.verified(folder)[0]
    except Fault:
        return None


def _gated(job: Job, folder: Path, challenger: str) -> Promotion:
    """Return the promotion whose champion lost to ``folder``; raise Refused where it did not."""
    now = _champion(job)
    if challenger == now.sha256:
        return now  # promoted before it was killed
    past = job.done.get("gated", {})
    same = (past.get("champion"), past.get("challenger")) == (now.sha256, challenger)
    if not same or (past["passed"] and not gates.passed(job.conn, now.sha256, challenger)):
        gate = job.policy.gate.model_copy(update={"days": job.done["pinned"]["days"]})
        held = gated(
            job.conn,
            published.folder(now.sha256),
            folder,
            policy=gate,
            reports=job.root / files.REPORTS,
            now=database_now(job.conn),
            run_id=job.run.id,
        )
        upload_gates(published.bucket(), job.root / files.REPORTS)
        job.note(
            "gated",
            champion=now.sha256,
            challenger=challenger,
            gate=held.id,
            passed=held.ruling.passed,
            reasons=list(held.ruling.reasons),
            page=held.page.relative_to(job.root).as_posix(),
        )
    if not job.done["gated"]["passed"]:
        raise Refused("; ".join(job.done["gated"]["reasons"]))
    return now


def _kept(job: Job, pinned: Pinned, place: Workspace) -> None:
    """Push data and models, then commit: a commit never names what the bucket does not hold."""
    if place.offered(job.done.get("committed", {}).get("commit")):
        return
    place.push()
    if "pushed" not in job.done:
        job.note("pushed")
    metrics = place.metrics()
    commit = place.commit(_message(job, pinned), at=job.run.recorded_at)
    own = BRANCH.format(job.run.id)
    wanted = pinned.branch if job.policy.retrain.onto == "main" else own
    branch = wanted if place.offer(wanted) else own
    if branch != wanted:
        logger.warning("%s is checked out or has moved on: the commit is on %s", wanted, own)
        if not place.offer(own):
            raise Refused(f"branch {own} holds something else: delete it, and ask again")
    job.note("committed", commit=commit, branch=branch, metrics=metrics)


def _promoted(job: Job, folder: Path, version: str, before: Promotion) -> Done:
    if before.sha256 != version:
        publish(
            job.conn,
            folder,
            s3=services.endpoints().s3,
            why=job.run.why,
            by="retrain",
            evidence={"run": job.run.id, "gate": job.done["gated"]["gate"]},
            over=before.sha256,
        )
    gained = "; ".join(job.done["gated"]["reasons"])
    return _end(job, "promoted", f"model {version[:12]} is the champion: {gained}")


def _message(job: Job, pinned: Pinned) -> str:
    held = job.done["gated"]
    return "\n".join(
        [
            f"Retrain on what was known at {pinned.as_of:%Y-%m-%d %H:%M}Z",
            "",
            job.run.why,
            "",
            f"Gate: {'; '.join(held['reasons'])}",
            f"Challenger: {held['challenger']}",
            f"Champion: {held['champion']}",
            f"Run: {job.run.id}",
        ]
    )


def _champion(job: Job) -> Promotion:
    found = promotions.current_promotion(job.conn)
    if found is None:
        raise Refused("there is no champion to beat: make one with `horizonte publish`")
    return found
