"""Host, origin and size checks of requests, and security headers."""

import re
from collections.abc import Iterable
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.web.problems import problem

_POLICY: Final = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "style-src-attr": "'unsafe-inline'",  # Plotly positions its parts with style attributes
    "font-src": "'self'",
    "img-src": "'self' data: blob:",
    "connect-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}
CONTENT_SECURITY_POLICY: Final = "; ".join(f"{what} {source}" for what, source in _POLICY.items())
HEADERS: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_HOST: Final = re.compile(r"(\[[0-9a-f:.]+\]|[0-9a-z._-]+)(:[0-9]{1,5})?")
_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class SecurityHeaders:
    """Adds the Content-Security-Policy and other security headers to every response."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and add the missing headers to its response."""

        async def completed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, completed if scope["type"] == "http" else send)


class KnownHosts:
    """Refuses requests to other host names: a hostile page can point its own name at this server.

    A pattern is a name without its port, `*.` and the end of a name, or `*` for any name.
    """

    def __init__(self, app: ASGIApp, patterns: Iterable[str]) -> None:
        self.app = app
        self._patterns = [pattern.lower() for pattern in patterns]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on if its host name is allowed."""
        host = Headers(scope=scope).get("host", "") if scope["type"] == "http" else ""
        if scope["type"] != "http" or self._knows(host):
            await self.app(scope, receive, send)
            return
        detail = f"Host name {host[:100]!a} is not allowed. Add it to DEPTHBOARD_ALLOWED_HOSTS to allow it."
        await problem(400, detail)(scope, receive, send)

    def _knows(self, host: str) -> bool:
        if "*" in self._patterns:
            return True
        found = _HOST.fullmatch(host.lower())
        return found is not None and any(
            found[1] == pattern or (pattern.startswith("*.") and found[1].endswith(pattern[1:]))
            for pattern in self._patterns
        )


class BodyLimit:
    """Refuses a body above the maximum size as soon as it is exceeded."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self.app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, counting the bytes of its body."""
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._max_bytes:
                raise HTTPException(413, f"The body is larger than {self._max_bytes:,} bytes.")
            return message

        await self.app(scope, counted if scope["type"] == "http" else receive, send)


class SameOrigin:
    """Refuses changes requested by pages of other sites.

    Browsers send `Origin` with every such request. Programs do not send it and are allowed.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on unless its origin is another site."""
        if scope["type"] == "http" and scope["method"] not in _SAFE_METHODS:
            headers = Headers(scope=scope)
            origin = headers.get("origin")
            if origin is not None and origin.partition("://")[2].lower() != headers.get("host", "").lower():
                detail = f"The request comes from {origin}; only pages of this server can make changes."
                await problem(403, detail)(scope, receive, send)
                return
        await self.app(scope, receive, send)
