"""Every error of the service as problem details (RFC 9457), from one catalogue of kinds."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from html import escape
from typing import Any

from horizonte.errors import DataFault, Fault, ModelFault, NotFound, StoreFault
from horizonte.serve.faults import NoChampion, NoHistory, NotReady

MEDIA_TYPE = "application/problem+json"
LONGEST_VALUE = 200


@dataclass(frozen=True)
class Kind:
    """One kind of error: its address, HTTP status, and what its page says."""

    slug: str
    status: int
    title: str
    meaning: str
    fix: str


_CATALOGUE = (
    Kind(
        "malformed-json",
        400,
        "The body is not JSON",
        "The request body could not be read as one JSON object in UTF-8.",
        'Send one JSON object, such as {"series": "vic/demand_mw", "horizon": "PT24H"}.',
    ),
    Kind(
        "invalid-field",
        422,
        "A field is not acceptable",
        "The body is JSON, but a field is missing, unknown, of another type or out of its range.",
        "Change the field that is named; /docs lists every field, its type and an example.",
    ),
    Kind(
        "not-local",
        403,
        "Only this machine may ask",
        "The service has no authentication yet, so it answers on loopback addresses alone.",
        "Ask on 127.0.0.1, or put a proxy with authentication in front of the service.",
    ),
    Kind(
        "unknown-series",
        404,
        "No such series",
        "No series of that name has a model in service.",
        "Use a unique_id that GET /series lists; names are case-sensitive.",
    ),
    Kind(
        "unknown-route",
        404,
        "No such address",
        "Nothing is served at this path.",
        "Open /docs for the list of addresses.",
    ),
    Kind(
        "method-not-allowed",
        405,
        "This address does not take that method",
        "The path exists and takes another HTTP method.",
        "Use the method that /docs shows for the path.",
    ),
    Kind(
        "too-large",
        413,
        "The body is too large",
        "The request body is larger than this address reads.",
        "Ask for fewer series in one request.",
    ),
    Kind(
        "unsupported-media-type",
        415,
        "Only JSON is read",
        "The Content-Type of the request is not one that the service reads.",
        "Send Content-Type: application/json.",
    ),
    Kind(
        "overloaded",
        429,
        "Too many requests at once",
        "The service is answering as many requests as it takes at once.",
        "Wait for the seconds that Retry-After says, then ask again.",
    ),
    Kind(
        "internal",
        500,
        "The service failed",
        "Something went wrong that is not the request's fault. Nothing was changed.",
        "Ask again; if it stays, report the request_id, which the logs hold.",
    ),
    Kind(
        "not-ready",
        503,
        "The service is not ready",
        "No champion model is loaded yet, or it has not made its first forecast.",
        "Publish a model (make demo does) and wait until GET /readyz answers 200.",
    ),
    Kind(
        "no-champion",
        503,
        "No model was ever promoted",
        "The ledger holds no promotion, so there is no model to serve.",
        "Train and publish one: dvc repro, then horizonte publish.",
    ),
    Kind(
        "no-history",
        503,
        "The series has no usable history",
        "The model is in service, but the database holds no history to forecast from.",
        "Load the history of the series, then ask again.",
    ),
    Kind(
        "store-unreachable",
        503,
        "The database cannot answer",
        "The database or the bucket is unreachable or refused the read.",
        "Start it again (horizonte up) and check HORIZONTE_DATABASE and HORIZONTE_S3.",
    ),
    Kind(
        "model-refused",
        503,
        "The model folder was refused",
        "The model folder is absent, incomplete or differs from its hashes.",
        "Publish it again, or roll back to the previous version.",
    ),
    Kind(
        "timeout",
        504,
        "The answer took too long",
        "The forecast was not finished within the time limit of one request.",
        "Ask for fewer series in one request, or ask again.",
    ),
)
KINDS = {kind.slug: kind for kind in _CATALOGUE}
_OF_STATUS = {
    400: "invalid-field",
    403: "not-local",
    404: "unknown-route",
    405: "method-not-allowed",
    413: "too-large",
    415: "unsupported-media-type",
    422: "invalid-field",
    429: "overloaded",
    503: "not-ready",
    504: "timeout",
}
_OF_FAULT: tuple[tuple[type[Fault], str], ...] = (
    (NoHistory, "no-history"),
    (NoChampion, "no-champion"),
    (NotReady, "not-ready"),
    (NotFound, "unknown-series"),
    (DataFault, "invalid-field"),
    (StoreFault, "store-unreachable"),
    (ModelFault, "model-refused"),
)
RETRY_AFTER_SECONDS = {"overloaded": 1, "not-ready": 5, "store-unreachable": 5, "timeout": 1}


@dataclass(frozen=True)
class Problem:
    """One refusal as the client sees it; ``extra`` holds field, value, allowed and fix."""

    kind: Kind
    detail: str
    extra: dict[str, object] = field(default_factory=dict)

    def body(self, request_id: str) -> bytes:
        """Return the JSON body; ``type`` opens the page of the kind on this service."""
        kind = self.kind
        members = {
            "type": f"/problems/{kind.slug}",
            "title": kind.title,
            "status": kind.status,
            "detail": self.detail,
            "instance": f"urn:horizonte:request:{request_id}",
            "request_id": request_id,
            "fix": kind.fix,
            **self.extra,
        }
        return json.dumps(members, default=str, ensure_ascii=False).encode()

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Return the ASGI headers that belong to this problem, without the length."""
        wait = RETRY_AFTER_SECONDS.get(self.kind.slug)
        retry = [(b"retry-after", str(wait).encode())] if wait else []
        return [(b"content-type", MEDIA_TYPE.encode()), *retry]


