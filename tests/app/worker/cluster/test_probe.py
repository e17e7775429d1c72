"""What is said of addresses at which no Ray cluster can be, with real sockets."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from app.worker.cluster import probe
from app.worker.cluster.probe import problem_at

SETTINGS = bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])


@contextlib.contextmanager
def listening(answer: Callable[[socket.socket, bytes], object]) -> Iterator[int]:
    """The port of a server that deals with one client, after the first bytes from it."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with server.accept()[0] as client:
                answer(client, client.recv(1000))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        thread.join()


@pytest.mark.parametrize("form", ["127.0.0.1:{}", "ray://127.0.0.1:{}"])
def test_a_server_of_grpc_may_be_ray(form: str) -> None:
    with listening(lambda client, _: client.sendall(SETTINGS)) as port:
        assert problem_at(form.format(port)) is None


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-2.0-x\r\n", b"", b"\0\0\0\4"])
def test_another_server_is_not_ray(answer: bytes) -> None:
    with listening(lambda client, _: client.sendall(answer)) as port:
        assert problem_at(f"127.0.0.1:{port}") == f"what listens on port {port} of 127.0.0.1 is not Ray"


def test_a_connection_that_is_reset_is_not_ray() -> None:
    linger = bytes([1, 0, 0, 0, 0, 0, 0, 0])
    with listening(lambda client, _: client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)) as port:
        assert problem_at(f"127.0.0.1:{port}") == f"what listens on port {port} of 127.0.0.1 is not Ray"


def test_a_server_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "ANSWER_SECONDS", 0.1)
    with listening(lambda client, _: client.recv(1)) as port:
        assert problem_at(f"127.0.0.1:{port}") == f"127.0.0.1 does not answer on port {port} within 0.1 s"


def test_a_port_without_a_server_and_an_unknown_host_are_told() -> None:
    with socket.socket() as bound:  # nobody listens, and nobody else gets the port
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        assert problem_at(f"127.0.0.1:{port}") == f"nothing listens on port {port} of 127.0.0.1"
    said = problem_at("nowhere.invalid:6379")
    assert said
    assert said.startswith("the host name nowhere.invalid can't be resolved (")


@pytest.mark.parametrize(
    "typed", ["", "nowhere", "local", "127.0.0.1", "127.0.0.1:head", "127.0.0.1:99999", "http://127.0.0.1:80"]
)
def test_other_forms_of_addresses_are_refused(typed: str) -> None:
    assert problem_at(typed) == "an address is HOST:PORT, ray://HOST:PORT or auto"


def test_the_environment_names_the_cluster_of_auto(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    assert problem_at("auto") is None
    monkeypatch.setenv("RAY_ADDRESS", "typo")
    assert problem_at("auto") == "an address is HOST:PORT, ray://HOST:PORT or auto"


def test_a_server_with_tls_is_left_to_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_USE_TLS", "1")
    with listening(lambda *_: None) as port:
        assert problem_at(f"127.0.0.1:{port}") is None
