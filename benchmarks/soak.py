"""Keeps the page of a study and its comparison open in Chromium while 15 runs record epochs.

    python benchmarks/soak.py                 # half an hour
    python benchmarks/soak.py --minutes 5
    python benchmarks/soak.py --write         # keep the figures in RESULTS.md

A stand-in for workers records the epochs, because training would take the cores from what is measured. Each
page is a window of its own. Ten times it collects the garbage of each page, and reports the heap, the DOM
nodes and event listeners after it, and the longest time between two frames before it. Prints Markdown.
"""

import argparse
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
from playwright.sync_api import Browser, CDPSession, Page, sync_playwright
from results import keep
from web import recorded

from app.settings import Settings
from tests.reliability.server import Server
from tests.waiting import eventually

GRID = {"depth": [1, 2, 3, 4, 5], "seed": [0, 1, 2], "epochs": 10_000}
EPOCHS_PER_SECOND = 0.5
SAMPLES = 10
SLOW = 200
"""Milliseconds between two frames that a person notices."""
_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
_FOLLOW = """() => {
  window.frames_ = { longest: 0, slow: 0 };
  let last = performance.now();
  const next = (now) => {
    frames_.longest = Math.max(frames_.longest, now - last);
    frames_.slow += now - last > %d;
    last = now;
    requestAnimationFrame(next);
  };
  requestAnimationFrame(next);
}"""
_TAKE = "() => { const seen = { ...frames_ }; Object.assign(frames_, { longest: 0, slow: 0 }); return seen; }"


@dataclass
class Watched:
    """An open page, and the line of the browser's measurements of it."""

    name: str
    page: Page
    browser: CDPSession

    def row(self, minutes: float) -> str:
        """The frames since the last row, and what the page holds after its garbage is collected."""
        seen = self.page.evaluate(_TAKE)
        self.browser.send("HeapProfiler.collectGarbage")
        held = {
            each["name"]: each["value"] for each in self.browser.send("Performance.getMetrics")["metrics"]
        }
        self.page.evaluate(_TAKE)  # the collection took a frame
        epochs = self.page.evaluate(
            "() => Math.max(...[...document.querySelectorAll('.js-plotly-plot')]"
            ".flatMap((chart) => chart.calcdata ?? []).map((line) => line.length))"
        )
        return (
            f"| {self.name} | {minutes:.0f} | {epochs} | {held['JSHeapUsedSize'] / 2**20:.1f} MiB "
            f"| {held['Nodes']:.0f} | {held['JSEventListeners']:.0f} | {seen['longest']:.0f} ms "
            f"| {seen['slow']} |"
        )


def main() -> None:
    """Measure, print and optionally keep the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--write", action="store_true", help="keep the figures in RESULTS.md")
    asked = parser.parse_args()
    today, load = datetime.now(UTC).date(), os.getloadavg()[0]
    heading = (
        f"{today}, `python benchmarks/soak.py --minutes {asked.minutes:g}`, {platform.machine()}, "
        f"{os.cpu_count()} cores, Python {platform.python_version()}; each of 15 runs records "
        f"{EPOCHS_PER_SECOND:g} epochs per second, load average {load:.1f} before it began."
    )
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        settings = Settings(data_dir=Path(folder))
        path = shutil.which("chromium-headless-shell") or shutil.which("chromium")
        browser = driver.chromium.launch(executable_path=path, args=_FLAGS)
        server = Server(settings)
        server.start()
        try:
            lines = list(_watch(browser, server.url, settings, 60 * asked.minutes))
        finally:
            server.stop()
            browser.close()
    if asked.write:
        keep("soak", "\n".join((heading, "", *lines)))


def _watch(browser: Browser, url: str, settings: Settings, seconds: float) -> Iterator[str]:
    with httpx.Client(base_url=url) as http:
        study = http.post("/studies", json=GRID).raise_for_status().json()
        with recorded(settings, EPOCHS_PER_SECOND, runs=0):
            eventually(lambda: http.get(f"/studies/{study['id']}").json()["progress"] > 0)
            pages = [
                _opened(browser, name, url + address)
                for name, address in (
                    ("study", f"/studies/{study['id']}"),
                    ("comparison", f"/compare?study={study['id']}"),
                )
            ]
            yield from _said(
                "| page | minutes | epochs drawn | heap | nodes | listeners | longest frame "
                f"| frames over {SLOW} ms |",
                "|---|" + "---:|" * 7,
            )
            began = time.monotonic()
            for sample in range(1, SAMPLES + 1):
                while (left := began + seconds * sample / SAMPLES - time.monotonic()) > 0:
                    pages[0].page.wait_for_timeout(1000 * min(left, 5))
                minutes = (time.monotonic() - began) / 60
                yield from _said(*(page.row(minutes) for page in pages))


def _opened(browser: Browser, name: str, url: str) -> Watched:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(60_000)
    page.goto(url)
    page.wait_for_function("() => document.querySelector('.js-plotly-plot')?.calcdata?.length > 0")
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    page.wait_for_timeout(3000)
    page.evaluate(_FOLLOW % SLOW)
    return Watched(name, page, session)


def _said(*lines: str) -> tuple[str, ...]:
    print(*lines, sep="\n", flush=True)
    return lines


if __name__ == "__main__":
    main()
