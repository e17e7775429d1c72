"""Event streams as a client reads them."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import httpx

from app.storage.database import Database, newest_change


class Told(NamedTuple):
    """An event as a client receives it."""

    id: int
    kind: str
    data: dict[str, Any]


class Stream:
    """An open event stream, read event by event."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self._lines = answer.iter_lines()

    def wait_for_the_beginning(self) -> None:
        """Read the comment at the start of a stream."""
        assert next(line for line in self._lines if line.startswith(":")) == ": connected"

    def next(self) -> Told:
        """Wait for the next event."""
        fields: dict[str, str] = {}
        for line in self._lines:
            if line and not line.startswith(":"):
                name, _, value = line.partition(": ")
                fields[name] = value
            elif not line and "event" in fields:
                return Told(int(fields["id"]), fields["event"], json.loads(fields["data"]))
            elif not line:
                fields = {}
        raise EOFError

    def take(self, count: int) -> list[Told]:
        """The next events."""
        return [self.next() for _ in range(count)]

    def until(self, kind: str, **data: object) -> list[Told]:
        """All events up to the first of this kind with these values."""
        told = [self.next()]
        while told[-1].kind != kind or not data.items() <= told[-1].data.items():
            told.append(self.next())
        return told


@contextmanager
def listening(
    client: httpx.Client, path: str = "/events", after: int | None = None, **parameters: int
) -> Iterator[Stream]:
    """A started stream, which sends every later change."""
    headers = {} if after is None else {"Last-Event-ID": str(after)}
    with client.stream("GET", path, headers=headers, params=parameters) as answer:
        assert answer.status_code == 200
        stream = Stream(answer)
        stream.wait_for_the_beginning()
        yield stream


def newest(database: Database) -> int:
    """The number of the newest change."""
    with database.read() as session:
        return newest_change(session)


def kinds(told: list[Told]) -> list[str]:
    """The kinds of events."""
    return [each.kind for each in told]
