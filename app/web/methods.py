"""HTTP methods of a URL: `HEAD` with every `GET`, `OPTIONS`, and `405` with `Allow`."""

from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from re import Pattern
from typing import Final

from fastapi import FastAPI, Request
from fastapi.routing import iter_route_contexts
from starlette.responses import Response
from starlette.routing import compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.web import html
from app.web.negotiation import wants_page
from app.web.problems import problem

_ALWAYS: Final = {"OPTIONS"}


class Methods:
    """Responds to `HEAD` like `GET` without the body, to `OPTIONS`, and to methods that a URL does not have.

    Several routes share a URL: pages and JSON, each with its own methods. `Allow` lists the methods of all.
    """

    def __init__(self, app: ASGIApp, routes: FastAPI) -> None:
        self.app = app
        self._application = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on requests that a route handles; `HEAD` as `GET`."""
        allowed = self._allowed(scope["path"]) if scope["type"] == "http" else ()
        if not allowed:
            await self.app(scope, receive, send)
        elif scope["method"] not in allowed:
            await _not_allowed(scope, allowed)(scope, receive, send)
        elif scope["method"] == "OPTIONS":
            await Response(status_code=204, headers={"Allow": ", ".join(allowed)})(scope, receive, send)
        elif scope["method"] == "HEAD":
            await self._without_body({**scope, "method": "GET"}, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _without_body(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the head of a response and stop the route there, because a stream would not end."""

        async def head_only(message: Message) -> None:
            if message["type"] != "http.response.body":
                await send(message)
                return
            await send({"type": "http.response.body", "body": b""})
            if message.get("more_body", False):
                raise _Ended

        with suppress(_Ended):
            await self.app(scope, receive, head_only)

    def _allowed(self, path: str) -> Sequence[str]:
        """The methods of a path, sorted; none if no route has the path."""
        return next((methods for pattern, methods in self._paths if pattern.match(path)), ())

    @cached_property
    def _paths(self) -> Sequence[tuple[Pattern[str], Sequence[str]]]:
        """Every path with the methods of all its routes; `/runs/new` before `/runs/{run_id}`."""
        found: dict[str, set[str]] = {}
        for route in iter_route_contexts(self._application.routes):
            if route.path and route.methods:
                found.setdefault(route.path, set()).update(route.methods)
        fixed_first = sorted(found, key=lambda path: path.count("{"))
        return [(compile_path(path)[0], _with_implied(found[path])) for path in fixed_first]


class _Ended(Exception):
    """The head of a response has been sent; stops the route."""


def _with_implied(methods: set[str]) -> Sequence[str]:
    return sorted(methods | _ALWAYS | ({"HEAD"} if "GET" in methods else set()))


def _not_allowed(scope: Scope, allowed: Sequence[str]) -> Response:
    headers = {"Allow": ", ".join(allowed)}
    detail = f"{scope['method'][:20]} is not allowed here; allowed methods: {', '.join(allowed)}."
    if wants_page(scope):
        return html.error_page(Request(scope), 405, detail, headers)
    return problem(405, detail, headers=headers)
