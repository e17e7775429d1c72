"""Measures how long others wait while thousands of runs are deleted or cancelled in one request.

    python benchmarks/bulk.py                     # 10,200 runs of 20 epochs each, five rounds
    python benchmarks/bulk.py --rounds 1 --runs 1000
    python benchmarks/bulk.py --write             # store the results in RESULTS.md

Each round fills a new database and starts a web server on it. During the request, another client posts runs,
a stand-in worker renews its lease, and a probe tries to take SQLite's write lock every two milliseconds.
Prints Markdown.
"""

import argparse
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread

import httpx
from results import keep
from sqlalchemy import insert
from sqlalchemy.exc import OperationalError

from app.queue import admission, registry
from app.schemas.bodies import Labels
from app.settings import Settings
from app.storage import migrations
from app.storage.artifacts import of_run
from app.storage.database import Database
from app.storage.sqlite import sqlite
from app.storage.tables import Epoch
from tests.reliability.server import Server
from trainer.config import TrainConfig

OTHERS = 200
"""Number of runs that the request does not touch."""

MOST_QUEUED = 9_000
"""Number of queued runs that leaves room in the queue for posted runs."""

EPOCHS = 20
PROBE_SECONDS = 0.002
POST_SECONDS = 0.02
HEARTBEAT_SECONDS = 0.5
"""A tenth of a worker's interval, for more measurements."""


@dataclass
class Round:
    """Times of one request and of other clients meanwhile, in seconds."""

    request: float = 0
    locks: list[float] = field(default_factory=list)
    posts: list[float] = field(default_factory=list)
    heartbeats: list[float] = field(default_factory=list)
    failed: int = 0
    """Number of posts and heartbeats rejected because the database was busy for too long."""

    def timed(self, taken: list[float], action: Callable[[], object]) -> None:
        """Run an action and record its time, whether it succeeds or not."""
        began = time.perf_counter()
        try:
            action()
        except (httpx.HTTPStatusError, OperationalError):
            self.failed += 1
        taken.append(time.perf_counter() - began)


