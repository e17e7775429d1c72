"""The event stream: what changed, in order, derived from the rows themselves.

Every row contains the number of the change that wrote it, so no event log is needed: a client that has seen
all changes up to n asks for the rows with a greater number. A run that changed twice in between is sent once,
in its newest state. Epochs are sent one by one.
"""

import asyncio
import bisect
import heapq
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Final

import orjson
from fastapi.concurrency import run_in_threadpool
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col, select

from app.queue import pause
from app.runs.reading import as_answers, timestamp
from app.schemas.epochs import EPOCH_COLUMNS
from app.storage.database import Database, newest_change
from app.storage.integrity import Integrity
from app.storage.tables import Counter, Deletion, Epoch, Run

POLL_SECONDS: Final = 0.05

PING_SECONDS: Final = 15.0
"""Interval of pings on an idle stream, so that no proxy closes it."""

SLOW_SECONDS: Final = 5.0
"""A client that takes this long to read a batch has stopped reading."""

GREETING: Final = b": connected\nretry: 1000\n\n"
PING: Final = b": ping\n\n"
_CHUNK: Final = 1_000
_REMEMBERED: Final = 5_000


@dataclass(frozen=True, slots=True, order=True)
class Event:
    """One change: its number, its run (None: all), its kind and its data as JSON."""

    id: int
    run_id: int | None
    kind: str
    data: str

    def encoded(self) -> bytes:
        """The event in the format of the stream."""
        return f"event: {self.kind}\ndata: {self.data}\nid: {self.id}\n\n".encode()


def reset(change: int) -> Event:
    """An event that tells a client to read everything again and to resume after this change."""
    return Event(change, None, "reset", '{"run_id":null}')


def read_after(session: Session, seen: int, run_id: int | None = None) -> tuple[list[Event], int]:
    """Events after change `seen` in order, for one run or all, and the last change they cover.

    Many events come in chunks: ask again from the returned change until no event comes.
    """
    counts = select(Counter.value, Counter.origin, Counter.queue_change)
    newest, origin, queue_change = session.exec(counts).one()
    if seen > newest or 0 < seen < origin:  # the client saw it in a database that this one has replaced
        return [reset(newest)], newest
    runs = _changed_runs(session, seen, run_id)
    epochs = _new_epochs(session, seen, run_id)
    deletions = _deletions(session, seen, run_id)
    complete = min([newest, *(found[-1].id for found in (runs, epochs, deletions) if len(found) >= _CHUNK)])
    others = [
        *_resets(session, seen, run_id),
        *([_queue(session, queue_change)] if queue_change > seen else []),
    ]
    others.sort(key=lambda event: event.id)
    events = heapq.merge(runs, epochs, deletions, others, key=lambda event: event.id)
    return [event for event in events if event.id <= complete], complete


def _changed_runs(session: Session, seen: int, run_id: int | None) -> list[Event]:
    query = select(Run).where(col(Run.change) > seen).order_by(col(Run.change)).limit(_CHUNK)
    if run_id is not None:
        query = query.where(Run.id == run_id)
    found = session.exec(query).all()
    return [
        Event(run.change, run.id, "run", answer.model_dump_json())
        for run, answer in zip(found, as_answers(session, found), strict=True)
    ]


def _new_epochs(session: Session, seen: int, run_id: int | None) -> list[Event]:
    query = select(Epoch).where(col(Epoch.change) > seen).order_by(col(Epoch.change)).limit(_CHUNK)
    if run_id is not None:
        query = query.where(Epoch.run_id == run_id)
    return [
        Event(
            epoch.change,
            epoch.run_id,
            "epoch",
            _json(
                run_id=epoch.run_id,
                attempt=epoch.attempt,
                **{name: getattr(epoch, name) for name in EPOCH_COLUMNS},
            ),
        )
        for epoch in session.exec(query)
    ]


def _deletions(session: Session, seen: int, run_id: int | None) -> list[Event]:
    query = select(Deletion).where(col(Deletion.change) > seen).order_by(col(Deletion.change)).limit(_CHUNK)
    if run_id is not None:
        query = query.where(Deletion.run_id == run_id)
    return [Event(row.change, row.run_id, "deleted", _json(run_id=row.run_id)) for row in session.exec(query)]


def _resets(session: Session, seen: int, run_id: int | None) -> list[Event]:
    query = select(Run.id, Run.reset_change).where(col(Run.reset_change) > seen)
    if run_id is not None:
        query = query.where(Run.id == run_id)
    rows = session.exec(query.order_by(col(Run.reset_change))).all()
    return [Event(change, reset_id, "reset", _json(run_id=reset_id)) for reset_id, change in rows]


def _queue(session: Session, change: int) -> Event:
    """The newest pause or resumption of the queue; every stream gets it, as every page shows it."""
    since = pause.since(session)
    paused_at = None if since is None else timestamp(since)
    return Event(change, None, "queue", _json(paused=since is not None, since=paused_at))


