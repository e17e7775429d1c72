"""Measures the Ray engine on two nodes of this machine, which listen on the loopback interface only.

    python benchmarks/cluster.py            # 50 runs one after the other, 100 short ones, a node that dies
    python benchmarks/cluster.py --write    # store the results in RESULTS.md

A run is dispatched when its slot has reported the start of the training; the clock starts with the claim. The
slots are warm. The engine of one machine is measured in the same way. Prints Markdown.
"""

import argparse
import os
import platform
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from dispatch import SHORT, Bench, few_images, p95
from results import keep

from app.worker.program import engine_of
from tests import cluster
from tests.app.queue.steps import cancel
from tests.app.states import queue_run, row
from tests.few import FEW

LONG = {"depth": 1, "epochs": 2000, "batch_size": 20, "dataset": FEW}


def main() -> None:
    """Measure, print and perhaps store."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--short", type=int, default=100)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        lines = _measured(Path(folder), arguments.runs, arguments.short)
    about = (
        f"{datetime.now(UTC):%Y-%m-%d}, `python benchmarks/cluster.py`, {platform.machine()}, "
        f"{os.cpu_count()} cores, two nodes with one slot each on this machine; load average {load:.1f} "
        "before it began."
    )
    text = "\n".join(["## The Ray engine", "", about, "", *lines])
    print(text)
    if arguments.write:
        keep("cluster", text)


def _measured(folder: Path, runs: int, short: int) -> list[str]:
    images = few_images(folder)
    local = Bench(folder / "local", images, 2, slots=2)
    at_home, rate_at_home = local.dispatch(runs), _rate(local, short)
    local.close()
    with cluster.started(folder / "cache") as nodes:
        dying, _ = nodes.add(), nodes.add()
        on_ray = {"engine": "ray", "ray_address": nodes.address}
        bench = Bench(folder / "ray", images, 2, lambda settings: {"engine": engine_of(settings)}, **on_ray)
        taken, rate = bench.dispatch(runs), _rate(bench, short)
        recovery = _recovery(bench, lambda: nodes.kill(dying))
        bench.close()
    return [
        "| | this machine | Ray |",
        "|---|---:|---:|",
        f"| claimed until started, median of {runs} | {_ms(median(at_home))} | {_ms(median(taken))} |",
        f"| the same, 95 % | {_ms(p95(at_home))} | {_ms(p95(taken))} |",
        f"| short runs per second, of {short} on two slots | {rate_at_home:.1f} | {rate:.1f} |",
        f"| a node killed until its run is queued again | | {recovery[0]:.1f} s |",
        f"| until it trains on the other node, whose run was cancelled | | {recovery[1]:.1f} s |",
    ]


def _rate(bench: Bench, short: int) -> float:
    run_ids = [queue_run(bench.database, **SHORT) for _ in range(short)]
    return short / bench.trained(*run_ids)


def _recovery(bench: Bench, kill: Callable[[], None]) -> tuple[float, float]:
    run_ids = [queue_run(bench.database, **LONG) for _ in range(2)]
    bench.until(lambda: all(row(bench.database, run_id).epochs_done > 1 for run_id in run_ids))
    kill()
    began = time.monotonic()
    bench.until(lambda: any(row(bench.database, run_id).worker_losses for run_id in run_ids))
    queued = time.monotonic() - began
    (lost,) = (run_id for run_id in run_ids if row(bench.database, run_id).worker_losses)
    (other,) = {*run_ids} - {lost}
    cancel(bench.database, other)
    bench.until(lambda: (found := row(bench.database, lost)).attempt > 1 and found.device_used is not None)
    trains = time.monotonic() - began
    cancel(bench.database, lost)
    bench.until(lambda: row(bench.database, lost).status == "cancelled")
    return queued, trains


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"


if __name__ == "__main__":
    main()
