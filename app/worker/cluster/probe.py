"""Checks what listens at the address of a cluster: Ray itself waits for minutes and gives no reason."""

import os
import socket
from typing import Final
from urllib.parse import urlsplit

ANSWER_SECONDS: Final = 4.0
"""How long the address may take to accept a connection, and then to answer."""

_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
"""How a client of HTTP/2 begins, with empty settings (RFC 9113, section 3.4). All ports of Ray speak gRPC."""

_HEADER_BYTES: Final = 9
_SETTINGS: Final = 4
"""The type of the frame with which a server of HTTP/2 begins."""


def problem_at(address: str) -> str | None:
    """Returns why no Ray cluster can be at an address, in words; None if Ray has to try.

    `auto` is the address in RAY_ADDRESS, or one that Ray finds. The check takes at most twice
    `ANSWER_SECONDS` for each IP address of the host.
    """
    found = os.environ.get("RAY_ADDRESS", "") if address == "auto" else address
    if not found and address == "auto":
        return None
    parts = urlsplit(found if "://" in found else f"//{found}")
    try:
        host, port = parts.hostname, parts.port
    except ValueError:  # the port is not a number
        host = port = None
    if parts.scheme not in ("", "ray") or not host or not port:
        return "an address is HOST:PORT, ray://HOST:PORT or auto"
    return _problem(host, port)


def _problem(host: str, port: int) -> str | None:
    try:
        with socket.create_connection((host, port), ANSWER_SECONDS) as connection:
            encrypted = os.environ.get("RAY_USE_TLS", "0").lower() in ("1", "true")
            fits = encrypted or _speaks_http2(connection)
    except socket.gaierror as error:
        return f"the host name {host} can't be resolved ({error.strerror})"
    except ConnectionRefusedError:
        return f"nothing listens on port {port} of {host}"
    except TimeoutError:
        return f"{host} does not answer on port {port} within {ANSWER_SECONDS:g} s"
    except OSError as error:
        return f"{host} can't be reached ({error.strerror or error})"
    return None if fits else f"what listens on port {port} of {host} is not Ray"


def _speaks_http2(connection: socket.socket) -> bool:
    try:
        connection.sendall(_PREFACE)
        with connection.makefile("rb") as file:
            header = file.read(_HEADER_BYTES)
    except ConnectionError:
        return False
    return len(header) == _HEADER_BYTES and header[3] == _SETTINGS
