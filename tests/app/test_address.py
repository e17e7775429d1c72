"""Where the web server listens, and who can reach it there."""

import socket
from typing import Any

import pytest

from app import address
from app.address import Address, AddressError
from app.commands.supervisor import greeting
from app.settings import Settings


@pytest.fixture(autouse=True)
def _asked_anew() -> None:
    address._resolve.cache_clear()  # noqa: SLF001


LOCAL = ("127.0.0.1", "127.0.0.5", "127.1", "2130706433", "localhost", "LOCALHOST", "::1", "::ffff:127.0.0.1")
OPEN = ("0.0.0.0", "0", "0x0", "", "::", "0:0::0", "::ffff:0.0.0.0", "192.0.2.1", "2001:db8::1", "10.1")  # noqa: S104


@pytest.mark.parametrize("host", LOCAL)
def test_loopback_addresses_are_local(host: str) -> None:
    assert Address(host, 8000).is_local
    assert Address(host, 8000).exposure is None


@pytest.mark.parametrize("host", OPEN)
def test_every_other_address_is_open(host: str) -> None:
    assert not Address(host, 8000).is_local
    assert "without a login" in (Address(host, 8000).exposure or "")


@pytest.mark.parametrize(
    ("found", "local"),
    [
        (["127.0.1.1"], True),
        (["127.0.0.1", "::1"], True),
        (["127.0.0.1", "192.0.2.7"], False),
        (["::1", "fe80::1"], False),
        (["192.0.2.7"], False),
    ],
)
def test_a_host_name_is_local_if_all_its_addresses_are(
    found: list[str], *, local: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def resolve(host: str, *_: object, **__: object) -> list[Any]:
        assert host == "somewhere"
        return [(socket.AF_INET6 if ":" in each else socket.AF_INET, 1, 6, "", (each, 0)) for each in found]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    assert Address("somewhere", 8000).is_local is local


@pytest.mark.parametrize("host", ["nonesuch.invalid", "a..b", "x" * 70, "\udcff", "127.0.0.1 ", "[::1]"])
def test_an_invalid_host_is_refused(host: str) -> None:
    for ask in (lambda: Address(host, 0).is_local, lambda: Address(host, 0).listen()):
        with pytest.raises(AddressError, match="is not an address of this machine"):
            ask()


@pytest.mark.parametrize(
    ("host", "url", "where"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000", "127.0.0.1"),
        ("::1", "http://[::1]:8000", "::1"),
        ("localhost", "http://localhost:8000", "localhost"),
        ("0.0.0.0", "http://127.0.0.1:8000", "every IPv4 address of this machine"),  # noqa: S104
        ("", "http://127.0.0.1:8000", "every IPv4 address of this machine"),
        ("0", "http://127.0.0.1:8000", "every IPv4 address of this machine"),
        ("::", "http://[::1]:8000", "every IPv6 address of this machine"),
        ("192.0.2.1", "http://192.0.2.1:8000", "192.0.2.1"),
    ],
)
def test_an_address_is_described_as_listened_on(host: str, url: str, where: str) -> None:
    asked = Address(host, 8000)
    assert (asked.url, asked.where) == (url, where)
    told = greeting(asked, Settings(host=host).hosts)
    assert told.startswith(f"Depthboard is at {url} (Ctrl-C stops it).")
    assert told.count("\n") == (0 if asked.is_local else 1)
    if not asked.is_local:
        assert f"Depthboard listens on {where}, without a login: anyone who reaches its port can " in told
        assert "accepts requests to the host names localhost, 127.0.0.1, [::1]" in told
        assert "DEPTHBOARD_ALLOWED_HOSTS" in told


@pytest.mark.parametrize(
    ("host", "added"),
    [
        ("127.0.0.1", []),
        ("::1", []),
        ("0.0.0.0", []),  # noqa: S104
        ("::", []),
        ("", []),
        ("127.0.0.5", ["127.0.0.5"]),
        ("192.0.2.1", ["192.0.2.1"]),
        ("2001:db8::1", ["[2001:db8::1]"]),
        ("machine", ["machine"]),
    ],
)
def test_the_listening_address_is_an_allowed_host(host: str, added: list[str]) -> None:
    assert Settings(host=host).hosts == ["localhost", "127.0.0.1", "[::1]", *added]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0"])
def test_a_free_port_is_found(host: str) -> None:
    settled = Address(host, 0).settled()
    with settled.listen() as listener:
        assert listener.getsockname()[1] == settled.port
        with pytest.raises(AddressError, match="is already in use"):
            settled.listen()
