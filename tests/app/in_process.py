"""Requests to an application in this process: everything that HTTP says, without a socket."""

import httpx
from anyio.from_thread import BlockingPortal
from fastapi import FastAPI


class InProcess(httpx.BaseTransport):
    """Passes requests to an application in the event loop of a portal; responses must not be streams.

    Features of uvicorn are absent: limits on headers and connections, `Date`, the server's start and stop.
    """

    def __init__(self, app: FastAPI, portal: BlockingPortal) -> None:
        self._application = httpx.ASGITransport(app, raise_app_exceptions=False)
        self._portal = portal

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The application's response."""
        body = httpx.ByteStream(request.read())
        asked = httpx.Request(request.method, request.url, headers=request.headers, stream=body)
        return self._portal.call(self._answer, asked)

    async def _answer(self, asked: httpx.Request) -> httpx.Response:
        answer = await self._application.handle_async_request(asked)
        assert isinstance(answer.stream, httpx.AsyncByteStream)
        content = b"".join([part async for part in answer.stream])
        stream = httpx.ByteStream(content)  # still compressed, for the client to read
        return httpx.Response(answer.status_code, headers=answer.headers, stream=stream)