def _json(**fields: object) -> str:
    return orjson.dumps(fields).decode()


class EventHub:
    """Polls the database once for all clients of this process, while there are any.

    The hub has no queue per client. Each client remembers the last change it has seen and reads the later
    ones from the cache of recent events. A client reads from the database if it is new or if many events came
    together. A client that reads so slowly that the cache drops its events gets a reset.
    """

    def __init__(self, database: Database, integrity: Integrity) -> None:
        self._database = database
        self._integrity = integrity
        self._recent: list[tuple[int, int | None, bytes]] = []
        self._complete_after = 0  # `_recent` contains every event after this change, up to `newest`
        self.newest = 0
        self._batches: dict[tuple[int, int | None], bytes] = {}  # batches sent to clients since the last news
        self._news = asyncio.Event()
        self.clients = 0
        self.closing = False
        self._breaks = 0  # how often streams were closed because the database could not be read
        self._watching: asyncio.Task[None] | None = None

    async def beginning(self, run_id: int | None) -> int:
        """The change where a new connection starts: 0 for one run, the newest change for all runs."""
        newest = await run_in_threadpool(self._look)
        return newest if run_id is None else 0

    async def stream(self, seen: int, run_id: int | None = None) -> AsyncGenerator[bytes]:
        """Encoded events after change `seen`, followed by new ones as they come, until the hub closes."""
        self.clients += 1
        try:
            yield GREETING
            if self._watching is None:
                await self._start()
            slow = False
            breaks = self._breaks
            while not self.closing and breaks == self._breaks:
                news = self._news
                if slow and seen < self._complete_after:
                    seen = self.newest
                    chunk = reset(seen).encoded()
                else:
                    chunk, seen = await self._after(seen, run_id)
                if chunk:
                    began = time.monotonic()
                    yield chunk
                    slow = time.monotonic() - began >= SLOW_SECONDS
                elif not await within(PING_SECONDS, news):
                    yield PING
        except SQLAlchemyError as error:  # the client reconnects and then gets the error
            self._integrity.met(error)
        finally:
            self.clients -= 1

    def close(self) -> None:
        """Close all streams; call it in the thread of the event loop only."""
        self.closing = True
        self._news.set()

    async def closed(self) -> None:
        """Wait until a closing hub has stopped reading from the database."""
        if self._watching is not None:
            await self._watching

    async def _start(self) -> None:
        self.newest = self._complete_after = await run_in_threadpool(self._look)
        self._recent = []
        self._batches = {}
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        while self.clients and not self.closing:
            try:
                events, reached = await asyncio.to_thread(self._next_news)
            except SQLAlchemyError as error:
                self._integrity.met(error)
                self._break_off()
            else:
                self._remember(events, reached)
                self._wake()
        self._watching = None

    def _next_news(self) -> tuple[list[Event], int]:
        """Wait in a separate thread for the next events; returns none if there are no more clients.

        A thread call for each poll would take several times the CPU time of the poll itself. The pulse is a
        cheap check for changes.
        """
        told = None
        with self._database.pulse() as pulse:
            while self.clients and not self.closing:
                time.sleep(POLL_SECONDS)
                if told == (told := pulse()):
                    continue
                if self._look() != self.newest:
                    return self._read(self.newest, None)
        return [], self.newest

    def _break_off(self) -> None:
        """Close all streams, so that clients notice the outage and reconnect."""
        self._breaks += 1
        self._wake()

    def _wake(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()

    def _remember(self, events: list[Event], reached: int) -> None:
        self._recent += [(event.id, event.run_id, event.encoded()) for event in events]
        self.newest = reached
        self._batches = {}
        if len(self._recent) > _REMEMBERED:
            self._complete_after = self._recent[-_REMEMBERED // 2][0]
            self._recent = self._recent[self._place_after(self._complete_after) :]

    async def _after(self, seen: int, run_id: int | None) -> tuple[bytes, int]:
        if self._complete_after <= seen <= self.newest:
            return self._batch(seen, run_id), self.newest
        events, reached = await run_in_threadpool(self._read, seen, run_id)
        return b"".join(event.encoded() for event in events), reached

    def _batch(self, seen: int, run_id: int | None) -> bytes:
        """The events after a change, encoded once for all clients that have seen the same."""
        if (seen, run_id) not in self._batches:
            fresh = self._recent[self._place_after(seen) :]
            self._batches[seen, run_id] = b"".join(
                sent for _, about, sent in fresh if run_id is None or about in (run_id, None)
            )
        return self._batches[seen, run_id]

    def _place_after(self, seen: int) -> int:
        return bisect.bisect_right(self._recent, seen, key=lambda entry: entry[0])

    def _look(self) -> int:
        with self._database.read() as session:
            return newest_change(session)

    def _read(self, seen: int, run_id: int | None) -> tuple[list[Event], int]:
        with self._database.read() as session:
            return read_after(session, seen, run_id)


async def within(seconds: float, event: asyncio.Event) -> bool:
    """Whether an event occurred in time."""
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False
