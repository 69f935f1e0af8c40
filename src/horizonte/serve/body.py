"""Bodies are read whole before anything is done with them, so a slow one holds nobody up."""

from __future__ import annotations

from starlette.types import Message, Receive

from horizonte.serve import problems
from horizonte.serve.exchange import Exchange
from horizonte.serve.problems import Problem
from horizonte.serve.shed import Load


async def read(exchange: Exchange, receive: Receive, *, most: int, load: Load) -> Problem | None:
    """Read the body into ``exchange``, or return why it is not read to its end.

    ``load.held`` grows by what was read; ``exchange.complete`` stays False when the client left.
    """
    lane = load.lane(exchange.scope)
    while not exchange.complete:
        message = await receive()
        if message["type"] != "http.request":
            return None
        part = message.get("body", b"")
        exchange.body += part
        load.held += len(part)
        if len(exchange.body) > most:
            return problems.of("too-large")
        if refused := load.too_much(lane):
            return refused
        exchange.complete = not message.get("more_body")
    return None


def again(exchange: Exchange, receive: Receive) -> Receive:
    """Return a ``receive`` that gives the body that was read, then what comes."""
    told = False

    async def next_message() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": bytes(exchange.body), "more_body": False}

    return next_message
