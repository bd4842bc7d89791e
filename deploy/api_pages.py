"""The page `/docs` of an HTTP API, from files that are shipped: it works without a network and runs nothing inline."""

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastapi import FastAPI

_TYPES = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css"}
_START = """window.onload = () => SwaggerUIBundle({
  url: "openapi.json", dom_id: "#swagger-ui", deepLinking: true, validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis, SwaggerUIBundle.SwaggerUIStandalonePreset],
});
"""
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sales Pulse: API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="docs/swagger-ui.css">
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</head>
<body><div id="swagger-ui"></div></body>
</html>
"""


def add(app: "FastAPI") -> None:
    """Give an application the page."""
    from fastapi.responses import HTMLResponse, Response

    static = files("fastapi_offline") / "static"

    @cache
    def content(name: str) -> bytes:
        """Held once: many may be on their way to who reads slowly."""
        return (static / name).read_bytes()

    @app.get("/docs", include_in_schema=False)
    async def page() -> HTMLResponse:
        return HTMLResponse(_PAGE)

    @app.get("/docs/{name}", include_in_schema=False)
    async def part(name: str) -> Response:
        if name == "start.js":
            return Response(_START, media_type="text/javascript")
        if name not in _TYPES:
            return Response(status_code=404)
        headers = {"Cache-Control": "max-age=3600"}
        return Response(content(name), media_type=_TYPES[name], headers=headers)
