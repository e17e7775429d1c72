"""Content negotiation between page and JSON, and ETags."""

import hashlib
from http import HTTPStatus
from typing import Final

from fastapi.routing import APIRoute
from starlette.datastructures import Headers, MutableHeaders
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SENT_BY_SCRIPT: Final = ("X-Requested-With", "fetch")
"""The header that marks forms sent by the pages' scripts."""

_FORMS: Final = ("application/x-www-form-urlencoded", "multipart/form-data")
_COMPARED: Final = ("text/html", "application/json", "text/csv")


def wants_page(scope: Scope) -> bool:
    """Whether a browser sent the request: it accepts HTML, or it posts a form."""
    headers = Headers(scope=scope)
    if scope["method"] == "POST":
        return headers.get("content-type", "").partition(";")[0].strip().lower() in _FORMS
    return "text/html" in headers.get("accept", "")


class HtmlRoute(APIRoute):
    """A route for browsers only; the JSON route of the same path serves other clients."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match only requests for a page."""
        if scope["type"] == "http" and not wants_page(scope):
            return Match.NONE, {}
        return super().matches(scope)


class FormsOfScripts:
    """Responds to forms of scripts with `204` and `Location` instead of a redirect.

    A script can't intercept a redirect: it would follow it and consume the one-time notice of the next page.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; turn a redirect into a response without a body."""
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
    """Adds an ETag to pages and JSON, and responds `304` to clients that have the same version."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Buffer complete responses to compute their ETag; pass on streams, files and what has an ETag."""
        if scope["type"] != "http" or scope["method"] != "GET":
            await self.app(scope, receive, send)
            return
        await self.app(scope, receive, _Compared(send, Headers(scope=scope).get("if-none-match", "")))


class _Compared:
    """A `send` that buffers a response to compute its ETag."""

    def __init__(self, send: Send, known: str) -> None:
        self._send = send
        self._known = known
        self._start: Message | None = None
        self._body: list[bytes] = []
        self._is_known = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_comparable(message):
            self._start = message
        elif message["type"] == "http.response.start":
            await self._send(self._judged(message))
        elif self._start is None:
            await self._send({**message, "body": b""} if self._is_known else message)
        else:
            self._body.append(message.get("body", b""))
            if not message.get("more_body", False):
                await self._finish(self._start)

    def _judged(self, start: Message) -> Message:
        """The start of a response that is not buffered; `304` if it has an ETag that the client knows."""
        headers = MutableHeaders(scope=start)
        self._is_known = start["status"] == HTTPStatus.OK and headers.get("etag", "\n") in self._known
        if self._is_known:
            start["status"] = int(HTTPStatus.NOT_MODIFIED)
            del headers["content-length"]
        return start

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
        and "etag" not in headers
        and headers.get("cache-control", "").rpartition(" ")[2] not in ("immutable", "no-store")
    )
