"""The read routes (FastAPI, mounted at ``/`` inside the BentoML service) and the offline docs."""

from __future__ import annotations

import platform
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, cast

from fastapi import FastAPI, Request
from fastapi.exceptions import HTTPException
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from horizonte import __version__
from horizonte.errors import Fault
from horizonte.serve import (
    docs_page,
    doors,
    exchange,
    explaining,
    kinds,
    looking,
    loop_routes,
    problems,
    ruling_routes,
    schemas,
    stored_route,
)
from horizonte.serve.exchange import request_id

if TYPE_CHECKING:
    from horizonte.serve.answers import Answers


def create() -> FastAPI:
    """Return the app; ``app.state.answers`` must hold an ``Answers`` before the first request."""
    app = FastAPI(
        title="Horizonte",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    app.add_exception_handler(Fault, _refuse)
    looking.add(app)
    doors.add(app)
    explaining.add(app)
    loop_routes.add(app)
    stored_route.add(app)
    app.get("/models/current", tags=["models"])(current_model)
    looking.add_models(app)
    ruling_routes.add(app)
    app.get("/version", tags=["service"])(running_version)
    app.get("/problems/{slug}", include_in_schema=False)(problem_page)
    app.get("/docs.json", include_in_schema=False)(document)
    app.get("/docs", include_in_schema=False)(docs_page.docs)
    app.get("/docs.js", include_in_schema=False)(docs_page.script)
    app.get("/", include_in_schema=False)(home)
    return app


def current_model(request: Request) -> schemas.CurrentModel:
    """Say which model version serves, since when, why, and show its card."""
    return _answers(request).current()


async def running_version(request: Request) -> schemas.Version:
    """Say which versions of the code, of Python and of the model answer."""
    # All of it is in memory: no thread is worth it.
    return schemas.Version(
        name="horizonte",
        version=__version__,
        python=platform.python_version(),
        bentoml=_bentoml(),
        model_version=_answers(request).model_version(),
    )


@cache
def _bentoml() -> str:
    return version("bentoml")  # reads a file


def problem_page(slug: str) -> HTMLResponse:
    """Explain one kind of error: what it means and what to do."""
    if slug not in kinds.KINDS:
        raise HTTPException(404)
    return HTMLResponse(kinds.page(kinds.KINDS[slug]))


def document(request: Request) -> JSONResponse:
    """Return the OpenAPI document of every address, BentoML's among them."""
    return JSONResponse(request.app.state.document())


def home() -> RedirectResponse:
    """Lead to the docs."""
    return RedirectResponse("/docs")


def _answers(request: Request) -> Answers:
    return cast("Answers", request.app.state.answers)


def _refuse(_: Request, why: Exception) -> Response:
    problem = problems.of_fault(cast("Fault", why))
    return problem_response(problem)


def problem_response(problem: problems.Problem) -> Response:
    """Return ``problem`` as a response of the running request."""
    exchange.note_problem(problem.kind.slug)
    headers = {k.decode(): v.decode() for k, v in problem.headers()}
    return Response(problem.body(request_id.get() or ""), problem.kind.status, headers)
