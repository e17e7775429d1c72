"""Watches a run's page, a study's page and a comparison in Chromium while a run trains 100 epochs.

    python benchmarks/watch.py               # one layer; --depth N for another number

Starts a new dashboard on MNIST and opens the pages before the run starts. At every tenth epoch it reads the
drawing of each chart, and prints the last epoch in it and the time until every chart was correct. Exits with
status 1 if a chart does not draw the newest recorded epoch, or draws values that differ from the recorded
ones.
"""

import argparse
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from dashboard import Dashboard
from playwright.sync_api import Page, sync_playwright

from app.client import Client
from app.schemas.epochs import EpochColumns
from tests.browser.drawn import Drawing

EPOCHS = 100
STEP = 10
PATIENCE = 5.0
"""Seconds after which a chart without an epoch counts as lagging."""
_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]

Places = list[tuple[float, float]]
Ends = Callable[[EpochColumns, int], Places]
"""The ends of a chart's lines when the epoch with this index is the last one."""


def main() -> None:
    """Watch the pages, print the table and return exit status 0 if every chart kept up."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--depth", type=int, default=1, help="layers of the run")
    depth = parser.parse_args().depth
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    with (
        tempfile.TemporaryDirectory() as folder,
        Dashboard(Path(folder)) as board,
        Client(board.url) as client,
        sync_playwright() as driver,
    ):
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=_FLAGS)
        busy = _occupy(client)
        study = client.create_study({"depth": [depth], "seed": [0], "epochs": EPOCHS})
        (run_id,) = study.runs
        addresses = {
            "run": f"/runs/{run_id}",
            "study": f"/studies/{study.id}",
            "comparison": f"/compare?study={study.id}&epoch={EPOCHS}",
        }
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        pages = {name: context.new_page() for name in addresses}
        for name, page in pages.items():
            page.goto(board.url + addresses[name])
        for other in busy:
            client.cancel(other)
        kept_up = _watch(client, run_id, pages, _charts(depth))
        browser.close()
    sys.exit(not kept_up)


def _occupy(client: Client) -> list[int]:
    """Fill every slot with runs, so that the next queued run waits until they are cancelled."""
    while not any(worker.devices for worker in client.workers()):
        time.sleep(0.05)
    slots = sum(worker.slots for worker in client.workers())
    busy = [client.create_run({"depth": 1, "epochs": 10_000, "seed": seed}).id for seed in range(slots)]
    while any(client.run(run_id).status != "running" for run_id in busy):
        time.sleep(0.05)
    return busy


def _charts(depth: int) -> dict[tuple[str, str], Ends]:
    """The expected ends of the lines of each chart of each page."""

    def over_epochs(*columns: str, scale: float = 1) -> Ends:
        return lambda epochs, last: [(last + 1, scale * getattr(epochs, column)[last]) for column in columns]

    def accuracies(epochs: EpochColumns, last: int) -> tuple[float, float]:
        return 100 * epochs.train_accuracy[last], 100 * epochs.test_accuracy[last]

    def layers(epochs: EpochColumns, last: int) -> Places:
        train, test = accuracies(epochs, last)
        return [(depth, train), (depth, test), (depth, test)]  # the means, and the last of the dots

    def gap(epochs: EpochColumns, last: int) -> Places:
        train, test = accuracies(epochs, last)
        return [(last + 1, train - test)] * 2  # the run, and the mean of its group

    def diagnostics(epochs: EpochColumns, last: int) -> Places:
        return [(last + 1, norm) for norm in epochs.gradient_norms[last] or []]

    return {
        ("run", "loss"): over_epochs("train_loss", "test_loss"),
        ("run", "accuracy"): over_epochs("train_accuracy", "test_accuracy", scale=100),
        ("run", "seconds"): over_epochs("seconds"),
        ("study", "curves"): over_epochs("train_loss"),
        ("comparison", "layers"): layers,
        ("comparison", "curves"): over_epochs("train_loss"),
        ("comparison", "gap"): gap,
        ("comparison", "diagnostics"): diagnostics,
    }


def _watch(client: Client, run_id: int, pages: dict[str, Page], charts: dict[tuple[str, str], Ends]) -> bool:
    """Print a row for every tenth epoch, and return whether all charts drew it."""
    print("Epochs drawn\n")
    names = [f"{page}: {chart}" for page, chart in charts]
    print(f"| recorded | {' | '.join(names)} | all seen after |\n|{'---:|' * (len(names) + 2)}")
    kept_up = True
    for wanted in range(STEP, EPOCHS + 1, STEP):
        recorded = 0
        while recorded < wanted:
            time.sleep(0.02)
            recorded = len(client.epochs(run_id).epoch)
        began = time.perf_counter()
        drawn = []
        for (page, chart), ends in charts.items():
            right = partial(_newest, client, run_id, ends, recorded)
            drawn.append(_drawn(pages[page], chart, right))
        taken = time.perf_counter() - began
        kept_up = kept_up and all(drawn)
        cells = [str(epoch or "**lags**") for epoch in drawn]
        print(f"| {recorded} | {' | '.join(cells)} | {1000 * taken:.0f} ms |", flush=True)
    return kept_up and _shows_the_end(client, run_id, pages["comparison"])


def _newest(client: Client, run_id: int, ends: Ends, least: int, drawing: Drawing) -> int | None:
    """The last epoch in a drawing, if it is `least` or later."""
    epochs = client.epochs(run_id)
    newest_first = range(len(epochs.epoch), least - 1, -1)
    return next((epoch for epoch in newest_first if drawing.ends_at(ends(epochs, epoch - 1))), None)


def _drawn(page: Page, chart: str, right: Callable[[Drawing], int | None]) -> int | None:
    """The result of `right` for a chart, or None if the chart lags."""
    deadline = time.perf_counter() + PATIENCE
    while time.perf_counter() < deadline:
        drawing = Drawing.of(page, chart)
        if drawing and (found := right(drawing)):
            return found
        page.wait_for_timeout(20)
    return None


def _shows_the_end(client: Client, run_id: int, page: Page) -> bool:
    """Whether the chart of costs, which draws only finished runs, draws the run after its end."""
    deadline = time.perf_counter() + 12 * PATIENCE
    while time.perf_counter() < deadline:
        run = client.run(run_id)
        drawing = Drawing.of(page, "frontier")
        if run.status == "finished" and drawing and run.test_accuracy is not None:
            place = (run.parameters, 100 * run.test_accuracy)
            if drawing.ends_at([place, place]):
                print("\nThe finished run is drawn in the comparison's chart of costs.")
                return True
        page.wait_for_timeout(50)
    print("\nThe finished run is missing in the comparison's chart of costs.")
    return False


if __name__ == "__main__":
    main()
