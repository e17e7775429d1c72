"""Where the web server listens, and how it is reached from this machine."""

import errno
import http.client
import socket
from dataclasses import dataclass
from typing import Final, Self

DEFAULT_URL: Final = "http://127.0.0.1:8000"

_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104  # looked up, not bound


EXIT_ADDRESS: Final = 3
"""Exit code for an address that cannot be listened on: starting again would not help."""


class AddressError(Exception):
    """The address cannot be listened on; the message says why and what to do."""


@dataclass(frozen=True)
class Address:
    """A host and a port; the host may stand for every address of this machine."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """The address as a browser on this machine takes it."""
        host = self._local
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    @property
    def _local(self) -> str:
        return _EVERYWHERE.get(self.host, self.host)

    def listen(self) -> socket.socket:
        """A socket that listens there.

        Raises:
            AddressError: another process listens there, or the host is not one of this machine.
        """
        try:
            family = socket.getaddrinfo(self.host or None, self.port, type=socket.SOCK_STREAM)[0][0]
            listener = socket.create_server((self.host, self.port), family=family, backlog=2048)
        except PermissionError:
            raise AddressError(
                f"Port {self.port} may only be used by root; choose one above 1023 with --port."
            ) from None
        except OSError as error:
            if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
                raise AddressError(
                    f"{self.host!r} is not an address of this machine; "
                    "--host takes one that is, such as 127.0.0.1, or 0.0.0.0 for all of them."
                ) from None
            raise AddressError(
                f"Port {self.port} of {self.host} is already in use, perhaps by another Depthboard; "
                "stop that one or choose another port with --port."
            ) from None
        # accepted connections inherit it; without it each answer would wait 40 ms for an acknowledgement
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener

    def settled(self) -> Self:
        """The same address, which is free, with a free port in place of port 0.

        Raises:
            AddressError: like `listen`.
        """
        with self.listen() as listener:
            return type(self)(self.host, listener.getsockname()[1])

    def answers(self) -> bool:
        """Whether a web server answers there."""
        connection = http.client.HTTPConnection(self._local, self.port, timeout=1)
        try:
            connection.request("GET", "/health")
            connection.getresponse()
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
        return True
