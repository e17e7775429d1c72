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
"""Time for a client to send a request, head and body, from the connection or the request's first byte."""

MAX_HEAD_BYTES: Final = 128 * 1024
"""Maximum size of a request's line and headers, enough to compare thousands of runs."""

ACCEPTED_AT_ONCE: Final = 1
"""Number of connections that the event loop accepts before it serves the others again.

Without a free file descriptor, the loop tries as many times, logs each failure and schedules a retry for
each.
"""

BACKLOG: Final = 2_048
"""Number of connections that the kernel queues until they are accepted."""

MOST: Final = 4_096
"""Maximum number of open connections, even if the system allows more."""

_RESERVED: Final = 256
"""File descriptors reserved for the database, files and pipes."""

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
    """Raise the limit of open files as far as allowed, and return the number of connections that fit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST + _RESERVED
    limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < limit:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    return limit - min(_RESERVED, limit // 2)


class Connection(H11Protocol):
    """A connection that closes if its client does not send a complete request in time.

    Event streams and slow downloads have no deadline. When `most` connections are open, a new one replaces
    the connection that has kept the server waiting longest, for a request or for the client to read a
    response. If no connection keeps the server waiting, the new one is refused.
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
        """When the client started to keep the server waiting, on the loop's clock; None if it does not."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept a connection; if there are too many, close another one."""
        super().connection_made(transport)
        self._look()
        if len(self.connections) > self._most and not self._make_room():
            transport.write(_BUSY)
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the deadline."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Receive data; the deadline remains until the request is complete."""
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        self._look()

    def pause_writing(self) -> None:
        """Record that the client reads more slowly than the server sends."""
        super().pause_writing()
        self._look()

    def resume_writing(self) -> None:
        """Record that the client has caught up."""
        super().resume_writing()
        self._look()

    @property
    def awaits_request(self) -> bool:
        """Whether the client has not sent a complete request."""
        return self.conn.their_state in (h11.IDLE, h11.SEND_BODY)

    def end(self) -> None:
        """Close the connection of a late client, with a response if it has started a request."""
        if self.transport.is_closing():
            return
        begun = self.conn.their_state is h11.SEND_BODY or bool(self.conn.trailing_data[0])
        if begun and self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.write(_LATE)
        if self.cycle is not None:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.transport.get_write_buffer_size():  # the client does not read, so the buffer may never drain
            self.transport.abort()
        else:
            self.transport.close()

    def _look(self) -> None:
        """Update the deadline and the time since which the client keeps the server waiting."""
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
        """Close the connection that has waited longest, one without a request first; False if none waits."""
        others = [each for each in self.connections if isinstance(each, Connection) and each is not self]
        waiting = [
            each for each in others if each.waits_since is not None and not each.transport.is_closing()
        ]
        if not waiting:
            return False
        min(waiting, key=lambda each: (not each.awaits_request, each.waits_since)).end()
        return True


def configuration(app: FastAPI, **changes: Any) -> uvicorn.Config:  # noqa: ANN401  # as uvicorn takes them
    """Uvicorn's configuration: connections have deadlines, and messages go to our log."""
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
