"""Servers that are killed while they accept runs: every acknowledged run must exist exactly once."""

import threading
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import httpx
from sqlmodel import select

from app.settings import Settings
from app.storage.database import Database
from app.storage.tables import Run
from tests.reliability.server import Server, Start, command
from tests.waiting import eventually

CLIENTS = 4


@dataclass(frozen=True)
class Acknowledged:
    """Numbers of acknowledged runs and kills, and the runs that are missing or double."""

    kills: int
    runs: int
    missing: int
    double: int


def kill_while_posting(
    settings: Settings, *, kills: int, say: Callable[[str], None] = lambda _: None, start: Start = command
) -> Acknowledged:
    """Kill and restart a server while clients post runs and repeat unanswered requests."""
    server = Server(settings, start)
    server.start()
    enough = threading.Event()
    acknowledged: list[tuple[int, str]] = []

    def post_for_ever() -> None:
        with httpx.Client(base_url=server.url, timeout=10) as client:
            while not enough.is_set():
                name = uuid.uuid4().hex
                headers = {"Idempotency-Key": name}
                while not enough.is_set():
                    with suppress(httpx.TransportError):
                        answer = client.post("/runs", json={"depth": 1, "name": name}, headers=headers)
                        if answer.status_code == httpx.codes.CREATED:
                            acknowledged.append((answer.json()["id"], name))
                            break

    clients = [threading.Thread(target=post_for_ever) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    try:
        for number in range(kills):
            before = len(acknowledged)
            eventually(lambda before=before: len(acknowledged) >= before + 10)  # type: ignore[misc]
            server.kill()
            server.start()
            say(f"{number + 1} kills, {len(acknowledged)} runs")
    finally:
        enough.set()
        for client in clients:
            client.join()
        server.stop()
    database = Database(settings.url)
    with database.read() as session:
        stored = [(run_id or 0, name) for run_id, name in session.exec(select(Run.id, Run.name))]
    database.close()
    names = [name for _, name in stored]
    return Acknowledged(
        kills,
        len(acknowledged),
        missing=len(set(acknowledged) - set(stored)),
        double=len(names) - len(set(names)),
    )
