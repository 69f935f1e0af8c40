"""The page of addresses (Swagger UI) under a policy that runs scripts of this service alone."""

from __future__ import annotations

from fastapi.responses import HTMLResponse, Response

ASSETS = "/static_content"  # Swagger UI as BentoML's wheel carries it: no CDN is asked
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'none'"
)
_PAGE = f"""<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Horizonte: addresses</title>
<link rel="stylesheet" href="{ASSETS}/swagger-ui.css">
<link rel="icon" href="{ASSETS}/favicon-light-32x32.png">
<div id="swagger-ui"></div>
<script src="{ASSETS}/swagger-ui-bundle.js"></script><script src="/docs.js"></script></html>
"""
_SCRIPT = """SwaggerUIBundle({
  url: "/docs.json", dom_id: "#swagger-ui", layout: "BaseLayout", deepLinking: true,
  validatorUrl: null, presets: [SwaggerUIBundle.presets.apis],
});
"""


def docs() -> HTMLResponse:
    """Show the addresses with examples that run, from files of this machine alone."""
    return HTMLResponse(_PAGE, headers={"Content-Security-Policy": POLICY})


def script() -> Response:
    """Return what starts the page: a file, so that no script stands in the page itself."""
    return Response(_SCRIPT, media_type="text/javascript")
