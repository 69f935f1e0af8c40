"""The BentoML service: ``POST /forecast``, the read routes, readiness that has really forecast."""

from __future__ import annotations

from typing import Any, cast

import bentoml
from starlette.exceptions import HTTPException
from starlette.responses import Response

from horizonte.config import settings
from horizonte.errors import Fault
from horizonte.serve import openapi, problems, routes
from horizonte.serve.desk import Desk
from horizonte.serve.edge import Edge
from horizonte.serve.exchange import note_answer, request_id
from horizonte.serve.front import Front
from horizonte.serve.guard import Guard
from horizonte.serve.logs import configure_logs
from horizonte.serve.schemas import ForecastAnswer, ForecastRequest

app = routes.create()
desk = Desk()
guard = Guard(settings().auth)


@bentoml.service(
    name="horizonte",
    workers=1,
    threads=4,
    traffic={"timeout": 60},
    logging={"access": {"enabled": False}},
    metrics={"enabled": False},  # /metrics is ours
)
@bentoml.asgi_app(app, path="/")
class Horizonte:
    """Forecasts of the champion over JSON; one process, no pickle, no files, no URLs."""

    def __init__(self) -> None:
        """Start following the champion; requests are refused as not ready until one is warm."""
        configure_logs(settings().log_level)
        from horizonte.serve.answers import (
            Answers,
        )  # the supervisor imports this file, serves nothing

        self.answers = Answers.start(settings(), desk.latest)
        app.state.answers, app.state.latest = self.answers, desk.latest
        desk.start(self.answers.connect)
        guard.start(self.answers.connect)
        app.state.document = lambda: openapi.document(service.openapi_spec.asdict())

    @bentoml.api(route="/forecast")  # type: ignore[untyped-decorator]
    def forecast(self, request: ForecastRequest, /) -> ForecastAnswer:
        """Forecast one or many series, with intervals."""
        try:
            answer = self.answers.forecast(request, request_id=request_id.get())
            note_answer(answer.forecasts)
            response = Response(answer.model_dump_json(), media_type="application/json")
        except Fault as why:
            response = routes.problem_response(problems.of_fault(why))
        return response  # type: ignore[return-value]  # BentoML sends a Response as it is

    async def __is_ready__(self) -> bool:
        """Return whether a real forecast was made; raise with the reason when none was."""
        why = self.answers.why_not_ready()
        if why is not None:
            problem = problems.of_fault(why)
            raise HTTPException(503, detail=f"{problem.kind.slug}: {problem.detail}")
        return True

    @bentoml.on_shutdown  # type: ignore[untyped-decorator]
    def stop(self) -> None:
        """Stop following the champion, write what waits and close the connections."""
        guard.stop()
        desk.stop()
        self.answers.close()


service = cast("bentoml.Service[Any]", Horizonte)
service.add_asgi_middleware(Edge, seen=desk, guard=guard)
service.add_asgi_middleware(Front, desk=desk)
