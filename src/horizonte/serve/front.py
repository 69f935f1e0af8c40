"""What stands between the edge and BentoML: metrics, and a readiness that comes after warming up."""

from __future__ import annotations

import asyncio

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from horizonte.serve import metrics
from horizonte.serve.desk import Desk, Hot
from horizonte.serve.edge import Edge
from horizonte.serve.warm import ask, knock, warm_up


class Front:
    """Answers ``GET /metrics``, warms up before the first 200 of ``/readyz``, passes the rest on."""

    def __init__(self, app: ASGIApp, desk: Desk) -> None:
        """Stand before ``app``."""
        self.app = app
        self.desk = desk
        self._warm, self._warming = False, asyncio.Lock()  # probes overlap: one warms up

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or pass it on."""
        if scope["type"] == "http" and scope["method"] == "GET":
            if scope["path"] == "/metrics":
                body = await run_in_threadpool(metrics.exposition)
                await Response(body, media_type=metrics.MEDIA_TYPE)(scope, receive, send)
                return
            if scope["path"] == "/readyz" and not self._warm:
                async with self._warming:
                    await self._warm_up(scope.get("server"))
        await self.app(scope, receive, send)

    async def _warm_up(self, address: tuple[str, int | None] | None) -> None:
        """Ask the first questions, once there is a model to ask."""
        if not self._warm and await ask(self.app, "GET", "/readyz") == 200:
            name = next(iter(self.desk.latest.view.entries), None)
            await warm_up(self.app, name, hot=Edge(self, Hot(self.desk)))
            if address and address[1]:  # none behind a socket file, nor in a test's transport
                await knock((address[0], address[1]))
            self._warm = True
