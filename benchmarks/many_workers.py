"""Measures PostgreSQL under 200 workers, which are light stand-ins: they claim and record, but train nothing.

    python benchmarks/many_workers.py                       # 200 workers for a minute
    python benchmarks/many_workers.py --workers 20 --seconds 10
    python benchmarks/many_workers.py --write               # store the results in RESULTS.md

Each stand-in claims a run, records its epochs, renews its lease and looks for cancel requests, as the loop of
a worker does. A web server sends events to one client meanwhile. Then the same without the lock that lets
writers take turns. Prints Markdown.
"""

import argparse
import asyncio
import contextlib
import multiprocessing
import os
import platform
import random
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from typing import Final

from results import keep
from sqlalchemy.exc import DBAPIError
from sqlmodel import col, func, select

from app.queue import admission, claims, endings, registry
from app.queue.claims import Claim
from app.schemas.bodies import Labels
from app.settings import Settings
from app.storage import postgresql
from app.storage.database import Database
from app.storage.tables import Attempt, Epoch, Run
from app.worker.program import BUSY_SECONDS
from tests import postgres
from tests.app.states import RESULTS, measured
from tests.reliability.server import Server
from tests.reliability.streams import Listener
from trainer.config import TrainConfig

PROCESSES: Final = 4
EPOCHS: Final = 5
RETRY_SECONDS: Final = 0.5
HEARTBEAT_SECONDS: Final = 5.0
LEASE_SECONDS: Final = 30.0
START_SECONDS: Final = 20.0
"""Time for the stand-ins to start, connect and register; only what they do afterwards is measured."""

LOOK_SECONDS: Final = 1.0
"""How often a stand-in looks for cancel requests; the loop of a worker looks ten times as often."""

Times = dict[str, list[float]]
"""Durations of each kind of step, in seconds."""


