"""Clients of event streams: many at once, and ones whose connection breaks at any byte."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import urlsplit

CHUNK = 65_536


class Told(NamedTuple):
    """An event as a client received it, and the time of receipt (seconds since 1970)."""

    id: int
    kind: str
    data: dict[str, Any]
    at: float


@dataclass
class Listener:
    """A client of one stream, which resumes after its last event."""

    url: str
    path: str = "/events"
    seen: int | None = None
    told: list[Told] = field(default_factory=list)
    connections: int = 0
    begun: asyncio.Event = field(default_factory=asyncio.Event)

    async def listen(self, byte_limit: int | None = None) -> None:
        """Listen until the server ends the connection, or until this number of bytes."""
        where = urlsplit(self.url)
        reader, writer = await asyncio.open_connection(where.hostname, where.port)
        last = "" if self.seen is None else f"Last-Event-ID: {self.seen}\r\n"
        headers = f"Host: {where.netloc}\r\nAccept: text/event-stream\r\n{last}"
        try:
            writer.write(f"GET {self.path} HTTP/1.0\r\n{headers}\r\n".encode())
            await writer.drain()
            self.connections += 1
            async for event in self._events(reader, byte_limit):
                self.seen = event.id
                self.told.append(event)
        finally:
            writer.close()

    async def _events(self, reader: asyncio.StreamReader, byte_limit: int | None) -> AsyncIterator[Told]:
        """Only complete events: an event that is cut off does not count as received."""
        text = b""
        received = 0
        await reader.readuntil(b"\r\n\r\n")
        while chunk := await reader.read(CHUNK if byte_limit is None else min(CHUNK, byte_limit - received)):
            received += len(chunk)
            text += chunk
            self.begun.set()
            *whole, text = text.replace(b"\r\n", b"\n").split(b"\n\n")
            for block in whole:
                if event := _parse(block.decode()):
                    yield event
            if byte_limit is not None and received >= byte_limit:
                return


def _parse(block: str) -> Told | None:
    """The event in these lines; None for a comment."""
    fields: dict[str, str] = {}
    for line in block.split("\n"):
        name, separator, value = line.partition(": ")
        if separator and name in ("id", "event", "data"):
            fields[name] = value
    if fields.keys() != {"id", "event", "data"}:
        return None
    return Told(int(fields["id"]), fields["event"], json.loads(fields["data"]), time.time())


async def until(look: Callable[[], bool]) -> None:
    """Poll until a condition is true."""
    while not look():  # noqa: ASYNC110  # what it looks at belongs to others
        await asyncio.sleep(0.02)
