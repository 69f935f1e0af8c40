"""The routes that only look: series, readings, vintages and model versions, page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypeVar, cast
from urllib.parse import urlencode

from fastapi import FastAPI, Query, Request, Response
from pydantic import BaseModel

from horizonte.serve import reading, schemas
from horizonte.serve import schemas_out as out

if TYPE_CHECKING:
    from horizonte.serve.answers import Answers

Page = TypeVar("Page", bound=BaseModel)


def add(app: FastAPI) -> None:
    """Add the routes of series and vintages; a unique_id may hold slashes, so longer paths go first."""
    app.get("/series", tags=["series"])(list_series)
    app.get("/series/{unique_id:path}/observations", tags=["series"])(list_readings)
    app.get("/series/{unique_id:path}", tags=["series"])(one_series)
    app.get("/forecasts/{unique_id:path}/vintages", tags=["forecasts"])(list_vintages)
    app.get("/forecasts/{unique_id:path}/vintages/{run_id}", tags=["forecasts"])(one_vintage)


def add_models(app: FastAPI) -> None:
    """Add the routes of model versions, behind ``/models/current``."""
    app.get("/models", tags=["models"])(list_models)
    app.get("/models/{version}", tags=["models"])(one_model)


def list_series(
    request: Request, response: Response, asked: Annotated[out.SeriesAsked, Query()]
) -> schemas.SeriesList:
    """List registered series: grid, unit, what forecasts them, newest reading and forecast."""
    answers = _answers(request)
    return linked(request, response, answers.read(reading.series, asked, answers.champion()))


def one_series(request: Request, unique_id: str) -> schemas.SeriesEntry:
    """Say of one series what the list says."""
    answers = _answers(request)
    return answers.read(reading.one_series, unique_id, answers.champion())


def list_readings(
    request: Request,
    response: Response,
    unique_id: str,
    asked: Annotated[out.ReadingsAsked, Query()],
) -> out.ReadingsPage:
    """List readings of a series, oldest first: as they came, as of an instant, or the clean grid."""
    return linked(request, response, _answers(request).read(reading.readings, unique_id, asked))


def list_vintages(
    request: Request,
    response: Response,
    unique_id: str,
    asked: Annotated[out.VintagesAsked, Query()],
) -> out.VintagesPage:
    """List what was forecast for a series, newest first, without the rows."""
    return linked(request, response, _answers(request).read(reading.vintages, unique_id, asked))


def one_vintage(request: Request, unique_id: str, run_id: int) -> out.Vintage:
    """Return one issued forecast with its rows, exactly as it was said."""
    return _answers(request).read(reading.vintage, unique_id, run_id)


def list_models(request: Request) -> out.ModelList:
    """List every registered model version, newest first."""
    return _answers(request).read(reading.models)


def one_model(request: Request, version: str) -> out.Model:
    """Return a model version: card, lineage, promotions and scores. 8 digits of it are enough."""
    return _answers(request).read(reading.model, version)


def linked(request: Request, response: Response, page: Page) -> Page:
    """Return ``page`` with a Link header to the next one where there is one."""
    if further := getattr(page, "next", None):
        kept = {name: v for name, v in request.query_params.items() if name != "cursor"}
        query = urlencode({**kept, "cursor": further})
        response.headers["Link"] = f'<{request.url.path}?{query}>; rel="next"'
    return page


def _answers(request: Request) -> Answers:
    return cast("Answers", request.app.state.answers)
