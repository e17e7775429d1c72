"""Web servers for tests, inside this process and without a worker: what is queued stays queued."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import FastAPI

from app import main
from app.address import Address
from app.settings import Settings
from app.web import connections
from tests.waiting import eventually

_unused: dict[tuple[str, ...], list[FastAPI]] = {}
"""Applications that no server uses at the moment, by their allowed hosts."""


def application(settings: Settings) -> FastAPI:
    """An application with these settings, to be given to `give_back` once it has ended.

    The first request builds routes and middleware, which takes longer than most tests. Applications are
    therefore reused with the state of a new one: apart from the state, only the hosts depend on settings.
    """
    made = main.create_app(settings)
    free = _unused.get(tuple(settings.hosts))
    app = free.pop() if free else made
    app.state = made.state
    return app


def give_back(app: FastAPI, settings: Settings) -> None:
    """Let others use an application that had these settings."""
    _unused.setdefault(tuple(settings.hosts), []).append(app)


class WebServer:
    """The application with these settings over HTTP; it keeps its port after a restart."""

    def __init__(self, settings: Settings, port: int = 0) -> None:
        self._settings = settings
        self._port = port

    @property
    def url(self) -> str:
        """The URL of the server."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Serve until `stop`."""
        listener = Address("127.0.0.1", self._port).listen()
        self._port = listener.getsockname()[1]
        self.app = application(self._settings)
        config = connections.configuration(self.app, log_level="critical")
        self._server = main.Server(config, self.app.state.events)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [listener]})
        self._thread.start()
        eventually(lambda: self._server.started)

    def stop(self) -> None:
        """Stop as on SIGTERM: open streams end first."""
        self._server.handle_exit(signal.SIGTERM, None)
        self._thread.join()
        give_back(self.app, self._settings)


@contextmanager
def started(settings: Settings, port: int = 0) -> Iterator[WebServer]:
    """A server with these settings that has started."""
    server = WebServer(settings, port)
    server.start()
    try:
        yield server
    finally:
        server.stop()
