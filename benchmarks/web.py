"""Measures waiting times of users and programs, and the memory of the web process.

    python benchmarks/web.py                        # both parts
    python benchmarks/web.py --part start           # start, first epoch of a run, stop
    python benchmarks/web.py --part many            # requests and pages with 10,000 runs of 200 epochs
    python benchmarks/web.py --part many --write    # keep the figures in RESULTS.md

The first part starts new dashboards. The second fills a SQLite database and starts a web server on it;
meanwhile a stand-in for a worker records epochs of a run, because training would take the cores from what is
measured. The CPU time of a request is that of the web process. Prints Markdown.
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psutil
from dashboard import Dashboard
from many_runs import OF_A_STUDY, fill
from results import keep

from app.client import Client
from app.commands.supervisor import WEB_MEMORY
from app.runs.listing.fields import SORTABLE
from app.settings import Settings
from tests.dashboard import ROOT, clean_environment
from tests.reliability.server import Server, Started

STARTS = 5
RUNS = 9
REPEATS = 4
"""Times that each filter and order is requested."""

POSTS = 200
EPOCHS_PER_SECOND = 2.0
HTML = {"Accept": "text/html"}

FILTERS = (
    "",
    "depth=3",
    "depth=1,2&lr=0.05",
    "status=failed",
    "status=finished&dataset=mnist",
    "tag=thesis",
    "tag=thesis,wide&depth=5",
    "q=layer",
    "q=a+note",
    "q=nowhere",
    "archived=all",
    "archived=true",
    "study=3",
    "batch_size=256&seed=7",
)
GROUPS = ("depth", "lr", "status", "seed", "name", "batch_size,depth", "lr,seed")
"""By few values, and by as many as there are runs."""

PAGES = (
    "/runs",
    "/runs?sort=-test_accuracy",
    "/runs?status=failed&sort=name",
    "/runs?limit=500",
    "/runs/new",
    "/runs/42",
    "/runs/42/epochs",
    "/studies",
    "/studies?sort=-progress",
    "/studies/3",
    "/compare",
    "/queue",
    "/workers",
    "/docs",
    "/help",
)


def main() -> None:
    """Measure, print and optionally keep the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--part", choices=("start", "many"), help="one part alone")
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--epochs", type=int, default=200)
    parser.add_argument("--write", action="store_true", help="keep the second part in RESULTS.md")
    asked = parser.parse_args()
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    if asked.part != "many":
        print(machine)
        _measure_starts()
    if asked.part != "start":
        today, load = datetime.now(UTC).date(), os.getloadavg()[0]
        heading = (
            f"{today}, `python benchmarks/web.py --part many`, {machine}; {asked.runs:,} runs of "
            f"{asked.epochs} epochs, load average {load:.1f} before it began."
        )
        figures = "\n".join((heading, "", *_measure_many(asked.runs, asked.epochs)))
        print(f"\n{figures}")
        if asked.write:
            keep("web", figures)


# A dashboard from its start to its stop


def _measure_starts() -> None:
    starts = [_start_and_stop() for _ in range(STARTS)]
    print("\n| what | median | min | max |\n|---|---:|---:|---:|")
    _print("`depthboard up` until `/health` answers", [start for start, _ in starts])
    _print("Ctrl-C until everything has ended", [stop for _, stop in starts])
    with (
        tempfile.TemporaryDirectory() as folder,
        Dashboard(Path(folder)) as board,
        Client(board.url) as client,
    ):
        _wait(lambda: any(worker.devices for worker in client.workers()))
        first, whole = zip(*(_time_run(client) for _ in range(RUNS)), strict=True)
        _print("`POST /runs` until its first epoch is in the database, depth 1", first)
        _print("`POST /runs` until it has finished, depth 1, 5 epochs", whole)


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


def _wait(condition: Callable[[], bool]) -> None:
    while not condition():
        time.sleep(0.01)


def _print(what: str, values: Sequence[float]) -> None:
    figures = (f"{pick(values):.2f} s" for pick in (statistics.median, min, max))
    print(f"| {what} | {' | '.join(figures)} |", flush=True)


# Thousands of runs


@dataclass
class Requests:
    """Times of one kind of request in milliseconds, and the CPU time of the web process."""

    what: str
    taken: list[float] = field(default_factory=list)
    cpu: float = 0

    @property
    def row(self) -> str:
        """The row of the table."""
        cells = (
            self.what,
            str(len(self.taken)),
            f"{self.taken[0]:.0f} ms",
            f"{statistics.median(self.taken):.1f} ms",
            f"{p95(self.taken):.1f} ms",
            f"{max(self.taken):.0f} ms",
            f"{self.cpu / len(self.taken):.1f} ms",
        )
        return f"| {' | '.join(cells)} |"


def p95(values: Sequence[float]) -> float:
    """The 95th percentile."""
    return statistics.quantiles(values, n=20, method="inclusive")[-1] if len(values) > 1 else values[0]


