"""The routes of the loop: ask for a retraining, and look at what the loop saw, decided and did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, cast

from fastapi import FastAPI, Path, Query, Request, Response

from horizonte.serve import loop_reading as reading
from horizonte.serve import schemas_loop as loop
from horizonte.serve.looking import linked
from horizonte.serve.ruling_routes import by

if TYPE_CHECKING:
    from horizonte.serve.answers import Answers

Number = Annotated[int, Path(ge=1, lt=1 << 63)]


def add(app: FastAPI) -> None:
    """Add the routes."""
    shown = {"requestBody": {"content": {"application/json": {"example": loop.EXAMPLE}}}}
    app.post("/retrain", tags=["loop"], status_code=202, openapi_extra=shown)(ask)
    app.get("/retrainings", tags=["loop"])(list_retrainings)
    app.get("/retrainings/{number}", tags=["loop"])(one_retraining)
    app.get("/verdicts", tags=["loop"])(list_verdicts)
    app.get("/verdicts/{number}", tags=["loop"])(one_verdict)
    app.get("/alarms", tags=["loop"])(list_alarms)


def ask(request: Request, response: Response, asked: loop.RetrainRequest) -> loop.Retraining:
    """Ask the worker for a retraining; needs a key of scope admin where there are keys."""
    made = _answers(request).read(reading.ask, asked, by(request))
    response.headers["Location"] = f"/retrainings/{made.run_id}"
    return made


def list_retrainings(
    request: Request, response: Response, asked: Annotated[loop.PageAsked, Query()]
) -> loop.RetrainingsPage:
    """List what was asked of the worker, newest first, and how far each has come."""
    return linked(request, response, _answers(request).read(reading.page, asked))


def one_retraining(request: Request, number: Number) -> loop.RetrainingWhole:
    """Return one request with its steps: pin, challenger, gate, commit, promotion."""
    return _answers(request).read(reading.one, number)


def list_verdicts(
    request: Request, response: Response, asked: Annotated[loop.PageAsked, Query()]
) -> loop.VerdictsPage:
    """List what each monitoring decided, newest first."""
    return linked(request, response, _answers(request).read(reading.verdicts, asked))


def one_verdict(request: Request, number: Number) -> loop.Verdict:
    """Return one verdict with drift, findings, evidence and policy."""
    return _answers(request).read(reading.verdict, number)


def list_alarms(request: Request) -> loop.AlarmList:
    """List the alarms that are raised now."""
    return _answers(request).read(reading.alarms)


def _answers(request: Request) -> Answers:
    return cast("Answers", request.app.state.answers)
