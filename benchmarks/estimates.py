"""Measures how good the estimates are that runs get before they start, over configurations of all kinds.

    python benchmarks/estimates.py             # 30 runs after 3 to warm up, in about 4 minutes
    python benchmarks/estimates.py --write     # store the results in RESULTS.md
    python benchmarks/estimates.py --runs 3    # a short trial

A new dashboard starts without past runs. Depths, widths, batch sizes, optimizers and data sets of three sizes
are drawn at random with a fixed seed. The number of epochs is chosen so that a run takes some seconds. Each
run is previewed as in the form and then trained alone to its end, so an estimate uses only the runs before
it. The error is |estimate / measured - 1|, where measured is the time from the claim of the run to its end.
"""

import argparse
import math
import os
import platform
import random
import struct
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

from dashboard import Dashboard
from results import keep

from app.client import Client
from app.formats import between, duration
from app.queue.forecasting.pace import Work, fitted
from trainer.config import TrainConfig
from trainer.data.folder import (
    SHIPPED,
    TEST_IMAGES_FILE,
    TEST_LABELS_FILE,
    TRAIN_IMAGES_FILE,
    TRAIN_LABELS_FILE,
    DataFolder,
)
from trainer.data.loading import load
from trainer.device import list_devices

SIZES = {"mnist": (60_000, 10_000), "third": (20_000, 10_000), "tenth": (6_000, 1_000)}
"""Numbers of training and test images of each data set: MNIST and its first images."""

SECONDS = (2.0, 7.0)
"""Range of a run's intended seconds, according to its arithmetic."""

WARMING = 3
POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Trained:
    """A run's estimated and measured time in seconds."""

    what: str
    estimate: float
    range: tuple[float, float]
    measured: float

    @property
    def error(self) -> float:
        """The error relative to the measured time."""
        return abs(self.estimate / self.measured - 1)

    @property
    def within(self) -> bool:
        """Whether the measured time is within the range."""
        low, high = self.range
        return low <= self.measured <= high


def main() -> None:
    """Measure, print and optionally store the results."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=30, help="configurations that are judged")
    parser.add_argument("--seed", type=int, default=0, help="of the draw of configurations")
    parser.add_argument("--write", action="store_true", help="keep the figures in benchmarks/RESULTS.md")
    asked = parser.parse_args()
    busy = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        for name, sizes in SIZES.items():
            if name != SHIPPED:
                _subset(Path(folder) / "datasets" / name, *sizes)
        with Dashboard(Path(folder)) as board, Client(board.url) as client:
            while not client.workers() or not client.workers()[0].devices:
                time.sleep(POLL_SECONDS)
            drawn = configurations(asked.seed)
            done = []
            for wanted in islice(drawn, WARMING + asked.runs):
                done.append(_train(client, wanted))
                print(f"{len(done)}: {done[-1]}", file=sys.stderr, flush=True)
    figures = report(done[:WARMING], done[WARMING:], busy, asked.seed)
    print(figures)
    if asked.write:
        keep("estimates", figures)


def configurations(seed: int) -> Iterator[dict[str, Any]]:
    """An endless stream of random configurations, as in requests."""
    chance = random.Random(seed)
    while True:
        depth = chance.randint(1, 5)
        optimizer = chance.choice(["sgd", "sgd", "nesterov", "adam", "adamw"])
        wanted: dict[str, Any] = {
            "depth": depth,
            "width": chance.choice([128, 256, 512, 1024]),
            "batch_size": 2 ** chance.randint(0, 10),
            "optimizer": optimizer,
            "momentum": 0.9 if optimizer == "nesterov" else 0.0,
            "lr": 0.001 if optimizer.startswith("adam") else 0.01,
            "dataset": chance.choice(list(SIZES)),
        }
        epochs = round(chance.uniform(*SECONDS) / _arithmetic(wanted, 1))
        if epochs < 1:
            wanted["dataset"] = "tenth"
            epochs = round(chance.uniform(*SECONDS) / _arithmetic(wanted, 1))
        yield wanted | {"epochs": max(1, min(epochs, 40))}


def _arithmetic(wanted: dict[str, Any], epochs: int) -> float:
    config = TrainConfig(**wanted, epochs=epochs)
    return fitted("cpu", ()).guess(Work.of(config, SIZES[config.dataset], starts=False, ends=False)).seconds


def _train(client: Client, wanted: dict[str, Any]) -> Trained:
    """Request an estimate, then train."""
    told = client.preview_study(wanted)
    run = client.create_run(wanted)
    while (run := client.run(run.id)).status in ("queued", "running"):
        time.sleep(POLL_SECONDS)
    if run.status != "finished" or run.started_at is None or run.finished_at is None:
        raise RuntimeError(f"{run.name}: {run.status}, {run.reason}")
    began, ended = map(datetime.fromisoformat, (run.started_at, run.finished_at))
    what = f"{run.depth} | {run.width} | {run.batch_size} | {run.optimizer} | {run.dataset} | {run.epochs}"
    return Trained(what, told.seconds, told.seconds_range, (ended - began).total_seconds())


def report(warming: list[Trained], judged: list[Trained], busy: float, seed: int) -> str:
    """The results as Markdown."""
    errors = sorted(each.error for each in judged)
    within = sum(each.within for each in judged)
    cpu = next(device.name for device in list_devices() if device.device == "cpu")
    heading = (
        f"{datetime.now(UTC):%Y-%m-%d}, `python benchmarks/estimates.py`, {cpu}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}; load average {busy:.1f} before it began. "
        f"{len(judged)} configurations (seed {seed}), each with the estimate that it got before it started, "
        f"from only the runs before it. The first {len(warming)} runs warm up and are not judged: their "
        f"estimates were off by {', '.join(f'{100 * each.error:.0f} %' for each in warming)}."
    )
    percentile = errors[math.ceil(0.9 * len(errors)) - 1]
    summary = (
        str(len(judged)),
        *(f"{100 * each:.0f} %" for each in (median(errors), percentile, errors[-1])),
        f"{within} of {len(judged)}",
    )
    return "\n".join(
        [
            heading,
            "",
            "| configurations | median error | p90 | largest | within the range (80 % expected) |",
            "|---:|---:|---:|---:|---:|",
            f"| {' | '.join(summary)} |",
            "",
            "| depth | width | batch | optimizer | data | epochs | estimate | range | measured | error |",
            "|---:|---:|---:|---|---|---:|---:|---|---:|---:|",
            *(
                f"| {each.what} | {duration(each.estimate)} | {between(each.range)} "
                f"| {duration(each.measured)} | {100 * (each.estimate / each.measured - 1):+.0f} % |"
                for each in judged
            ),
        ]
    )


def _subset(folder: Path, train_images: int, test_images: int) -> None:
    """Write a data set of the first images of MNIST."""
    arrays = load(SHIPPED, DataFolder.of(SHIPPED, Path("data")))
    folder.mkdir(parents=True)
    for name, items in (
        (TRAIN_IMAGES_FILE, arrays.train_images[:train_images]),
        (TRAIN_LABELS_FILE, arrays.train_labels[:train_images]),
        (TEST_IMAGES_FILE, arrays.test_images[:test_images]),
        (TEST_LABELS_FILE, arrays.test_labels[:test_images]),
    ):
        header = struct.pack(f">BBBB{items.ndim}I", 0, 0, 8, items.ndim, *items.shape)
        (folder / name).write_bytes(header + items.tobytes())


if __name__ == "__main__":
    main()