class Measured:
    """A web server with many runs, and what requests to it take."""

    def __init__(self, server: Server) -> None:
        self._process = psutil.Process(server.process.pid)
        self._http = httpx.Client(base_url=server.url, timeout=120)
        self._memory = server.mebibytes
        self.requests: list[Requests] = []
        self.memory: list[str] = []

    def ask(self, what: str, *paths: str, repeats: int = 1, **headers: str) -> None:
        """Request these paths in turn, as one kind of request."""
        self._time(
            what, [lambda path=path: self._http.get(path, headers=headers) for path in paths] * repeats
        )

    def post(self, what: str, count: int) -> None:
        """Create runs that no worker takes."""
        self._time(what, [lambda: self._http.post("/runs", json={"depth": 1, "device": "cuda"})] * count)

    def remember(self, when: str) -> None:
        """Record the resident memory of the web process."""
        self.memory.append(f"| {when} | {self._memory():.0f} MiB |")

    def _time(self, what: str, actions: Sequence[Callable[[], httpx.Response]]) -> None:
        found = Requests(what)
        before = sum(self._process.cpu_times()[:2])
        for action in actions:
            began = time.perf_counter()
            answer = action()
            found.taken.append(1000 * (time.perf_counter() - began))
            answer.raise_for_status()
        found.cpu = 1000 * (sum(self._process.cpu_times()[:2]) - before)
        self.requests.append(found)
        print(found.row, file=sys.stderr, flush=True)


def _measure_many(runs: int, epochs: int) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder))
        fill(settings, runs, epochs)
        server = Server(settings, _started)
        with recorded(settings, EPOCHS_PER_SECOND):
            server.start()
            try:
                found = Measured(server)
                _request(found)
            finally:
                server.stop()
    yield "| requests | number | first | median | p95 | longest | CPU, mean |"
    yield "|---|---:|---:|---:|---:|---:|---:|"
    yield from (each.row for each in found.requests)
    yield "\n| web process, resident | |\n|---|---:|"
    yield from found.memory


def _request(found: Measured) -> None:
    """Every measured request, in the order in which memory is reported."""
    found.remember("before the first request")
    found.ask("`GET /runs` as a page", "/runs", repeats=30, **HTML)
    orders = [sign + name for name in SORTABLE for sign in ("", "-")]
    found.ask(
        "`GET /runs` as JSON, 50 rows, every order",
        *(f"/runs?sort={order}" for order in orders),
        repeats=REPEATS,
    )
    queries = [
        f"/runs?{query}&sort={order}" for query in FILTERS for order in ("-id", "-test_accuracy", "name")
    ]
    found.ask("`GET /runs` as JSON, 50 rows, filters", *queries, repeats=REPEATS)
    found.ask("`GET /runs` as a page, every order", *(f"/runs?sort={order}" for order in orders), **HTML)
    found.ask("`GET /runs` as a page, filters", *queries, **HTML)
    grouped = [f"/runs?group={group}&sort={order}" for group in GROUPS for order in ("-id", "-test_accuracy")]
    found.ask("`GET /runs` as JSON, 50 groups", *grouped, repeats=REPEATS)
    found.ask("`GET /runs` as a page, 50 groups", *grouped, **HTML)
    found.ask("page of a run", *(f"/runs/{number}" for number in range(1, 42)), **HTML)
    found.ask("epochs of a run as JSON", *(f"/runs/{number}/epochs" for number in range(1, 42)))
    found.post("`POST /runs`, committed to disk", POSTS)
    for path in PAGES:
        found.ask(f"`{path}` as a page", path, repeats=3, **HTML)
    found.remember("after every page")
    found.ask("`GET /runs.csv`", "/runs.csv?archived=all", repeats=2)
    found.remember("after the CSV of all runs")
    compared = "study=3"
    found.ask(f"comparison of {OF_A_STUDY} runs as a page", f"/compare?{compared}", repeats=3, **HTML)
    found.ask("its curves", f"/compare/curves?{compared}", repeats=3)
    found.ask("the same as JSON", f"/compare?{compared}", repeats=3)
    found.remember(f"after a comparison of {OF_A_STUDY} runs")
    found.ask("its epochs as CSV", f"/compare.csv?{compared}", repeats=2)
    found.ask("its report", f"/compare/report.html?{compared}", repeats=2)
    found.remember("after its CSV and its report")


def _started(*words: str) -> Started:
    """Start the web process as `depthboard up` does."""
    return subprocess.Popen(
        [sys.executable, "-m", "app.cli", *words],
        cwd=ROOT,
        env=clean_environment(**WEB_MEMORY),
        stderr=subprocess.DEVNULL,
    )


@contextmanager
def recorded(settings: Settings, per_second: float, runs: int = 1) -> Iterator[None]:
    """While the block runs, another process records epochs of new runs, or of all queued ones if 0."""
    recorder = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "tests.reliability.recorder",
            str(settings.url),
            str(runs),
            "0",
            str(per_second),
        ],
        cwd=ROOT,
        stdin=subprocess.PIPE,
    )
    try:
        yield
    finally:
        if recorder.stdin:
            recorder.stdin.close()
        recorder.wait()


if __name__ == "__main__":
    main()