def measure(action: str, runs: int) -> Round:
    """Run one round: fill a database, serve it, send the request and measure."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder))
        ids = _fill(settings, runs, queued=action == "cancel")
        server = Server(settings)
        server.start()
        try:
            return _watch(settings, server.url, {"ids": ids[:runs], "action": action})
        finally:
            server.stop()


def _watch(settings: Settings, url: str, body: dict[str, object]) -> Round:
    found = Round()
    database = Database(settings.url)
    with database.write() as session:
        registry.register(session, "stand-in", "here", registry.Offer(1, 1), lease_seconds=30)
    with httpx.Client(base_url=url, timeout=600) as client, httpx.Client(base_url=url, timeout=600) as other:
        post = lambda: found.timed(found.posts, lambda: _post(other))  # noqa: E731
        beat = lambda: found.timed(found.heartbeats, lambda: _beat(database))  # noqa: E731
        _post(other)  # opens the connection
        with (
            _repeated(post, POST_SECONDS),
            _repeated(beat, HEARTBEAT_SECONDS),
            _probed(settings, found.locks),
        ):
            found.request = _seconds(lambda: client.post("/runs/bulk", json=body).raise_for_status())
    database.close()
    return found


def _post(client: httpx.Client) -> None:
    client.post("/runs", json={"depth": 1, "device": "cuda"}).raise_for_status()


def _beat(database: Database) -> None:
    with database.write() as session:
        registry.heartbeat(session, "stand-in", 30)


@contextmanager
def _repeated(action: Callable[[], object], seconds: float) -> Iterator[None]:
    """Repeat an action in another thread while the block runs."""
    over = Event()

    def repeat() -> None:
        while not over.wait(seconds):
            action()

    thread = Thread(target=repeat)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextmanager
def _probed(settings: Settings, locks: list[float]) -> Iterator[None]:
    """While the block runs, record how long the write lock is taken each time."""
    connection = sqlite.connect(
        settings.data_dir / "depthboard.sqlite3", timeout=0, isolation_level=None, check_same_thread=False
    )
    since: float | None = None

    def probe() -> None:
        nonlocal since
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite.OperationalError:
            since = since or time.perf_counter()
        else:
            connection.execute("ROLLBACK")
            if since is not None:
                locks.append(time.perf_counter() - since)
            since = None

    with _repeated(probe, PROBE_SECONDS):
        yield
    connection.close()


def _fill(settings: Settings, runs: int, *, queued: bool) -> list[int]:
    """Create `runs` and `OTHERS` runs, queued or finished with epochs and files, and return their ids."""
    database = Database(settings.url)
    migrations.upgrade(database)
    configs = [TrainConfig(depth=1, seed=seed, epochs=EPOCHS) for seed in range(runs + OTHERS)]
    with database.write() as session:
        made = admission.enqueue(session, configs, Labels(), limit=len(configs))
        ids = [run.id or 0 for run in made]
        if not queued:
            for run in made:
                run.status, run.attempt, run.epochs_done = "finished", 1, EPOCHS
                run.started_at = run.finished_at = run.created_at
            rows = [_epoch(run_id, epoch) for run_id in ids for epoch in range(1, EPOCHS + 1)]
            session.execute(insert(Epoch), rows)
    database.close()
    for run_id in [] if queued else ids:
        model = Path(of_run(settings.artifacts, run_id).model(1))
        model.parent.mkdir(parents=True)
        model.write_bytes(b"weights")
    return ids


def _epoch(run_id: int, epoch: int) -> dict[str, object]:
    figures = ("train_loss", "last_batch_loss", "train_accuracy", "test_loss", "test_accuracy", "seconds")
    return {
        "run_id": run_id,
        "epoch": epoch,
        "change": 0,
        "attempt": 1,
        "gradient_norms": [0.123456789],
        "dead_relu": [],
        **dict.fromkeys(figures, 0.123456789),
    }


def _seconds(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def _p95(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=20)[-1] if len(values) > 1 else values[0]


def _row(action: str, runs: int, rounds: Sequence[Round]) -> str:
    def median(of: Callable[[Round], float]) -> float:
        return statistics.median(of(each) for each in rounds)

    posts = [seconds for each in rounds for seconds in each.posts]
    cells = (
        f"{action} {runs:,} runs",
        f"{median(lambda each: each.request):.1f} s",
        f"{median(lambda each: max(each.locks, default=0)):.3f} s",
        f"{max(max(each.locks, default=0) for each in rounds):.3f} s",
        f"{1000 * median(lambda each: _p95(each.posts)):.0f} ms",
        f"{1000 * max(posts):.0f} ms",
        f"{1000 * max(max(each.heartbeats, default=0) for each in rounds):.0f} ms",
        f"{sum(each.failed for each in rounds)}",
    )
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Measure, print and optionally store the results."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=10_000, help="runs in the request")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each action")
    parser.add_argument("--only", choices=("delete", "cancel"), help="one action alone")
    parser.add_argument("--write", action="store_true", help="keep the figures in benchmarks/RESULTS.md")
    asked = parser.parse_args()
    load = os.getloadavg()[0]
    rows = []
    for action in (asked.only,) if asked.only else ("delete", "cancel"):
        rounds = []
        runs = asked.runs if action == "delete" else min(asked.runs, MOST_QUEUED)
        for number in range(asked.rounds):
            rounds.append(measure(action, runs))
            print(f"{action}: round {number + 1} of {asked.rounds}", file=sys.stderr, flush=True)
        rows.append(_row(action, runs, rounds))
    today = datetime.now(UTC).date()
    heading = (
        f"{today}, `python benchmarks/bulk.py`, {platform.machine()}, {os.cpu_count()} cores, Python "
        f"{platform.python_version()}, SQLite {sqlite.sqlite_version}; load average {load:.1f} "
        f"before it began. Medians of {asked.rounds} rounds, and the largest of all."
    )
    columns = (
        "one request",
        "takes",
        "longest write lock, median",
        "longest of all",
        "`POST /runs` meanwhile, p95",
        "largest",
        "longest heartbeat",
        "refused",
    )
    figures = "\n".join(
        (heading, "", f"| {' | '.join(columns)} |", "|---|" + "---:|" * (len(columns) - 1), *rows)
    )
    print(figures)
    if asked.write:
        keep("bulk", figures)


if __name__ == "__main__":
    main()
