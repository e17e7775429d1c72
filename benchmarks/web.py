"""Measures waiting times (start, first epoch of a run, responses) and memory.

    python benchmarks/web.py

Starts a new dashboard on a free port and a temporary folder, and prints Markdown.
"""

import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import httpx
from dashboard import Dashboard

from app.client import Client

STARTS = 5
RUNS = 9
REQUESTS = 200


def main() -> None:
    """Measure and print."""
    starts = [_start_and_stop() for _ in range(STARTS)]
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print("\n| what | median | min | max |\n|---|---:|---:|---:|")
    _print("`depthboard up` until `/health` answers", [start for start, _ in starts], "s")
    _print("Ctrl-C until everything has ended", [stop for _, stop in starts], "s")
    with (
        tempfile.TemporaryDirectory() as folder,
        Dashboard(Path(folder)) as board,
        Client(board.url) as client,
    ):
        _wait(lambda: any(worker.devices for worker in client.workers()))
        first, whole = zip(*(_time_run(client) for _ in range(RUNS)), strict=True)
        _print("`POST /runs` until its first epoch is in the database, depth 1", first, "s")
        _print("`POST /runs` until it has finished, depth 1, 5 epochs", whole, "s")
        _print("web process, resident before the first comparison", board.mebibytes("serve"), "MiB")
        answers = [
            _milliseconds(lambda: client.create_run({"depth": 1, "device": "cuda"})) for _ in range(REQUESTS)
        ]
        _print("`POST /runs`, committed to disk", answers, "ms")
        with httpx.Client(base_url=board.url) as http:
            pages = [_milliseconds(lambda: http.get("/runs").raise_for_status()) for _ in range(REQUESTS)]
        _print("`GET /runs`, 50 of 209, as JSON", pages, "ms")


def _start_and_stop() -> tuple[float, float]:
    """Seconds of a start on an empty folder and of the stop after it."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        board = Dashboard(Path(folder))  # ready once /health responds
        started = time.perf_counter()
        board.stop()
        return started - began, time.perf_counter() - started


def _time_run(client: Client) -> tuple[float, float]:
    """Seconds from the request to the first epoch and to the end of a run."""
    time.sleep(0.5)  # the worker is idle, as after any pause
    began = time.perf_counter()
    run = client.create_run({"depth": 1, "epochs": 5})
    _wait(lambda: bool(client.epochs(run.id).epoch))
    first = time.perf_counter() - began
    _wait(lambda: client.run(run.id).status == "finished")
    return first, time.perf_counter() - began


def _milliseconds(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return (time.perf_counter() - began) * 1000


def _wait(condition: Callable[[], bool]) -> None:
    while not condition():
        time.sleep(0.01)


def _print(what: str, values: "list[float] | tuple[float, ...]", unit: str) -> None:
    digits = 2 if unit == "s" else 1
    figures = (f"{pick(values):.{digits}f} {unit}" for pick in (statistics.median, min, max))
    print(f"| {what} | {' | '.join(figures)} |")


if __name__ == "__main__":
    main()
