"""Content negotiation between page and JSON, and ETags."""

import hashlib
from http import HTTPStatus
from typing import Final

from fastapi.routing import APIRoute
from starlette.datastructures import Headers, MutableHeaders
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SENT_BY_SCRIPT: Final = ("X-Requested-With", "fetch")
"""The header by which the pages' own scripts say that they send a form."""

_FORMS: Final = ("application/x-www-form-urlencoded", "multipart/form-data")
_COMPARED: Final = ("text/html", "application/json", "text/csv")


def wants_page(scope: Scope) -> bool:
    """Whether the request is a browser's: it accepts HTML, or it posts a form."""
    headers = Headers(scope=scope)
    if scope["method"] == "POST":
        return headers.get("content-type", "").partition(";")[0].strip().lower() in _FORMS
    return "text/html" in headers.get("accept", "")


class HtmlRoute(APIRoute):
    """A route that exists for browsers only; to others the JSON route of the same path answers."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match like any route, but only requests that want a page."""
        if scope["type"] == "http" and not wants_page(scope):
            return Match.NONE, {}
        return super().matches(scope)


class FormsOfScripts:
    """Tells a script that sent a form where it leads by `204` and `Location`, in place of a redirect.

    A script can only follow a redirect unseen, and would read the notice that the next page shows once.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; a redirect after it becomes an answer without a body."""
        if scope["type"] != "http" or Headers(scope=scope).get(SENT_BY_SCRIPT[0]) != SENT_BY_SCRIPT[1]:
            await self.app(scope, receive, send)
            return
        redirected = False

        async def told(message: Message) -> None:
            nonlocal redirected
            if message["type"] == "http.response.start" and message["status"] == HTTPStatus.SEE_OTHER:
                redirected = True
                message["status"] = int(HTTPStatus.NO_CONTENT)
                del MutableHeaders(scope=message)["content-length"]
            elif redirected and message["type"] == "http.response.body":
                message["body"] = b""
            await send(message)

        await self.app(scope, receive, told)


class ConditionalGet:
    """Gives pages and JSON an ETag, and answers `304` to whoever has the same already."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hold a complete answer back until its ETag is known; pass streams and files on."""
        if scope["type"] != "http" or scope["method"] != "GET":
            await self.app(scope, receive, send)
            return
        await self.app(scope, receive, _Compared(send, Headers(scope=scope).get("if-none-match", "")))


class _Compared:
    """A `send` that buffers an answer whose ETag is to be computed."""

    def __init__(self, send: Send, known: str) -> None:
        self._send = send
        self._known = known
        self._start: Message | None = None
        self._body: list[bytes] = []

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_comparable(message):
            self._start = message
        elif self._start is None:
            await self._send(message)
        else:
            self._body.append(message.get("body", b""))
            if not message.get("more_body", False):
                await self._finish(self._start)

    async def _finish(self, start: Message) -> None:
        headers = MutableHeaders(scope=start)
        content_type = headers["content-type"]
        digest = hashlib.sha256(content_type.encode())
        for part in self._body:
            digest.update(part)
        etag = f'"{digest.hexdigest()[:32]}"'
        headers["ETag"] = etag
        headers.setdefault("Cache-Control", "no-cache")
        headers.setdefault("Vary", "Accept")
        if etag in self._known:
            start["status"] = 304
            del headers["content-length"]
            self._body = []
        await self._send(start)
        await self._send({"type": "http.response.body", "body": b"".join(self._body)})


def _is_comparable(start: Message) -> bool:
    headers = Headers(raw=start["headers"])
    return (
        start["status"] == 200  # noqa: PLR2004
        and headers.get("content-type", "").partition(";")[0] in _COMPARED
        and headers.get("cache-control", "").rpartition(" ")[2] not in ("immutable", "no-store")
    )
