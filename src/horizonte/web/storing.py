"""The writing of a file: its series registered, its readings sent in parts, each part once."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from horizonte.web.reading import Missing
from horizonte.web.service import Refused, Service
from horizonte.web.uploads import Upload

logger = logging.getLogger(__name__)
OUTCOMES = ("accepted", "unchanged", "corrected", "refused")
PAUSES = (1.0, 2.0, 4.0, 8.0)  # before a part is sent again that the service had no room for
PASSING = (408, 409, 429, 504)  # statuses that another try may end
MOST_REFUSED = 10_000  # listed; all are counted
MOST_FORECAST = 100  # series that are forecast at once, as the service takes them
T = TypeVar("T")


@dataclass
class Job:
    """One writing: how far it is and what became of the readings; ``failed`` says why it ended."""

    parts: int
    declared: Mapping[str, Any] | None
    series: Sequence[str]
    sent: int = 0
    replayed: int = 0
    registered: int = 0
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(OUTCOMES, 0))
    batches: list[int] = field(default_factory=list)
    refused: list[dict[str, Any]] = field(default_factory=list)
    failed: Exception | None = None
    forecast: Exception | bool = False
    running: bool = True

    @property
    def nothing_new(self) -> bool:
        """Say whether all of it had been stored before, so that nothing was changed."""
        return bool(self.parts) and self.replayed == self.parts


def begin(job: Job, upload: Upload, service: Service, key: str | None) -> None:
    """Work on ``job`` in a thread, on behalf of whom ``key`` stands for."""
    upload.job = job
    threading.Thread(target=run, args=(job, upload, service, key), daemon=True).start()


def run(job: Job, upload: Upload, service: Service, key: str | None) -> None:
    """Register, send and forecast; what was sent stays when a later part fails."""
    try:
        if job.declared is not None:
            done = _patiently(lambda: service.ask("POST", "/series", key=key, json=job.declared))
            job.registered = done["registered"]
        mark = (upload.told() or {})["mark"]
        for number in range(job.parts):
            _send(job, upload, (service, key), f"upload-{mark[:40]}-{number}")
        job.forecast = _forecast(job, service, key)
    except (Missing, Refused) as why:
        job.failed = why
    except Exception as why:  # the page must not wait for ever
        logger.exception("upload cannot be stored")
        job.failed = why
    finally:
        job.running = False


def declaration(told: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what ``POST /series`` is asked for: the series that are not registered; None without."""
    new = {
        one["key"]: {"unique_id": one["unique_id"], "unit": one["unit"]}
        for one in told["series"]
        if one["unique_id"] not in known
    }
    settings = told["settings"]
    shared = {name: settings[name] for name in ("name", "freq", "zone", "clock")}
    return {**shared, "series": new} if new else None


def conflicts(told: Mapping[str, Any], known: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return series that are registered with another step or unit than the file has them in.

    A file that names no unit (its unit is 1) agrees with any.
    """
    found = []
    for one in told["series"]:
        row = known.get(one["unique_id"])
        if row is None:
            continue
        for name, said in (("freq", told["settings"]["freq"]), ("unit", one["unit"])):
            if said not in (row[name], "1"):
                found.append(
                    {"unique_id": one["unique_id"], "what": name, "said": said, "was": row[name]}
                )
    return found


def _send(job: Job, upload: Upload, to: tuple[Service, str | None], once: str) -> None:
    service, key = to
    body = upload.part(job.sent)
    done, before = _patiently(lambda: service.send("/observations", body, key=key, once=once))
    for name in OUTCOMES:
        job.counts[name] += done[name]
    job.batches += done.get("batches", [])
    job.refused += _refused(body, done["rows"])[: MOST_REFUSED - len(job.refused)]
    job.replayed += before
    job.sent += 1


def _refused(body: bytes, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the readings that the service refused, with its reasons."""
    import orjson

    bad = [place for place, row in enumerate(rows) if row["outcome"] == "refused"]
    given = orjson.loads(body)["readings"] if bad else []
    return [given[p] | {k: rows[p].get(k, "") for k in ("reason", "fix")} for p in bad]


def _forecast(job: Job, service: Service, key: str | None) -> Exception | bool:
    """Have the series forecast, so that their pages show it; return whether, or why not."""
    try:
        names = list(job.series[:MOST_FORECAST])
        service.ask("POST", "/forecast", key=key, json={"series": names})
    except (Missing, Refused) as why:
        return why
    return True


def _patiently(ask: Callable[[], T]) -> T:
    """Return what ``ask`` returns; try again while the service has no room or is away."""
    for pause in PAUSES:
        try:
            return ask()
        except Missing:
            pass
        except Refused as why:
            if why.status not in PASSING:
                raise
        time.sleep(pause)
    return ask()