class StandIn(threading.Thread):
    """One worker."""

    def __init__(self, database: Database, epoch_seconds: float, begin: float, deadline: float) -> None:
        super().__init__()
        self.times: Times = defaultdict(list)
        self.beats: list[float] = []
        self.recorded: dict[tuple[int, int], float] = {}
        self.errors = 0
        self._database = database
        self._epoch_seconds = epoch_seconds
        self._begin = begin
        self._deadline = deadline
        self._id = f"stand-in-{os.getpid()}-{id(self):x}"
        self._claim: Claim | None = None
        self._epoch = 0
        self._begun = False

    def run(self) -> None:
        """Work until the deadline."""
        every = {"heartbeat": HEARTBEAT_SECONDS, "look": LOOK_SECONDS, "step": self._epoch_seconds}
        act = {"heartbeat": self._beat, "look": self._look, "step": self._step}
        while time.monotonic() < self._begin:
            with contextlib.suppress(DBAPIError):
                self._beat()
                self._look()
            time.sleep(random.random() * 2)
        self.times.clear()
        self.beats.clear()
        due = {name: time.monotonic() + random.random() * seconds for name, seconds in every.items()}
        while time.monotonic() < self._deadline:
            name = min(due, key=lambda each: due[each])
            time.sleep(max(0.0, due[name] - time.monotonic()))
            due[name] = time.monotonic() + every[name]
            try:
                act[name]()
            except DBAPIError:
                self.errors += 1
                due[name] = time.monotonic() + RETRY_SECONDS

    @contextmanager
    def _timed(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.times[name].append(time.perf_counter() - began)

    def _beat(self) -> None:
        with self._timed("heartbeat"), self._database.write(turn=False) as session:
            known = registry.heartbeat(session, self._id, LEASE_SECONDS)
        if not known:
            with self._database.write() as session:
                offer = registry.Offer(1, 1, [{"device": "cpu", "name": "a CPU"}])
                registry.register(session, self._id, "here", offer, lease_seconds=LEASE_SECONDS)
        self.beats.append(time.monotonic())

    def _look(self) -> None:
        with self._timed("look"), self._database.read() as session:
            registry.held_by(session, self._id)

    def _step(self) -> None:
        if self._claim is None:
            self._take()
        elif not self._begun:
            with self._timed("start"), self._database.write() as session:
                claims.report_start(session, self._claim, "cpu", {}, 0)
            self._begun = True
        elif self._epoch < EPOCHS:
            with self._timed("record"), self._database.write() as session:
                claims.record_epoch(session, self._claim, measured(self._epoch + 1))
            self._epoch += 1  # after an error, the same epoch is recorded again
            self.recorded[self._claim.run_id, self._epoch] = time.time()
        else:
            with self._timed("finish"), self._database.write() as session:
                endings.finish(session, self._claim, RESULTS)
            self._claim = None

    def _take(self) -> None:
        with self._timed("claim"), self._database.write() as session:
            self._claim = claims.claim(session, self._id, {"cpu"}, threads=1, lease_seconds=LEASE_SECONDS)
        self._epoch = 0
        self._begun = False


def _work(
    url: str,
    workers: int,
    epoch_seconds: float,
    begin: float,
    deadline: float,
    *,
    turns: bool,
    told: object,
) -> None:
    """Run some of the stand-ins in a process of their own."""
    if not turns:
        _without_turns()
    postgresql._POOL["pool_size"] = workers  # noqa: SLF001  # as if each had connections of its own
    database = Database(url, BUSY_SECONDS)
    stand_ins = [StandIn(database, epoch_seconds, begin, deadline) for _ in range(workers)]
    for each in stand_ins:
        each.start()
    for each in stand_ins:
        each.join()
    told.put([(dict(each.times), each.beats, each.recorded, each.errors) for each in stand_ins])  # type: ignore[attr-defined]


def _without_turns() -> None:
    """Let writers run at the same time: those that change the same row still wait for each other."""
    take = postgresql.text
    postgresql.text = lambda words: take(words.replace("pg_advisory_xact_lock(:lock)", ":lock"))  # type: ignore[assignment]


def measure(
    url: str, folder: Path, workers: int, seconds: float, epoch_seconds: float, *, turns: bool
) -> list[str]:
    """Run the stand-ins on one database; returns a column of the table."""
    database = Database(url)
    wanted = [TrainConfig(depth=1, epochs=EPOCHS, seed=seed) for seed in range(int(workers * seconds))]
    wanted = wanted[: int(workers * (seconds / (epoch_seconds * (EPOCHS + 3)) + 2))]
    with database.write() as session:
        admission.enqueue(session, wanted, Labels(), limit=10**6)
    server = Server(Settings(data_dir=folder, database_url=url))
    server.start()
    try:
        listener = Listener(server.url)
        listening = threading.Thread(target=_listen, args=(listener,), daemon=True)
        listening.start()
        context = multiprocessing.get_context("spawn")
        told = context.Queue()
        begin = time.monotonic() + START_SECONDS
        parts = [
            context.Process(
                target=_work,
                args=(url, workers // PROCESSES, epoch_seconds, begin, begin + seconds),
                kwargs={"turns": turns, "told": told},
            )
            for _ in range(PROCESSES)
        ]
        for part in parts:
            part.start()
        found = [each for _ in parts for each in told.get()]
        for part in parts:
            part.join()
        time.sleep(2)  # the last events
    finally:
        server.stop()
    return _column(database, found, listener)


def _listen(listener: Listener) -> None:
    with contextlib.suppress(Exception):
        asyncio.run(listener.listen())


def _column(
    database: Database,
    found: list[tuple[Times, list[float], dict[tuple[int, int], float], int]],
    listener: Listener,
) -> list[str]:
    times: Times = defaultdict(list)
    for steps, *_ in found:
        for name, taken in steps.items():
            times[name] += taken
    recorded = {key: at for *_, some, _ in found for key, at in some.items()}
    gaps = [later - earlier for _, beats, *_ in found for earlier, later in pairwise(beats)]
    lags = [
        told.at - recorded[told.data["run_id"], told.data["epoch"]]
        for told in listener.told
        if told.kind == "epoch" and (told.data["run_id"], told.data["epoch"]) in recorded
    ]
    with database.read() as session:
        epochs = session.exec(select(func.count()).select_from(Epoch)).one()
        finished = session.exec(select(func.count()).where(Run.status == "finished")).one()
        double = session.exec(select(func.count()).where(col(Attempt.attempt) > 1)).one()
        broken = session.exec(
            select(func.count()).where(Run.status == "finished", col(Run.epochs_done) != EPOCHS)
        ).one()
    database.close()
    took = max(recorded.values()) - min(recorded.values())
    return [
        f"{finished}",
        f"{len(recorded) - epochs}",
        f"{double}",
        f"{broken}",
        f"{sum(errors for *_, errors in found)}",
        f"{len(recorded) / took:.0f}",
        f"{sum(map(len, times.values())) / took:.0f}",
        *(_spread(times[name]) for name in ("claim", "heartbeat", "record", "finish", "look")),
        f"{max(gaps):.1f} s",
        f"{len(lags)} of {len(recorded)}",
        _spread(lags),
    ]


ROWS: Final = [
    "runs finished",
    "epochs lost",
    "runs claimed twice",
    "finished runs with missing epochs",
    "steps that waited for the lock for more than a second, and were repeated",
    "epochs a second",
    "transactions a second",
    "claim",
    "heartbeat",
    "record of an epoch",
    "end of a run",
    "read of cancel requests",
    "longest time between two heartbeats, of 5 s due and 30 s allowed",
    "epoch events received",
    "epoch recorded until its event arrived",
]


def _spread(seconds: list[float]) -> str:
    if len(seconds) < 2:  # noqa: PLR2004
        return "–"
    figures = median(seconds), quantiles(seconds, n=20)[-1], max(seconds)
    return ", ".join(f"{each * 1000:.0f}" for each in figures) + " ms"


def main() -> None:
    """Measure, print and perhaps store."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--workers", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--epoch-seconds", type=float, default=5)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    load = os.getloadavg()[0]
    columns = []
    with postgres.running(connections=1000, fsync=True) as server:
        for turns in (True, False):
            with server.database() as url, TemporaryDirectory() as folder:
                size = arguments.workers, arguments.seconds, arguments.epoch_seconds
                columns.append(measure(url, Path(folder), *size, turns=turns))
    about = (
        f"{datetime.now(UTC):%Y-%m-%d}, `python benchmarks/many_workers.py`, {platform.machine()}, "
        f"{os.cpu_count()} cores for PostgreSQL, {arguments.workers} stand-ins, web server and client; each "
        f"stand-in records an epoch every {arguments.epoch_seconds:g} s for {arguments.seconds:g} s, after "
        f"all have connected. Load average {load:.1f} before it began. Times are median, 95 % and longest."
    )
    rows = [f"| {name} | {one} | {other} |" for name, one, other in zip(ROWS, *columns, strict=True)]
    head = ["| | writers take turns | without turns |", "|---|---:|---:|"]
    text = "\n".join(["## Many workers on PostgreSQL", "", about, "", *head, *rows])
    print(text)
    if arguments.write:
        keep("many workers", text)


if __name__ == "__main__":
    main()
