"""The web app: its routes, and what they share."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from horizonte import clock, paths
from horizonte.config import Settings
from horizonte.embedded import services
from horizonte.errors import Fault
from horizonte.ingest.broker import Broker
from horizonte.ingest.sources import Source, load_sources
from horizonte.web import (
    acts_page,
    chart,
    download,
    explain_page,
    health_page,
    ledger_page,
    login_page,
    models_page,
    notes_page,
    pages,
    quick_page,
    reports,
    reports_page,
    series_page,
    static,
    stored_page,
    stream,
    upload_page,
    whatif_page,
)
from horizonte.web import overview_page as overview
from horizonte.web.child import Children
from horizonte.web.guard import HEADERS, Guard
from horizonte.web.live import Hub
from horizonte.web.reading import Database, Missing
from horizonte.web.reports import Reports
from horizonte.web.service import UNAUTHENTICATED, Refused, Service
from horizonte.web.sessions import Sessions
from horizonte.web.uploads import Uploads
from horizonte.web.zoom import Zooms

logger = logging.getLogger(__name__)


def make(setting: Settings, *, now: Callable[[], datetime] = clock.now) -> Starlette:
    """Return the app: it reads the database, the broker and the service that the settings name."""
    app = Starlette(
        routes=routes(),
        middleware=[Middleware(Guard, origin=setting.web_origin), Middleware(GZipMiddleware)],
        exception_handlers={
            HTTPException: _refused,
            Missing: _missing,
            Refused: _not_done,
            500: _broken,
        },
        lifespan=_lifespan,
    )
    app.state.database, app.state.setting, app.state.now = Database(setting), setting, now
    app.state.service, app.state.sessions = Service(setting), Sessions()
    app.state.zooms = Zooms(app.state.database)
    app.state.reports = Reports(setting, reports.folder())
    app.state.sources = _sources()
    app.state.hub = Hub(app.state.sources, lambda: _broker(setting))
    app.state.uploads, app.state.readers = Uploads(), Children(2)
    app.state.forecasters = Children(1)
    return app


def routes() -> list[Route]:
    """Return every route; what is posted to is made by ``forms.posted``."""
    return [
        Route("/", overview.show, name="overview"),
        Route("/series", series_page.show, name="series"),
        Route("/series/data", chart.show),
        Route("/series/download", download.show),
        Route("/series/explain", explain_page.show),
        Route("/live", stream.show),
        *_models(),
        Route("/reports", reports_page.show),
        Route("/reports/{name:path}", reports_page.one),
        Route("/health", health_page.show),
        *_uploads(),
        Route("/login", login_page.show),
        Route("/login", login_page.enter, methods=["POST"]),
        Route("/logout", login_page.leave, methods=["POST"]),
        Route("/static/{name}", static.answer),
        Route("/livez", _alive),
    ]


def _uploads() -> list[Route]:
    return [
        Route("/upload", upload_page.show),
        Route("/upload", upload_page.take, methods=["POST"]),
        Route("/upload/read", upload_page.read),
        Route("/upload/read", upload_page.reread, methods=["POST"]),
        Route("/upload/refused", upload_page.refused),
        Route("/upload/store", stored_page.show),
        Route("/upload/store", stored_page.confirm, methods=["POST"]),
        Route("/upload/store/state", stored_page.state),
        Route("/upload/quick", quick_page.show),
        Route("/upload/quick", quick_page.begin, methods=["POST"]),
        Route("/upload/quick/state", quick_page.state),
        Route("/upload/quick/file", quick_page.file),
        Route("/notes", notes_page.show),
        Route("/notes", notes_page.act, methods=["POST"]),
        Route("/whatif", whatif_page.show),
        Route("/whatif", whatif_page.ask, methods=["POST"]),
    ]


def _models() -> list[Route]:
    promote = "/models/versions/{version}/promote"
    return [
        Route("/models", models_page.show),
        Route("/models/versions/{version}", models_page.version),
        Route(promote, acts_page.promote),
        Route(promote, acts_page.promoted, methods=["POST"]),
        Route("/models/rollback", acts_page.roll_back),
        Route("/models/rollback", acts_page.rolled_back, methods=["POST"]),
        Route("/models/retrain", acts_page.retrain),
        Route("/models/retrain", acts_page.retrained, methods=["POST"]),
        Route("/models/verdicts/{number}", ledger_page.one_verdict),
        Route("/models/verdicts/{number}/evidence", ledger_page.evidence),
        Route("/models/retrainings/{number}", ledger_page.one_retraining),
        Route("/models/promotions/{number}", ledger_page.one_promotion),
        Route("/models/{kind}", ledger_page.entries),
    ]


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    app.state.hub.start(asyncio.get_running_loop())
    yield
    await asyncio.to_thread(app.state.hub.stop)
    for children in (app.state.readers, app.state.forecasters):
        children.stop()
    app.state.uploads.close()
    app.state.database.close()
    app.state.service.close()


def _sources() -> list[Source]:
    """Return the declared sources; none where there is no project: then nothing is live."""
    try:
        return list(load_sources(paths.project_root() / "sources.yaml").values())
    except Fault as why:
        logger.warning("no live readings: %s", why)
        return []


def _broker(setting: Settings) -> Broker:
    return Broker.of(setting, setting.mqtt or str(services.endpoints().mqtt))


async def _alive(_: Request) -> Response:
    return PlainTextResponse("ok\n")


def _refused(request: Request, why: Exception) -> Response:
    status = why.status_code if isinstance(why, HTTPException) else 500
    kind = "not_found" if status == 404 else "refused"
    page = pages.page(request)
    return pages.html(page, "problem.html.j2", status, kind=kind)


def _missing(request: Request, why: Exception) -> Response:
    page = pages.page(request)
    return pages.html(page, "problem.html.j2", 503, kind="missing", missing=why)


def _not_done(request: Request, why: Exception) -> Response:
    """Say what the service refused; where it asks for a key, ask for one."""
    assert isinstance(why, Refused)
    if why.status == UNAUTHENTICATED:
        return login_page.ended(request)
    page = pages.page(request)
    return pages.html(page, "problem.html.j2", why.status, kind="not_done", refused=why)


def _broken(request: Request, _: Exception) -> Response:
    page = pages.page(request)
    answer = pages.html(page, "problem.html.j2", 500, kind="broken")
    answer.headers.update(HEADERS)  # this answer is made outside the guard
    return answer
