"""The web app as a process: an address that may be bound, and a server until Ctrl-C."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

from horizonte.config import Settings, settings
from horizonte.embedded import process
from horizonte.errors import ServiceFault
from horizonte.serve.binding import asked_at

SECONDS_TO_END = 3  # streams of live readings never end by themselves


def serve(*, told: Callable[[str], None]) -> None:
    """Serve until SIGTERM or Ctrl-C; ``told`` is called with the address.

    Raises ServiceFault for a taken port, and for an address that other machines can reach while
    no origin is declared.
    """
    import uvicorn

    from horizonte.web.app import make

    setting = settings()
    host, at = bound(setting), port(setting)
    told(f"web app: {setting.web_origin or f'http://{asked_at(host)}:{at}'}")
    config = uvicorn.Config(
        make(setting),
        host=host,
        port=at,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=SECONDS_TO_END,
    )
    uvicorn.Server(config).run()


def bound(setting: Settings) -> str:
    """Return the address to bind; raise ServiceFault when others can reach it without an origin."""
    address = "127.0.0.1" if setting.web_host == "localhost" else setting.web_host
    try:
        inside = ipaddress.ip_address(address).is_loopback
    except ValueError:
        inside = False
    if inside or setting.web_origin:
        return address
    raise ServiceFault(
        "HORIZONTE_WEB_HOST",
        setting.web_host,
        "a loopback address, which is all that may be bound without HORIZONTE_WEB_ORIGIN",
        "keep 127.0.0.1, or set HORIZONTE_WEB_ORIGIN to the address that people type",
    )


def port(setting: Settings) -> int:
    """Return the port to bind; raise ServiceFault when the one that was asked for is taken."""
    asked = setting.web_port
    if asked and process.is_free(asked):
        return asked
    if asked == 0 or "web_port" not in setting.model_fields_set:
        return process.free_ports(1)[0]
    raise ServiceFault("HORIZONTE_WEB_PORT", asked, "a free port", "choose another, or 0 for any")
