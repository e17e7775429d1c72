"""Measures how long requests take, by route."""

from time import perf_counter
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.histogram import Histogram

_METHODS: Final = {"GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"}
_NO_ROUTE: Final = "none"


class Timing:
    """Adds the duration of each request to the application's `state.requests`, except for event streams.

    Its labels are the method, the template of the route and the status; a client can't make up new ones.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and measure until its response has been sent."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = perf_counter()
        status = 500
        is_stream = False

        async def told(message: Message) -> None:
            nonlocal status, is_stream
            if message["type"] == "http.response.start":
                status = message["status"]
                is_stream = (
                    Headers(raw=message["headers"]).get("content-type", "").startswith("text/event-stream")
                )
            await send(message)

        try:
            await self.app(scope, receive, told)
        finally:
            if not is_stream:
                requests: Histogram = scope["app"].state.requests
                method = scope["method"] if scope["method"] in _METHODS else "other"
                route = getattr(scope.get("route"), "path", _NO_ROUTE)
                requests.add(perf_counter() - began, method, route, str(status))
