"""Limits on connections: a deadline for each, and a maximum number."""

import asyncio
import resource
from functools import partial
from typing import Any, Final

import h11
import uvicorn
from fastapi import FastAPI
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

REQUEST_SECONDS: Final = 30.0
"""How long a client may take to send one request, head and body, from the connection or its first byte on."""

MAX_HEAD_BYTES: Final = 128 * 1024
"""Room for a request's line and headers, enough for a comparison of thousands of runs."""

ACCEPTED_AT_ONCE: Final = 1
"""How many connections the event loop accepts before it looks at the others again.

Without a free file descriptor it tries as often, logs each failure and schedules a retry for each.
"""

BACKLOG: Final = 2_048
"""How many connections the kernel keeps ready until they are accepted."""

MOST: Final = 4_096
"""How many connections are open at most, where the system would allow more."""

_RESERVED: Final = 256
"""File descriptors that are kept for the database, files and pipes."""

_HEADERS: Final = b"Connection: close\r\nContent-Type: text/plain; charset=utf-8\r\n"
_BUSY: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\n"
    + _HEADERS
    + b"\r\nToo many connections are open. Try again in a few seconds.\n"
)
_LATE: Final = (
    b"HTTP/1.1 408 Request Timeout\r\n" + _HEADERS + b"\r\nThe request was not complete after 30 seconds.\n"
)


def room() -> int:
    """How many connections this process can hold; its limit of open files is raised as far as it may be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST + _RESERVED
    limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < limit:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    return limit - min(_RESERVED, limit // 2)


class Connection(H11Protocol):
    """A connection that ends if its client does not send a whole request in time.

    An open event stream or a slow download is the server's turn and may last. When there are `most`
    connections, a new one takes the place of the one that has kept the server waiting for longest: for a
    request, or for an answer to be read. If there is none, the new one is refused.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        most: int = MOST,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._most = most
        self._deadline: asyncio.TimerHandle | None = None
        self.waits_since: float | None = None
        """When the client began to keep the server waiting, on the loop's clock; None if it does not."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a new connection, in the place of another if there are too many."""
        super().connection_made(transport)
        self._look()
        if len(self.connections) > self._most and not self._make_room():
            transport.write(_BUSY)
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the deadline."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what the client sends; its time goes on until the request is whole."""
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        self._look()

    def pause_writing(self) -> None:
        """Note that the client does not read as fast as is sent."""
        super().pause_writing()
        self._look()

    def resume_writing(self) -> None:
        """Note that it does again."""
        super().resume_writing()
        self._look()

    @property
    def awaits_request(self) -> bool:
        """Whether the client has yet to send a request, or the rest of one."""
        return self.conn.their_state in (h11.IDLE, h11.SEND_BODY)

    def end(self) -> None:
        """End the connection of a client that is late; it is told so if it has begun a request."""
        if self.transport.is_closing():
            return
        begun = self.conn.their_state is h11.SEND_BODY or bool(self.conn.trailing_data[0])
        if begun and self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.write(_LATE)
        if self.cycle is not None:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.transport.get_write_buffer_size():  # nobody reads, and to wait for that could take for ever
            self.transport.abort()
        else:
            self.transport.close()

    def _look(self) -> None:
        """Note whether the client keeps the server waiting now."""
        if self.awaits_request and self._deadline is None:
            self._deadline = self.loop.call_later(REQUEST_SECONDS, self._on_deadline)
        elif not self.awaits_request:
            self._stop_waiting()
        if not (self.awaits_request or self.flow.write_paused):
            self.waits_since = None
        elif self.waits_since is None:
            self.waits_since = self.loop.time()

    def _on_deadline(self) -> None:
        self._deadline = None
        self.end()

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _make_room(self) -> bool:
        """End the connection that has waited longest, first one without a request; False if none waits."""
        others = [each for each in self.connections if isinstance(each, Connection) and each is not self]
        waiting = [
            each for each in others if each.waits_since is not None and not each.transport.is_closing()
        ]
        if not waiting:
            return False
        min(waiting, key=lambda each: (not each.awaits_request, each.waits_since)).end()
        return True


def configuration(app: FastAPI, **changes: Any) -> uvicorn.Config:  # noqa: ANN401  # as uvicorn takes them
    """How uvicorn serves the application: connections have a deadline, and it writes to our log."""
    return uvicorn.Config(
        app,
        http=partial(Connection, most=room()),  # type: ignore[arg-type]
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
        backlog=ACCEPTED_AT_ONCE,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=2,
        **changes,
    )
