"""Messages reach the webhook, once it accepts them, and no other host."""

import base64
import hashlib
import hmac
import json
import logging
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import update
from sqlmodel import col, select

from app.settings import Settings
from app.storage import outbox
from app.storage.database import Database
from app.storage.tables import Notice
from app.web import housekeeping
from app.web.webhook import delivery
from app.web.webhook.delivery import retry_delay, signature
from tests.app.conftest import serving
from tests.app.states import failed_run, finished_run, study_of
from tests.waiting import eventually


class Receiver:
    """A host that keeps what it gets; `statuses` are its next answers, then it accepts everything."""

    def __init__(self, *statuses: int, location: str = "", holds: threading.Event | None = None) -> None:
        self.statuses = list(statuses)
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.headers.append({name.lower(): value for name, value in self.headers.items()})
                receiver.bodies.append(json.loads(body))
                if holds:
                    holds.wait()
                self.send_response(receiver.statuses.pop(0) if receiver.statuses else 204)
                if location:
                    self.send_header("Location", location)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hooks/T0P-5ECRET"

    @contextmanager
    def listening(self) -> Iterator["Receiver"]:
        """Receive while the block runs."""
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    @property
    def told(self) -> list[str]:
        """What happened, in the order of the messages."""
        return [body["event"] for body in self.bodies]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look for messages often, and try again at once."""
    monkeypatch.setattr(delivery, "POLL_SECONDS", 0.02)
    monkeypatch.setattr(delivery, "FIRST_RETRY_SECONDS", 0.0)


def to(receiver: Receiver, settings: Settings, **changes: Any) -> Settings:
    return settings.model_copy(update={"webhook_url": SecretStr(receiver.url), **changes})


def is_empty(settings: Settings) -> bool:
    """Whether no message is left."""
    with closing(Database(settings.url)) as database, database.read() as session:
        return session.exec(select(Notice.id)).first() is None


def test_messages_of_several_servers_arrive_once_each(settings: Settings) -> None:
    with Receiver().listening() as receiver:
        chosen = to(receiver, settings, public_url="https://lab.example.org")
        with serving(chosen) as first, serving(chosen):
            study_of(first.database, [finished_run(first.database), failed_run(first.database, "it broke")])
            with first.database.write() as session:
                outbox.put_ends(session, [1])
            eventually(lambda: is_empty(settings))
    assert sorted(receiver.told) == ["run_failed", "study_ended"]
    assert {body["url"] for body in receiver.bodies} == {
        "https://lab.example.org/runs/2",
        "https://lab.example.org/studies/1",
    }


def test_a_message_survives_a_restart_and_is_sent_until_it_is_accepted(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(settings) as server:
        failed_run(server.database)
    with Receiver(500, 429).listening() as receiver, serving(to(receiver, settings)):
        eventually(lambda: is_empty(settings))
    assert receiver.told == ["run_failed"] * 3
    assert len({body["id"] for body in receiver.bodies}) == 1
    assert caplog.text.count("did not accept a message") == 1
    assert "it answered 500" in caplog.text
    assert "T0P-5ECRET" not in caplog.text


def test_a_redirect_to_another_host_is_not_followed(settings: Settings) -> None:
    with (
        Receiver().listening() as other,
        Receiver(307, 302, location=other.url).listening() as receiver,
        serving(to(receiver, settings)) as server,
    ):
        failed_run(server.database)
        eventually(lambda: is_empty(settings))
    assert (receiver.told, other.told) == (["run_failed"] * 3, [])


def test_a_message_that_nobody_accepts_for_a_day_is_given_up(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(settings) as server:
        failed_run(server.database)
        with server.database.write() as session:
            session.execute(update(Notice).values(created_at=col(Notice.created_at) - 25 * 3600))
    with (
        caplog.at_level(logging.WARNING),
        Receiver(*[503] * 9).listening() as receiver,
        serving(to(receiver, settings)),
    ):
        eventually(lambda: is_empty(settings))
    assert receiver.told == ["run_failed"]
    assert "gave up the message about http://127.0.0.1:8000/runs/1 after 1 try" in caplog.text


def test_an_unreachable_host_does_not_stop_the_server(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    closed = Receiver()
    closed._server.server_close()  # noqa: SLF001  # its port is free again
    with serving(to(closed, settings)) as server:
        failed_run(server.database)
        eventually(lambda: "did not accept a message" in caplog.text)
        assert server.client.get("/runs").status_code == 200
    assert not is_empty(settings)


def test_a_stopping_server_does_not_wait_for_the_webhook(settings: Settings) -> None:
    held = threading.Event()
    with Receiver(holds=held).listening() as receiver:
        with serving(to(receiver, settings)) as server:
            failed_run(server.database)
            eventually(lambda: receiver.told)
        held.set()
        assert not is_empty(settings)
        with serving(to(receiver, settings)):
            eventually(lambda: is_empty(settings))


def test_slack_gets_its_own_format(settings: Settings) -> None:
    with (
        Receiver().listening() as receiver,
        serving(to(receiver, settings, webhook_format="slack")) as server,
    ):
        failed_run(server.database, "it broke")
        eventually(lambda: receiver.bodies)
    assert list(receiver.bodies[0]) == ["text"]


def test_a_secret_signs_the_message(settings: Settings) -> None:
    with (
        Receiver().listening() as receiver,
        serving(to(receiver, settings, webhook_secret=SecretStr("k"))) as server,
    ):
        failed_run(server.database)
        eventually(lambda: receiver.bodies)
    (headers,) = receiver.headers
    assert headers["webhook-id"] == receiver.bodies[0]["id"]
    assert headers["webhook-signature"].startswith("v1,")


def test_the_signature_is_that_of_standard_webhooks() -> None:
    headers = signature(SecretStr("key"), "notice-1", b"{}", 1_700_000_000)
    digest = hmac.new(b"key", b"notice-1.1700000000.{}", hashlib.sha256).digest()
    assert headers == {
        "webhook-id": "notice-1",
        "webhook-timestamp": "1700000000",
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }
    assert "webhook-signature" not in signature(None, "notice-1", b"{}", 1)


def test_the_delay_doubles_up_to_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "FIRST_RETRY_SECONDS", 10.0)
    assert [retry_delay(tries) for tries in (1, 2, 3, 9, 10, 1_000)] == [10, 20, 40, 2560, 3600, 3600]


def test_without_a_webhook_nothing_is_kept(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(housekeeping, "FIRST_SECONDS", 0.02)
    with closing(Database(settings.url)) as database:
        failed_run(database)
    with serving(settings):
        eventually(lambda: is_empty(settings))
