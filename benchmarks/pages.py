"""Measures pages in Chromium: largest paint, layout shifts, and the time from a commit to its drawing.

    python benchmarks/pages.py                # all pages, then live epochs
    python benchmarks/pages.py --part live    # one part: loads or live
    python benchmarks/pages.py --write        # keep the figures in RESULTS.md

Fills a SQLite database, starts a web server on it and opens each page without a cache. LCP is the largest
contentful paint, CLS the cumulative layout shift, both until two seconds after the load. Then a stand-in
for a worker records epochs of a run whose page is open; the delay is from just before the commit until
plotly.js has drawn the epoch. Prints Markdown.
"""

import argparse
import os
import platform
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
from many_runs import fill
from playwright.sync_api import Browser, sync_playwright
from results import keep
from web import p95, recorded

from app.settings import Settings
from tests.reliability.server import Server
from tests.waiting import eventually

RUNS, EPOCHS = 200, 200
LIVE_SECONDS = 60
PATIENCE = 180_000
"""Milliseconds to wait for a page on a busy machine."""
EPOCHS_PER_SECOND = 4.0
PAGES = (
    "/runs",
    "/runs/new",
    "/runs/42",
    "/runs/42/epochs",
    "/studies",
    "/studies/1",
    "/compare",
    "/compare?study=1",
    "/queue",
    "/workers",
    "/docs",
    "/help",
)
SIZES = ((1280, 900), (390, 844))
_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
_OBSERVE = """
  window.seen = { lcp: 0, cls: 0 };
  new PerformanceObserver((list) => { for (const entry of list.getEntries()) seen.lcp = entry.startTime; })
    .observe({ type: "largest-contentful-paint", buffered: true });
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) seen.cls += entry.value;
  }).observe({ type: "layout-shift", buffered: true });
"""
_FOLLOW = """() => {
  const chart = document.getElementById("loss-chart");
  window.drawn = {};
  const note = () => {
    const count = chart.calcdata[0].length; // the points drawn, not those handed over
    drawn[count] ??= Date.now() / 1000;
  };
  note();
  chart.on("plotly_afterplot", note);
}"""


def main() -> None:
    """Measure, print and optionally keep the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--part", choices=("loads", "live"), help="one part alone")
    parser.add_argument("--write", action="store_true", help="keep the figures in RESULTS.md")
    asked = parser.parse_args()
    today, load = datetime.now(UTC).date(), os.getloadavg()[0]
    heading = (
        f"{today}, `python benchmarks/pages.py`, {platform.machine()}, {os.cpu_count()} cores, Python "
        f"{platform.python_version()}; {RUNS} runs of {EPOCHS} epochs, load average {load:.1f} before it "
        "began."
    )
    lines = [heading, ""]
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        settings = Settings(data_dir=Path(folder))
        fill(settings, RUNS, EPOCHS)
        path = shutil.which("chromium-headless-shell") or shutil.which("chromium")
        browser = driver.chromium.launch(executable_path=path, args=_FLAGS)
        server = Server(settings)
        server.start()
        try:
            if asked.part != "live":
                lines += _loads(browser, server.url)
            if asked.part != "loads":
                with recorded(settings, EPOCHS_PER_SECOND):
                    lines += ["", *_live(browser, server.url)]
        finally:
            server.stop()
            browser.close()
    print("\n".join(lines))
    if asked.write:
        keep("pages", "\n".join(lines))


def _loads(browser: Browser, url: str) -> Iterator[str]:
    yield f"| page | {' | '.join(f'LCP, {width} px | CLS, {width} px' for width, _ in SIZES)} |"
    yield "|---|" + "---:|" * (2 * len(SIZES))
    for address in PAGES:
        cells = []
        for width, height in SIZES:
            page = browser.new_page(viewport={"width": width, "height": height})
            page.set_default_timeout(PATIENCE)
            page.add_init_script(_OBSERVE)
            page.goto(url + address, wait_until="load")
            page.wait_for_timeout(2000)
            seen = page.evaluate("seen")
            cells += [f"{seen['lcp']:.0f} ms", f"{seen['cls']:.3f}"]
            page.close()
        yield f"| `{address}` | {' | '.join(cells)} |"


def _live(browser: Browser, url: str) -> Iterator[str]:
    with httpx.Client(base_url=url) as http:
        run = eventually(
            lambda: next(iter(http.get("/runs", params={"status": "running"}).json()["runs"]), None)
        )
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(PATIENCE)
        page.goto(f"{url}/runs/{run['id']}")
        page.wait_for_function("() => document.getElementById('loss-chart').calcdata?.[0].length > 0")
        page.evaluate(_FOLLOW)
        time.sleep(1)
        page.wait_for_timeout(1000 * LIVE_SECONDS)
        drawn = {int(count): when for count, when in page.evaluate("drawn").items()}
        committed = http.get(f"/runs/{run['id']}/epochs").json()["last_batch_loss"]
    first = min(drawn)  # drawn when the page was opened
    counts = range(first + 1, max(drawn) + 1)
    taken = [
        1000 * (min(when for count, when in drawn.items() if count >= epoch) - committed[epoch - 1])
        for epoch in counts
    ]
    yield "| epoch recorded until drawn | number | median | p95 | longest |\n|---|---:|---:|---:|---:|"
    yield (
        f"| run’s page, {EPOCHS_PER_SECOND:g} epochs a second | {len(taken)} | "
        f"{statistics.median(taken):.0f} ms | {p95(taken):.0f} ms | {max(taken):.0f} ms |"
    )


if __name__ == "__main__":
    main()
