"""CPU time that the web server takes for a page that stays open while a study of 15 runs trains.

    python benchmarks/open_pages.py                     # a comparison, a study's page, and no page
    python benchmarks/open_pages.py --against ../older  # in turn with an older checkout, which has its .venv

Chromium has the page open while a new dashboard trains the study on MNIST with one slot. Prints the median of
the rounds, and the ratio to the older checkout.
"""

import argparse
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import httpx
import psutil
from playwright.sync_api import Browser, sync_playwright

HERE = Path(__file__).parent.parent
DEPTHS, SEEDS = [1, 2, 3, 4, 5], [0, 1, 2]
PAGES = {"no page": "", "study": "/studies/1", "comparison": "/compare?study=1"}
_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]


@contextmanager
def dashboard(checkout: Path) -> Iterator[tuple[str, psutil.Process]]:
    """A dashboard of this checkout with one slot: its URL and its web process."""
    python = sys.executable if checkout == HERE else str(checkout / ".venv/bin/python")
    with tempfile.TemporaryDirectory() as folder:
        up = subprocess.Popen(
            [python, "-m", "app.cli", "up", "--port", "0", "--slots", "1", "--data-dir", folder],
            cwd=checkout,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            greeting = up.stdout.readline() if up.stdout else ""
            url = re.findall(r"http://[\w.:]+", greeting)[0]
            (web,) = (each for each in psutil.Process(up.pid).children() if "serve" in each.cmdline())
            yield url, web
        finally:
            up.send_signal(signal.SIGINT)
            up.wait()


def measured(checkout: Path, browser: Browser, address: str, epochs: int) -> float:
    """Seconds of CPU time of the web process from the page's request until the study has ended."""
    with dashboard(checkout) as (url, web), httpx.Client(base_url=url) as client:
        study = {"depth": DEPTHS, "seed": SEEDS, "epochs": epochs}
        client.post("/studies", json=study).raise_for_status()
        before = _seconds(web)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        if address:
            page.goto(url + address)
        counts: dict[str, int] = {}
        while counts.get("finished", 0) < len(DEPTHS) * len(SEEDS):
            time.sleep(2)
            counts = client.get("/studies/1").json()["counts"]
        spent = _seconds(web) - before
        page.close()
        return spent


def _seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--against", type=Path, help="an older checkout")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=6, help="epochs of each run")
    parser.add_argument("--only", choices=PAGES, help="one of the pages")
    asked = parser.parse_args()
    older = asked.against.resolve() if asked.against else None
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    print("| open | before | now | ratio |\n|---|---:|---:|---:|", flush=True)
    with sync_playwright() as driver:
        path = shutil.which("chromium-headless-shell") or shutil.which("chromium")
        browser = driver.chromium.launch(executable_path=path, args=_FLAGS)
        for name in [asked.only] if asked.only else PAGES:
            seconds: dict[Path, list[float]] = defaultdict(list)
            for _ in range(asked.rounds):
                for checkout in (HERE, older):
                    if checkout:
                        seconds[checkout].append(measured(checkout, browser, PAGES[name], asked.epochs))
            now = median(seconds[HERE])
            before = median(seconds[older]) if older else float("nan")
            print(f"| {name} | {before:.2f} s | {now:.2f} s | {now / before:.2f} |", flush=True)
        browser.close()


if __name__ == "__main__":
    main()
