"""Measures the dispatch of runs on this machine: from the claim of a run to the start of its training.

    python benchmarks/dispatch.py           # 50 runs, one after the other, in one warm slot
    python benchmarks/against.py ../older --only dispatch --rounds 5    # in turn with an older checkout

The runs are short and their images loaded. `against.py` runs this file in older checkouts too, so it uses
only what they have. Prints Markdown.
"""

import argparse
import os
import platform
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from sqlmodel import select

from app.queue.claims import Claim
from app.settings import Settings
from app.storage import migrations
from app.storage.database import Database
from app.storage.tables import Run
from app.worker.loop import Worker
from app.worker.messages import FromSlot, Started
from tests.app.states import queue_run, row
from tests.few import FEW, contents, link
from tests.trainer import idx_files

SHORT = {"depth": 1, "epochs": 1, "batch_size": 100, "dataset": FEW}
PATIENCE = 300


class TimedWorker(Worker):
    """A worker that notes when its runs start, in seconds since 1970, as claims are noted in the database."""

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401  # those of a worker
        self.starts: list[float] = []
        super().__init__(*arguments, **options)

    def _write(self, claim: Claim, report: FromSlot) -> bool:
        if isinstance(report, Started):
            self.starts.append(time.time())
        return super()._write(claim, report)


class Bench:
    """A worker with warm slots, driven turn by turn, and its database.

    `options` makes further options of the worker, such as its engine, from its settings.
    """

    def __init__(
        self,
        folder: Path,
        images: Path,
        ready: int,
        options: Callable[[Settings], dict[str, Any]] = lambda _: {},
        **settings: object,
    ) -> None:
        folder.mkdir()
        link(folder, images)
        self.settings = Settings.model_validate(
            {"data_dir": folder, "device": "cpu", "threads": 1, "checkpoint_seconds": 0, **settings}
        )
        self.database = Database(self.settings.url)
        self.database.create()
        migrations.upgrade(self.database)
        self.worker = TimedWorker(self.database, self.settings, **options(self.settings))
        self.until(lambda: [slot.ready for slot in self.worker.slots] == [True] * ready)
        self.trained(*(queue_run(self.database, **SHORT) for _ in range(2 * ready)))  # loads the images

    def until(self, done: Callable[[], bool]) -> float:
        """Let the worker work; returns how long it took, in seconds."""
        began = time.monotonic()
        while not done():
            if time.monotonic() - began > PATIENCE:
                raise TimeoutError
            self.worker.turn()
        return time.monotonic() - began

    def trained(self, *run_ids: int) -> float:
        """Train these runs to their ends."""

        def ended() -> bool:
            with self.database.read() as session:
                running = select(Run.id).where(Run.status.in_(("queued", "running")))  # type: ignore[attr-defined]
                return session.exec(running.limit(1)).first() is None

        taken = self.until(ended)
        if not all(row(self.database, run_id).status == "finished" for run_id in run_ids):
            raise RuntimeError("a run did not finish")
        return taken

    def dispatch(self, count: int) -> list[float]:
        """Returns the seconds from the claim of each of these runs to the start of its training."""
        taken = []
        for _ in range(count):
            self.worker.starts.clear()
            run_id = queue_run(self.database, **SHORT)
            self.trained(run_id)
            taken.append(self.worker.starts[0] - (row(self.database, run_id).started_at or 0))
        return taken

    def close(self) -> None:
        """End the worker."""
        self.worker.drain()
        self.database.close()


def few_images(folder: Path) -> Path:
    """Write the images that the runs are trained on."""
    (folder / "few").mkdir()
    return idx_files.write(folder / "few", contents())


def p95(values: list[float]) -> float:
    """Returns the 95th percentile."""
    return quantiles(values, n=20)[-1]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=50)
    runs = parser.parse_args().runs
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder, "data"), few_images(Path(folder)), 1, slots=1)
        taken = bench.dispatch(runs)
        bench.close()
    print(
        f"{datetime.now(UTC):%Y-%m-%d}, `python benchmarks/dispatch.py`, {platform.machine()}, "
        f"{os.cpu_count()} cores; load average {load:.1f} before it began.\n"
    )
    print(f"| {runs} runs | median | 95 % |\n|---|---:|---:|")
    print(f"| claimed until started | {median(taken) * 1000:.2f} ms | {p95(taken) * 1000:.2f} ms |")


if __name__ == "__main__":
    main()
