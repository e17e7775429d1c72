"""A real web server for tests, inside this process and without a worker: what is queued stays queued."""

import signal
import threading

from app import main
from app.address import Address
from app.settings import Settings
from app.web import connections
from tests.waiting import eventually


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
        self.app = main.create_app(self._settings)
        config = connections.configuration(self.app, log_level="critical")
        self._server = main.Server(config, self.app.state.events)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [listener]})
        self._thread.start()
        eventually(lambda: self._server.started)

    def stop(self) -> None:
        """Stop as on SIGTERM: open streams end first."""
        self._server.handle_exit(signal.SIGTERM, None)
        self._thread.join()
