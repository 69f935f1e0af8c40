"""Every error of the service as problem details (RFC 9457)."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from horizonte.errors import DataFault, Fault, ModelFault, NotFound, StoreFault
from horizonte.serve.faults import MalformedJson, NoChampion, NoHistory, NotReady
from horizonte.serve.kinds import KINDS, Kind
from horizonte.store.promotions import Moved
from horizonte.store.requests import InProgress, KeyReused

MEDIA_TYPE = "application/problem+json"
LONGEST_VALUE = 200
NOT_BLANK = r"\S"  # the pattern of a text that must say something


_OF_STATUS = {
    400: "invalid-field",
    401: "unauthenticated",
    403: "not-local",
    404: "unknown-route",
    405: "method-not-allowed",
    413: "too-large",
    415: "unsupported-media-type",
    422: "invalid-field",
    429: "overloaded",
    431: "head-too-large",
    503: "not-ready",
    504: "timeout",
}
_OF_FAULT: tuple[tuple[type[Fault], str], ...] = (
    (NoHistory, "no-history"),
    (NoChampion, "no-champion"),
    (NotReady, "not-ready"),
    (NotFound, "unknown-series"),
    (MalformedJson, "malformed-json"),
    (KeyReused, "key-reused"),
    (InProgress, "in-progress"),
    (Moved, "champion-moved"),
    (DataFault, "invalid-field"),
    (StoreFault, "store-unreachable"),
    (ModelFault, "model-refused"),
)
RETRY_AFTER_SECONDS = {
    "overloaded": 1,
    "too-many-connections": 5,
    "in-progress": 1,
    "not-ready": 5,
    "store-unreachable": 5,
    "timeout": 1,
}


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
        wait = self.extra.get("retry_after") or RETRY_AFTER_SECONDS.get(self.kind.slug)
        retry = [(b"retry-after", str(wait).encode())] if wait else []
        ask = [(b"www-authenticate", b"Bearer")] if self.kind.status == 401 else []
        take = [(b"allow", str(self.extra.get("allowed", "")).encode())]
        more = [*retry, *ask, *(take if self.kind.status == 405 else [])]
        return [(b"content-type", MEDIA_TYPE.encode()), *more]


def of(slug: str, detail: str | None = None, **extra: object) -> Problem:
    """Return a problem of the kind ``slug``, with the kind's meaning when no detail is given."""
    kind = KINDS[slug]
    return Problem(kind, detail or kind.meaning, extra)


def of_fault(why: Fault) -> Problem:
    """Return ``why`` as a problem; a fault that is nobody's input becomes ``internal``."""
    slug = next((slug for kind, slug in _OF_FAULT if isinstance(why, kind)), "internal")
    if slug == "internal":
        return of(slug)
    if slug == "unknown-series" and why.thing != "series":
        slug = "not-found"
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
        allowed = _allowed(error)
        name, value = _locate(body, error) if _in_body(error) else _named(error)
        if name in told:  # the branches of one union are one field to the client
            told[name]["allowed"] = f"{told[name]['allowed']}, or: {allowed}"
        else:
            told[name] = {
                "field": name,
                "value": value,
                "allowed": allowed,
                "fix": _FIXES.get(error["type"], "change {0}; see /docs").format(name),
            }
    detail = "; ".join(f"{name}: {one['allowed']}" for name, one in list(told.items())[:3])
    first = next(iter(told.values()), {})
    return of("invalid-field", detail or None, **first, errors=list(told.values()))


def _allowed(error: dict[str, Any]) -> str:
    blank = error["type"] == "string_pattern_mismatch" and error["ctx"]["pattern"] == NOT_BLANK
    return "must not be blank" if blank else str(error["msg"])


_FIXES = {"extra_forbidden": "remove {0}; /docs lists the fields", "missing": "add {0}"}


def _in_body(error: dict[str, Any]) -> bool:
    return (error.get("loc") or ("body",))[0] not in ("query", "path", "header")


def _named(error: dict[str, Any]) -> tuple[str, object]:
    """Return the parameter of ``error`` and what it held."""
    value = error.get("input")
    shown = value if isinstance(value, int | float) else str(value)[:LONGEST_VALUE]
    return ".".join(map(str, error["loc"][1:])) or "query", shown


def _locate(body: bytes, error: dict[str, Any]) -> tuple[str, object]:
    """Return the field of ``error`` as the client wrote it, and what the body held there."""
    try:
        value: Any = json.loads(body)
    except ValueError:
        value = None
    loc = list(error.get("loc", ()))
    path = []
    for part in loc[1:] if loc[:1] == ["body"] else loc:  # FastAPI's begin with it
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
