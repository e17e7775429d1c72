"""The web server's listening address, and its URL on this machine."""

import errno
import http.client
import ipaddress
import socket
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Self

DEFAULT_URL: Final = "http://127.0.0.1:8000"

_THIS_MACHINE: Final = {4: "127.0.0.1", 6: "::1"}
"""By IP version: the local address of a server that listens on every address."""


_ANY: Final = "0.0.0.0"  # noqa: S104  # an empty host means every address

EXIT_ADDRESS: Final = 3
"""Exit code if the address can't be listened on: a restart would not help."""


class AddressError(Exception):
    """The address can't be listened on; the message says why and what to do."""


@dataclass(frozen=True)
class _Resolved:
    """One address that a host resolves to, in the form that sockets take."""

    family: socket.AddressFamily
    socket_address: tuple[Any, ...]

    @property
    def ip(self) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
        """The IP address; an IPv4-mapped IPv6 address is converted to IPv4."""
        address = ipaddress.ip_address(self.socket_address[0])
        return getattr(address, "ipv4_mapped", None) or address


@cache
def _resolve(host: str) -> tuple[_Resolved, ...]:
    """Returns every address of a host. The cache ensures that the checked addresses are those used."""
    found = socket.getaddrinfo(host or _ANY, None, type=socket.SOCK_STREAM)
    return tuple(_Resolved(family, socket_address) for family, *_, socket_address in found)


@dataclass(frozen=True)
class Address:
    """A host and a port; the host may mean every address of this machine."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """The URL for a browser on this machine. Raises `AddressError` like `listen`."""
        host = self._from_here
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach the address. Raises `AddressError` like `listen`."""
        return all(each.ip.is_loopback for each in self._resolved())

    @property
    def where(self) -> str:
        """The listening address in words. Raises `AddressError` like `listen`."""
        first = self._resolved()[0].ip
        return f"every IPv{first.version} address of this machine" if first.is_unspecified else self.host

    @property
    def exposure(self) -> str | None:
        """A warning if other machines can reach the address. Raises `AddressError` like `listen`."""
        if self.is_local:
            return None
        return (
            f"Depthboard listens on {self.where}, without a login: anyone who reaches its port can start, "
            "read and delete runs."
        )

    @property
    def _from_here(self) -> str:
        first = self._resolved()[0].ip
        return _THIS_MACHINE[first.version] if first.is_unspecified else self.host

    def _resolved(self) -> tuple[_Resolved, ...]:
        try:
            return _resolve(self.host)
        except (OSError, UnicodeError):
            raise self._not_of_this_machine() from None

    def _not_of_this_machine(self) -> AddressError:
        return AddressError(
            f"{self.host!r} is not an address of this machine; "
            "choose one with --host, such as 127.0.0.1, or 0.0.0.0 for all of them."
        )

    def listen(self) -> socket.socket:
        """Returns a socket that listens on the address.

        Raises:
            AddressError: the port is in use or reserved for root, or the host is not one of this machine.
        """
        first = self._resolved()[0]
        host, _, *others = first.socket_address
        try:
            listener = socket.create_server((host, self.port, *others), family=first.family, backlog=2048)
        except PermissionError:
            raise AddressError(
                f"Only root can use port {self.port}; choose one above 1023 with --port."
            ) from None
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise self._not_of_this_machine() from None
            raise AddressError(
                f"Port {self.port} of {self.host} is already in use, perhaps by another Depthboard; "
                "stop it, or choose another port with --port."
            ) from None
        # Accepted connections inherit this. Without it, each response waits 40 ms for an acknowledgement.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener

    def settled(self) -> Self:
        """Returns the address if it is free, with a free port in place of port 0.

        Raises:
            AddressError: like `listen`.
        """
        with self.listen() as listener:
            return type(self)(self.host, listener.getsockname()[1])

    def is_served(self) -> bool:
        """Whether a web server answers at the address."""
        connection = http.client.HTTPConnection(self._from_here, self.port, timeout=1)
        try:
            connection.request("GET", "/health")
            connection.getresponse()
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
        return True
