"""Clients that keep the server waiting: half-sent requests, trickled bodies, floods of connections."""

import contextlib
import http.client
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.address import Address
from app.web import connections
from tests.app.conftest import Served
from tests.dashboard import ROOT, clean_environment
from tests.reliability.server import free_port
from tests.waiting import eventually

HALF = b"GET /runs HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "
HALF_BODY = b"POST /runs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: %b\r\nContent-Length: 99\r\n\r\ndepth"
FILES = 256
"""How many files the flooded server may open."""


def opened(url: str) -> socket.socket:
    """A connection to a server."""
    host, _, port = url.removeprefix("http://").partition(":")
    return socket.create_connection((host, int(port)), timeout=30)


def ended(connection: socket.socket) -> bytes:
    """What the server says until it ends the connection."""
    said = b""
    with contextlib.suppress(ConnectionResetError):
        while part := connection.recv(4096):
            said += part
    return said


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (b"", b""),
        (HALF, b"408 Request Timeout"),
        (HALF_BODY % b"application/json", b"408 Request Timeout"),
        (HALF_BODY % b"application/x-www-form-urlencoded", b"408 Request Timeout"),
    ],
    ids=["nothing", "half a head", "half a body", "half a form"],
)
def test_an_incomplete_request_ends_its_connection(
    server: Served,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    sent: bytes,
    told: bytes,
) -> None:
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 0.5)
    with opened(server.url) as connection:
        connection.sendall(sent)
        assert told in ended(connection)
    assert server.client.get("/runs").json()["total"] == 0
    assert caplog.text == ""


def test_slowly_arriving_bytes_do_not_extend_the_deadline(
    server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 1.0)
    began = time.monotonic()
    with opened(server.url) as connection, contextlib.suppress(ConnectionError):
        connection.sendall(HALF)
        connection.settimeout(0.05)
        while time.monotonic() - began < 60:
            connection.sendall(b"x")
            with contextlib.suppress(TimeoutError):
                if not connection.recv(4096):
                    break
    assert time.monotonic() - began < 30


def test_an_open_stream_has_no_deadline(server: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 0.3)
    with server.client.stream("GET", "/events", timeout=30) as stream:
        lines = stream.iter_lines()
        assert next(lines) == ": connected"
        with opened(server.url) as late:
            ended(late)
        assert httpx.post(f"{server.url}/runs", json={"depth": 1}).status_code == 201
        assert any(line.startswith("event: run") for line in lines)


def test_each_request_of_a_connection_has_a_new_deadline(
    server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 3.0)
    with opened(server.url) as connection:
        for _ in range(4):
            time.sleep(0.8)
            connection.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            assert answer.status == 200
            assert b"version" in answer.read()


@contextlib.contextmanager
def limited(folder: Path) -> Iterator[tuple[str, Path]]:
    """A server that may open few files: its address, and its log."""
    port, log = free_port(), folder / "log"
    serve = [sys.executable, "-m", "app.cli", "serve", "--port", str(port), "--data-dir", str(folder)]
    command = ["sh", "-c", f'ulimit -n {FILES} && exec "$@"', "sh", *serve]
    with log.open("wb") as errors:
        process = subprocess.Popen(command, cwd=ROOT, env=clean_environment(), stderr=errors)
    try:
        eventually(Address("127.0.0.1", port).is_served)
        yield f"http://127.0.0.1:{port}", log
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def test_incomplete_requests_do_not_block_other_clients(tmp_path: Path) -> None:
    """More connections than the server may open files: others are answered all the time, in a quiet log."""
    with limited(tmp_path) as (url, log), contextlib.ExitStack() as held:
        for number in range(FILES + 100):
            connection = held.enter_context(opened(url))
            with contextlib.suppress(ConnectionError):
                connection.sendall(HALF)
            if number % 50 == 0:
                assert httpx.get(f"{url}/runs", timeout=10).status_code == 200
        assert httpx.post(f"{url}/runs", json={"depth": 1}, timeout=10).status_code == 201
        assert len(log.read_text().splitlines()) < 20


def test_connections_are_refused_if_no_other_can_be_closed(tmp_path: Path) -> None:
    request = b"GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    with limited(tmp_path) as (url, log), contextlib.ExitStack() as held:
        told = []
        for _ in range(FILES):
            connection = held.enter_context(opened(url))
            connection.sendall(request)
            told.append(connection.recv(4096))
        assert told[0].startswith(b"HTTP/1.1 200")
        assert told[-1].startswith(b"HTTP/1.1 503")
        held.close()
        eventually(lambda: httpx.get(f"{url}/runs", timeout=10).status_code == 200)
        assert len(log.read_text().splitlines()) < 20
