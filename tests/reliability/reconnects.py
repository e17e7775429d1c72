"""Streams that break at any byte, and servers that are killed under them: no event twice, none left out."""

import asyncio
import random
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from sqlmodel import col, select

from app.settings import Settings
from app.storage.database import Database
from app.storage.tables import Epoch
from tests.dashboard import ROOT, clean_environment
from tests.reliability.server import Server, Start, command
from tests.reliability.streams import Listener, until
from tests.waiting import to_its_end

RUNS = 2


@dataclass(frozen=True)
class Reconnects:
    """Numbers of reconnects and kills, and the errors in the received events."""

    connections: int
    server_kills: int
    epochs: int
    missing: int
    double: int
    out_of_order: int


def reconnect(
    settings: Settings,
    *,
    connections: int,
    server_kills: int,
    seed: int = 0,
    say: Callable[[str], None] = lambda _: None,
    start: Start = command,
) -> Reconnects:
    """Break the connections of clients of all runs and of each run while epochs are recorded."""
    return to_its_end(
        _reconnect(Server(settings, start), settings, connections, server_kills, random.Random(seed), say)
    )


async def _reconnect(  # noqa: PLR0917
    server: Server,
    settings: Settings,
    connections: int,
    server_kills: int,
    chance: random.Random,
    say: Callable[[str], None],
) -> Reconnects:
    await asyncio.to_thread(server.start)
    paths = ["/events", *(f"/runs/{run + 1}/events" for run in range(RUNS))]
    listeners = [Listener(server.url, path, seen=0) for path in paths]
    each = -(-connections // len(listeners))
    recorder = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.reliability.recorder", str(settings.url), str(RUNS), "0", "20"),
        stdin=asyncio.subprocess.PIPE,
        cwd=ROOT,
        env=clean_environment(),
    )
    database = Database(settings.url)
    await until(lambda: bool(_epochs(database)))

    async def break_again_and_again(listener: Listener) -> None:
        while listener.connections < each:
            with suppress(OSError, asyncio.IncompleteReadError):
                await listener.listen(chance.randrange(1, 20_000))
            if listener.connections % 50 == 0:
                say(f"{listener.path}: {listener.connections} connections")

    async def kill_now_and_then() -> None:
        for _ in range(server_kills):
            await asyncio.sleep(chance.uniform(0.2, 1))
            await asyncio.to_thread(server.kill)
            await asyncio.to_thread(server.start)

    await asyncio.gather(kill_now_and_then(), *map(break_again_and_again, listeners))
    recorder.stdin.close()  # type: ignore[union-attr]
    await recorder.wait()
    stored = _epochs(database)
    database.close()
    for listener in listeners:
        await _hear_the_rest(listener, _of_stream(listener, stored))
    await asyncio.to_thread(server.stop)
    return Reconnects(
        sum(listener.connections for listener in listeners),
        server_kills,
        len(stored),
        missing=sum(len(_of_stream(each, stored) - set(_told(each))) for each in listeners),
        double=sum(len(_told(each)) - len(set(_told(each))) for each in listeners),
        out_of_order=sum(
            later.id <= earlier.id
            for each in listeners
            for earlier, later in zip(each.told, each.told[1:], strict=False)
        ),
    )


async def _hear_the_rest(listener: Listener, wanted: set[tuple[int, int]]) -> None:
    """Listen without a break until no event is missing, for at most 30 s."""
    listening = asyncio.create_task(listener.listen())
    with suppress(TimeoutError):
        await asyncio.wait_for(until(lambda: wanted <= set(_told(listener))), 30)
    listening.cancel()
    with suppress(asyncio.CancelledError):
        await listening


def _told(listener: Listener) -> list[tuple[int, int]]:
    """The run and number of every received epoch, in order."""
    return [(event.data["run_id"], event.data["epoch"]) for event in listener.told if event.kind == "epoch"]


def _of_stream(listener: Listener, stored: set[tuple[int, int]]) -> set[tuple[int, int]]:
    """The epochs that a stream must send."""
    return {key for key in stored if listener.path in ("/events", f"/runs/{key[0]}/events")}


def _epochs(database: Database) -> set[tuple[int, int]]:
    with database.read() as session:
        return set(session.exec(select(Epoch.run_id, Epoch.epoch).order_by(col(Epoch.epoch))).all())
