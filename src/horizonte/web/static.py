"""Files of the pages: ours, and uPlot from its installed package; named by content, kept for ever."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from importlib import resources
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

TYPES = {
    "js": "text/javascript; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "svg": "image/svg+xml",
}
OURS = (
    "app.js",
    "chart.js",
    "explain.js",
    "live.js",
    "twin.js",
    "upload.js",
    "style.css",
    "icon.svg",
)
THEIRS = {"uplot.js": "uplot.iife.min.js", "uplot.css": "uplot.min.css"}
FOR_EVER = "public, max-age=31536000, immutable"


class File(NamedTuple):
    """The bytes of a file, its type, and the hash in its address."""

    body: bytes
    kind: str
    mark: str


@lru_cache(maxsize=64)
def file(name: str) -> File | None:
    """Return a file by its name, or None for one that there is not."""
    if name in OURS:
        body = (resources.files("horizonte.web") / "static" / name).read_bytes()
    elif name in THEIRS:
        body = (resources.files("youplot") / "vendor" / THEIRS[name]).read_bytes()
    else:
        return None
    kind = TYPES[name.rpartition(".")[2]]
    return File(body, kind, hashlib.sha256(body).hexdigest()[:12])


def address(name: str) -> str:
    """Return the address of a file: another one when its content is another."""
    found = file(name)
    assert found is not None, name
    return f"/static/{name}?v={found.mark}"


def answer(request: Request) -> Response:
    """Answer ``GET /static/{name}``."""
    found = file(request.path_params["name"])
    if found is None:
        return PlainTextResponse("not found\n", 404)
    fixed = request.query_params.get("v") == found.mark
    kept = FOR_EVER if fixed else "no-cache"
    return Response(found.body, media_type=found.kind, headers={"cache-control": kept})
