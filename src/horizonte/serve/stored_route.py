"""The route ``GET /forecasts/{unique_id}``: the same bytes as the fast way, in the form asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, cast

from fastapi import FastAPI, Path, Query, Request
from fastapi.responses import Response

from horizonte import freq
from horizonte.errors import DataFault
from horizonte.serve import metrics, predict, schemas, stored
from horizonte.serve.exchange import note_answer, request_id
from horizonte.serve.latest import View, machine_time
from horizonte.serve.stored import Entry

if TYPE_CHECKING:
    from horizonte.serve.answers import Answers

_KNOWN = {"horizon", "levels"}


def add(app: FastAPI) -> None:
    """Add the route."""
    app.get(
        "/forecasts/{unique_id:path}",
        tags=["forecasts"],
        response_model=schemas.SeriesForecast,
        responses={304: {"description": "If-None-Match names this vintage"}},
    )(latest_forecast)


def latest_forecast(
    request: Request,
    unique_id: Annotated[str, Path(min_length=1, max_length=200)],
    horizon: Annotated[
        str | None,
        Query(min_length=1, max_length=32, description="steps, or a duration such as PT24H"),
    ] = None,
    levels: Annotated[list[str] | None, Query(description="50, 80, 90; may be repeated")] = None,
) -> Response:
    """Return the latest stored forecast of a series; compute and store one where there is none."""
    wanted, shown = horizon_of(horizon), levels_of(levels)
    if strange := sorted(set(request.query_params) - _KNOWN):
        raise DataFault(
            strange[0], request.query_params[strange[0]][:60], "horizon or levels", "remove it"
        )
    view: View = request.app.state.latest.view
    found = view.entries.get(unique_id)
    if found is None:
        return _computed(request, unique_id, wanted, shown)
    metrics.forecast(found.vintage.model_version, "stored", found.vintage.degraded)
    told = stored.reply(
        _in_form(found, wanted, shown),
        now=view.now(found, machine_time()),
        if_none_match=request.headers.get("if-none-match", "").encode() or None,
    )
    headers = {key.decode(): value.decode() for key, value in told.headers}
    return Response(told.body, told.status, headers)


def horizon_of(text: str | None) -> int | str | None:
    """Return a horizon as ``POST /forecast`` takes it: steps, a duration, or None.

    Raises DataFault for no steps at all.
    """
    if text is None or not (text.isdecimal() and len(text) < 10):
        return text
    if int(text) == 0:
        raise DataFault("horizon", text, "at least one step", "leave it out for all of them")
    return int(text)


def levels_of(texts: list[str] | None) -> list[int] | None:
    """Return the levels asked for, each once, in order; raise DataFault for any other."""
    known = {str(level): level for level in schemas.LEVELS}
    for text in texts or ():
        if text not in known:
            raise DataFault("levels", text[:60], f"one of {', '.join(known)}", "repeat it for more")
    return None if texts is None else sorted({known[text] for text in texts})


def _in_form(found: Entry, horizon: int | str | None, levels: list[int] | None) -> Entry:
    if horizon is None and levels is None:
        return found
    iso, reach = freq.iso(found.facts["freq"]), len(found.vintage.rows)
    steps = predict.steps_of(horizon, iso, reach)
    return stored.entry(found.vintage, found.facts, steps=steps, levels=levels)


def _computed(
    request: Request, unique_id: str, horizon: int | str | None, levels: list[int] | None
) -> Response:
    facts = {"series": unique_id, "horizon": horizon, "levels": levels}
    asked = schemas.ForecastRequest.model_validate(facts)
    answers = cast("Answers", request.app.state.answers)
    answer = answers.forecast(asked, request_id=request_id.get())
    note_answer(answer.forecasts)
    return Response(answer.forecasts[0].model_dump_json(), media_type="application/json")
