"""The routes that take something in: ``/series``, ``/observations`` and ``/annotations``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, cast

import pandas as pd
from fastapi import FastAPI, Header, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from horizonte import clock
from horizonte.serve import schemas_in as models
from horizonte.serve.observations import Call

if TYPE_CHECKING:
    from horizonte.serve.answers import Answers

JSON = "application/json"


def add(app: FastAPI) -> None:
    """Add the routes; their bodies are read by ours, so that each row is refused by itself."""
    app.post(
        "/series",
        tags=["series"],
        openapi_extra=models.operation(models.SeriesRequest, models.SeriesAnswer),
    )(post_series)
    app.post(
        "/observations",
        tags=["readings"],
        openapi_extra=models.operation(models.ObservationsRequest, models.ObservationsAnswer),
    )(post_observations)
    app.post(
        "/annotations",
        tags=["annotations"],
        openapi_extra=models.operation(models.AnnotationsRequest, models.AnnotationsAnswer),
    )(post_annotations)
    app.get(
        "/annotations",
        tags=["annotations"],
        openapi_extra=models.operation(None, models.AnnotationList),
    )(get_annotations)


async def post_series(request: Request) -> Response:
    """Register series of a source of their own; their readings are taken, cleaned and forecast."""
    call = Call(await request.body(), None, pd.Timestamp(clock.now()))
    return Response(await run_in_threadpool(_answers(request).register, call), media_type=JSON)


async def post_observations(
    request: Request, idempotency_key: Annotated[str | None, Header()] = None
) -> Response:
    """Store readings and actuals; every row is answered: accepted, unchanged, corrected, refused."""
    call = Call(await request.body(), idempotency_key, pd.Timestamp(clock.now()))
    answer = await run_in_threadpool(_answers(request).observe, call)
    headers = {"Idempotency-Replayed": "true"} if answer.replayed else {}
    return Response(answer.body, media_type=JSON, headers=headers)


async def post_annotations(request: Request) -> Response:
    """Keep what is known of stretches of series; cleaning respects it at once."""
    call = Call(await request.body(), None, pd.Timestamp(clock.now()))
    return Response(await run_in_threadpool(_answers(request).annotate, call), media_type=JSON)


async def get_annotations(request: Request, unique_id: Annotated[str, Query()]) -> Response:
    """List the annotations of one series that are in force."""
    found = await run_in_threadpool(_answers(request).annotations, unique_id)
    return Response(found, media_type=JSON)


def _answers(request: Request) -> Answers:
    return cast("Answers", request.app.state.answers)
