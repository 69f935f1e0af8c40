"""The route ``GET /explain/{unique_id}``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, cast

from anyio import CapacityLimiter, to_thread
from fastapi import FastAPI, Path, Query, Request
from fastapi.responses import Response

from horizonte.serve.schemas_explain import Explanation

if TYPE_CHECKING:
    from horizonte.serve.answers import Answers

_one = CapacityLimiter(1)  # an explanation costs some forecasts, and forecasts come first


def add(app: FastAPI) -> None:
    """Add the route; the answer is made and written in a thread, one at a time."""
    app.get("/explain/{unique_id:path}", tags=["forecasts"], response_model=Explanation)(
        get_explanation
    )


async def get_explanation(
    request: Request,
    unique_id: Annotated[str, Path(max_length=200, examples=["vic/demand_mw"])],
    since: Annotated[
        int | None,
        Query(ge=1, lt=1 << 63, description="run of an earlier vintage; left out, the previous"),
    ] = None,
) -> Response:
    """Say what drove the forecast of a series, and what changed since an earlier vintage."""
    answers = cast("Answers", request.app.state.answers)

    def made() -> str:
        return answers.explain(unique_id, since).model_dump_json()

    body = await to_thread.run_sync(made, limiter=_one)
    return Response(body, media_type="application/json")