def of(slug: str, detail: str | None = None, **extra: object) -> Problem:
    """Return a problem of the kind ``slug``, with the kind's meaning when no detail is given."""
    kind = KINDS[slug]
    return Problem(kind, detail or kind.meaning, extra)


def of_fault(why: Fault) -> Problem:
    """Return ``why`` as a problem; a fault that is nobody's input becomes ``internal``."""
    slug = next((slug for kind, slug in _OF_FAULT if isinstance(why, kind)), "internal")
    if slug == "internal":
        return of(slug)
    return of(slug, str(why), field=why.thing, value=why.value, allowed=why.allowed, fix=why.fix)


def of_status(status: int, detail: str | None = None) -> Problem:
    """Return the problem of a bare HTTP status; ``slug: text`` as detail names the kind itself."""
    named, _, text = (detail or "").partition(": ")
    if named in KINDS:
        return of(named, text)
    slug = _OF_STATUS.get(status, "internal" if status >= 500 else "invalid-field")
    return of(slug, None if slug == "internal" else detail)


def of_validation(errors: list[dict[str, Any]], body: bytes) -> Problem:
    """Return pydantic's errors as one problem: the first at the top, all under ``errors``."""
    if errors and errors[0].get("type") == "json_invalid":
        return of("malformed-json", str(errors[0].get("msg")))
    told: dict[str, dict[str, object]] = {}
    for error in errors[:20]:
        name, value = _locate(body, error)
        if name in told:  # the branches of one union are one field to the client
            told[name]["allowed"] = f"{told[name]['allowed']}, or: {error['msg']}"
        else:
            told[name] = {
                "field": name,
                "value": value,
                "allowed": error["msg"],
                "fix": _FIXES.get(error["type"], "change {0}; see /docs").format(name),
            }
    detail = "; ".join(f"{name}: {one['allowed']}" for name, one in list(told.items())[:3])
    first = next(iter(told.values()), {})
    return of("invalid-field", detail or None, **first, errors=list(told.values()))


_FIXES = {"extra_forbidden": "remove {0}; /docs lists the fields", "missing": "add {0}"}


def _locate(body: bytes, error: dict[str, Any]) -> tuple[str, object]:
    """Return the field of ``error`` as the client wrote it, and what the body held there."""
    try:
        value: Any = json.loads(body)
    except ValueError:
        value = None
    path = []
    for part in error.get("loc", ()):
        if not _holds(value, part):
            path += [part] if error["type"] == "missing" else []
            value = None if error["type"] == "missing" else value
            break
        path.append(part)
        value = value[part]
    shown = value if len(str(value)) <= LONGEST_VALUE else str(value)[:LONGEST_VALUE] + "…"
    return ".".join(map(str, path)) or "body", shown


def _holds(value: object, part: object) -> bool:
    if isinstance(value, dict):
        return part in value
    return isinstance(value, list) and isinstance(part, int) and part < len(value)


def page(kind: Kind) -> str:
    """Return the page that the ``type`` of a problem opens: what it means and what to do."""
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        f"<title>{escape(kind.title)}</title>"
        f"<h1>{escape(kind.title)}</h1><p>HTTP {kind.status} · <code>{kind.slug}</code></p>"
        f"<p>{escape(kind.meaning)}</p><h2>What to do</h2><p>{escape(kind.fix)}</p>"
        '<p><a href="/docs">All addresses</a></p></html>'
    )
