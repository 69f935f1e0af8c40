"""The kinds of error that the service answers with: what each means, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape


@dataclass(frozen=True)
class Kind:
    """One kind of error: its address, HTTP status, and what its page says."""

    slug: str
    status: int
    title: str
    meaning: str
    fix: str


_CATALOGUE = (
    Kind(
        "malformed-json",
        400,
        "The body is not JSON",
        "The request body could not be read as one JSON object in UTF-8.",
        "Send one JSON object; /docs shows an example for every address that takes one.",
    ),
    Kind(
        "invalid-field",
        422,
        "A field is not acceptable",
        "The body is JSON, but a field is missing, unknown, of another type or out of its range.",
        "Change the field that is named; /docs lists every field, its type and an example.",
    ),
    Kind(
        "not-local",
        403,
        "Only this machine may ask",
        "The service asks for no keys, so it answers on loopback addresses alone.",
        "Ask on 127.0.0.1, or set HORIZONTE_AUTH=keys and send a key.",
    ),
    Kind(
        "foreign-host",
        403,
        "Not a name of this machine",
        "The service asks for no keys, so it answers only under local names in the Host header.",
        "Ask for localhost or 127.0.0.1, or set HORIZONTE_AUTH=keys and send a key.",
    ),
    Kind(
        "cross-site",
        403,
        "Another web site sent this",
        "A browser sent the request for a page of another site, which may not change anything here.",
        "Send it from a page of this service or from a program, or set HORIZONTE_AUTH=keys.",
    ),
    Kind(
        "unauthenticated",
        401,
        "A key is needed",
        "The request carries no API key, or one that is unknown, revoked or expired.",
        "Send Authorization: Bearer hz_…; horizonte keys create makes a key.",
    ),
    Kind(
        "forbidden",
        403,
        "The key does not reach that far",
        "The key is good, but its scopes do not include what this address needs.",
        "Use a key of the scope that is named; horizonte keys create --scope makes one.",
    ),
    Kind(
        "unknown-series",
        404,
        "No such series",
        "No series of that name is registered, or it is a covariate and no target.",
        "Use a unique_id that GET /series lists; names are case-sensitive.",
    ),
    Kind(
        "not-found",
        404,
        "Nothing of that name",
        "What was named does not exist: a model version, a vintage, a covariate.",
        "The answer names the nearest that do, or the address that lists them.",
    ),
    Kind(
        "unknown-route",
        404,
        "No such address",
        "Nothing is served at this path.",
        "Open /docs for the list of addresses.",
    ),
    Kind(
        "method-not-allowed",
        405,
        "This address does not take that method",
        "The path exists and takes another HTTP method.",
        "Use the method that /docs shows for the path.",
    ),
    Kind(
        "in-progress",
        409,
        "The same request is being worked on",
        "Another request with this Idempotency-Key is not finished yet.",
        "Wait for the seconds that Retry-After says, then send the same body with the same key.",
    ),
    Kind(
        "champion-moved",
        409,
        "Another champion serves",
        "The move was decided about another champion than the one that serves, or would change nothing.",
        "Look at GET /models, and decide again.",
    ),
    Kind(
        "key-reused",
        422,
        "The Idempotency-Key belongs to another body",
        "A different body was sent with this key before, and answered.",
        "Make a new key for every new body; keep a key for resending the very same one.",
    ),
    Kind(
        "too-large",
        413,
        "The body is too large",
        "The request body is larger than this address reads.",
        "Send fewer rows, or ask for fewer series, in one request.",
    ),
    Kind(
        "unsupported-media-type",
        415,
        "Only JSON is read",
        "The Content-Type of the request is not one that the service reads.",
        "Send Content-Type: application/json.",
    ),
    Kind(
        "slow-body",
        408,
        "The body did not come in time",
        "The request began, but its body was not complete within the time limit of one request.",
        "Send the body at once; split a large one into several requests.",
    ),
    Kind(
        "overloaded",
        429,
        "Too many requests at once",
        "The service is answering as many requests as it takes at once.",
        "Wait for the seconds that Retry-After says, then ask again.",
    ),
    Kind(
        "malformed-http",
        400,
        "This is not HTTP",
        "What came in could not be read as an HTTP/1.1 request.",
        "Send HTTP/1.1; TLS ends at the proxy before the service.",
    ),
    Kind(
        "head-too-large",
        431,
        "The headers are too large",
        "Address and headers of a request may have 32 KiB together.",
        "Send fewer or shorter headers.",
    ),
    Kind(
        "too-many-connections",
        503,
        "Too many connections at once",
        "The service holds as many connections as it takes at once.",
        "Wait for the seconds that Retry-After says, and keep connections alive for several requests.",
    ),
    Kind(
        "internal",
        500,
        "The service failed",
        "Something went wrong that is not the request's fault. Nothing was changed.",
        "Ask again; if it stays, report the request_id, which the logs hold.",
    ),
    Kind(
        "not-ready",
        503,
        "The service is not ready",
        "No champion model is loaded yet, or it has not made its first forecast.",
        "Publish a model (make demo does) and wait until GET /readyz answers 200.",
    ),
    Kind(
        "no-champion",
        503,
        "No model was ever promoted",
        "The ledger holds no promotion, so there is no model to serve.",
        "Train and publish one: dvc repro, then horizonte publish.",
    ),
    Kind(
        "no-history",
        404,
        "The source of the series has brought nothing yet",
        "The series is registered, but the database holds no row of its source: nothing says when "
        "now is on its clock, and there is nothing to forecast from.",
        "Load its history: horizonte ingest FILE --source SOURCE, or POST /observations; then ask again.",
    ),
    Kind(
        "store-unreachable",
        503,
        "The database cannot answer",
        "The database or the bucket is unreachable or refused the read.",
        "Start it again (horizonte up) and check HORIZONTE_DATABASE and HORIZONTE_S3.",
    ),
    Kind(
        "model-refused",
        503,
        "The model folder was refused",
        "The model folder is absent, incomplete or differs from its hashes.",
        "Publish it again, or roll back to the previous version.",
    ),
    Kind(
        "timeout",
        504,
        "The answer took too long",
        "The forecast was not finished within the time limit of one request.",
        "Ask for fewer series in one request, or ask again.",
    ),
)
KINDS = {kind.slug: kind for kind in _CATALOGUE}


def page(kind: Kind) -> str:
    """Return the page that the ``type`` of a problem opens: what it means and what to do."""
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        f"<title>{escape(kind.title)}</title>"
        f"<h1>{escape(kind.title)}</h1><p>HTTP {kind.status} · <code>{kind.slug}</code></p>"
        f"<p>{escape(kind.meaning)}</p><h2>What to do</h2><p>{escape(kind.fix)}</p>"
        '<p><a href="/docs">All addresses</a></p></html>'
    )
