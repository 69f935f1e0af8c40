"""The fast way through the service: what is hot is answered here, the rest further in."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Receive, Scope, Send

from horizonte.serve import metrics, stored
from horizonte.serve.desk import Desk
from horizonte.serve.edge import Edge
from horizonte.serve.exchange import EDGE
from horizonte.serve.latest import machine_time
from horizonte.serve.stored import Reply
from horizonte.serve.warm import ask, warm_up

PREFIX = "/forecasts/"
ROUTE = "/forecasts/{unique_id}"


class Front:
    """Answers ``GET /forecasts/{unique_id}`` and ``GET /metrics``; passes everything else on.

    BentoML's own middlewares cost eight times what the whole answer costs here.
    """

    def __init__(self, app: ASGIApp, desk: Desk) -> None:
        """Stand before ``app``."""
        self.app = app
        self.desk = desk
        self._warm = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or pass it on."""
        if scope["type"] == "http" and scope["method"] == "GET":
            found = self._stored(scope)
            if found is None and scope["path"] == "/metrics":
                body = await run_in_threadpool(metrics.exposition)
                found = Reply(200, [(b"content-type", metrics.MEDIA_TYPE.encode())], body)
            if found is not None:
                await _send(found, send)
                return
            if scope["path"] == "/readyz" and not self._warm:
                await self._warm_up()
        await self.app(scope, receive, send)

    async def _warm_up(self) -> None:
        """Ask the first questions, once there is a model to ask."""
        if await ask(self.app, "GET", "/readyz") == 200:
            name = next(iter(self.desk.latest.view.entries), None)
            await warm_up(self.app, name, hot=Edge(self))
            self._warm = True

    def _stored(self, scope: Scope) -> Reply | None:
        """Return the vintage on record that was asked for without conditions on its form."""
        path = scope["path"]
        if scope["query_string"] or not path.startswith(PREFIX):
            return None
        view = self.desk.latest.view
        found = view.entries.get(path[len(PREFIX) :])
        if found is None:
            return None
        vintage = found.vintage
        if exchange := scope.get(EDGE):
            exchange.route = ROUTE
            about = exchange.about
            about.series, about.series_count = vintage.unique_id, 1
            about.model_version, about.origin = vintage.model_version, "stored"
            about.degraded = vintage.degraded
        metrics.forecast(vintage.model_version, "stored", vintage.degraded)
        known = next((v for k, v in scope["headers"] if k == b"if-none-match"), None)
        return stored.reply(found, now=view.now(found, machine_time()), if_none_match=known)


async def _send(found: Reply, send: Send) -> None:
    length = (b"content-length", b"%d" % len(found.body))
    headers = found.headers if found.status == 304 else [*found.headers, length]
    await send({"type": "http.response.start", "status": found.status, "headers": headers})
    await send({"type": "http.response.body", "body": found.body})
