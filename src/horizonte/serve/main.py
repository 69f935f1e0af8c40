"""The process of the forecast service: uvicorn over the edge, the fast way and BentoML."""

from __future__ import annotations

import argparse

import uvicorn
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Receive, Scope, Send

from horizonte.config import settings
from horizonte.serve.edge import Edge
from horizonte.serve.front import Front
from horizonte.serve.issuer_process import Keeper
from horizonte.serve.logs import configure_logs
from horizonte.serve.service import desk, guard, service
from horizonte.serve.wire import Wire

DRAIN_SECONDS = 15  # what an answer that has begun may still take when the service is stopped


class Kept:
    """Keeps the issuer beside the service for as long as the service lives."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap ``app``."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on; the lifespan is the life of the issuer too."""
        if scope["type"] != "lifespan":
            await self.app(scope, receive, send)
            return
        keeper = Keeper()
        keeper.start()
        try:
            await self.app(scope, receive, send)
        finally:
            await run_in_threadpool(keeper.stop)


def main(argv: list[str] | None = None) -> None:
    """Serve until SIGTERM or SIGINT; answers that have begun are finished."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--host", default="127.0.0.1")
    asked.add_argument("--port", type=int, required=True)
    given = asked.parse_args(argv)
    configure_logs(settings().log_level)
    uvicorn.run(
        Kept(Edge(Front(service.to_asgi(), desk), desk, guard)),
        host=given.host,
        port=given.port,
        http=Wire,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )


if __name__ == "__main__":
    main()
