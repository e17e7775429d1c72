"""Measures the comparison of many runs: its answer, its page, and how quickly the epoch slider redraws.

    python benchmarks/compare.py

Fills a new database with runs of random results, starts a dashboard on it, and prints Markdown. The page is
opened in Debian's Chromium.
"""

import os
import platform
import random
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from dashboard import Dashboard
from playwright.sync_api import Page, sync_playwright
from sqlalchemy import insert

from app.compare.images import pictures
from app.main import create_app
from app.queue import admission
from app.schemas.bodies import Labels
from app.settings import Settings
from app.storage import artifacts
from app.storage.database import Database
from app.storage.tables import Epoch, Run
from trainer.config import CLASSES, TrainConfig
from trainer.files.predictions import Predictions, save

SIZES = ((100, 200), (1000, 200))
"""Numbers of runs, and of epochs of each."""
REPEATS = 9
WARMING = 4
"""Visits before the measurement: a browser stores compiled scripts from the third visit on."""
SHOWN = ((15, 200), (50, 200))
"""Numbers of runs on a page, and of epochs of each."""
STEPS = 40
_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-sync",
]

_CHART = """(name) => document.getElementById(`${name}-chart`)?.data?.some((trace) => trace.x.length > 1)"""
_READY = '!document.getElementById("epoch-slider").disabled'
_USABLE = f"""() => ({_CHART})("layers") && {_READY} && performance.now()"""
_DRAWN = f"""() => ["layers", "curves", "gap", "frontier"].every({_CHART}) && performance.now()"""
_SLIDE = """async (steps) => {
  const [slider, chart] = ["epoch-slider", "layers-chart"].map((id) => document.getElementById(id));
  const taken = [];
  chart.scrollIntoView({ block: "center" });
  for (let step = 0; step < steps; step += 1) {
    await new Promise((resume) => setTimeout(resume, 300));
    const drawn = new Promise((resume) => chart.once("plotly_afterplot", resume));
    const began = performance.now();
    slider.value = 1 + ((step * 37) % Number(slider.max - 1));
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    await drawn;
    taken.push(performance.now() - began);
  }
  return taken;
}"""


def main() -> None:
    """Measure and print."""
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print("\n| what | median | min | max |\n|---|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder))
        create_app(settings).state.database.close()  # creates the tables
        ids = {(runs, epochs): _fill(settings, runs, epochs) for runs, epochs in (*SIZES, *SHOWN)}
        for runs, epochs in SIZES:
            with Dashboard(Path(folder)) as board, httpx.Client(base_url=board.url, timeout=60) as http:
                first, *taken = [_milliseconds(http, _query(ids[runs, epochs])) for _ in range(REPEATS + 1)]
            what = f"`GET /compare`, {runs} runs x {epochs} epochs with predictions, server time"
            _print(what, taken)
            _print(f"{what}, first after a start", [first])
        with Dashboard(Path(folder)) as board, sync_playwright() as driver:
            browser = driver.chromium.launch_persistent_context(
                Path(folder) / "profile",
                executable_path=shutil.which("chromium"),
                args=_FLAGS,
                viewport={"width": 1280, "height": 900},
            )
            for runs, epochs in SHOWN:
                query = _query(ids[runs, epochs])
                _page(browser.pages[0], board.url + query, f"{runs} runs x {epochs} epochs")
            browser.close()


def _page(page: Page, url: str, what: str) -> None:
    """Measure a cached page until it is usable and until all charts are drawn, and its slider."""
    usable, drawn = [], []
    for _ in range(WARMING + REPEATS):
        page.goto("about:blank")
        page.goto(url, wait_until="commit")
        usable.append(page.wait_for_function(_USABLE, polling="raf").json_value())
        drawn.append(page.wait_for_function(_DRAWN, polling="raf").json_value())
    _print(
        f"page with {what}, from navigation until its first chart and slider can be used", usable[WARMING:]
    )
    _print("the same, until every chart is drawn", drawn[WARMING:])
    _print(f"slider on it, until the chart is redrawn ({STEPS} steps)", page.evaluate(_SLIDE, STEPS))


def _fill(settings: Settings, runs: int, epochs: int) -> list[int]:
    """Create `runs` finished runs with `epochs` epochs each, and return their ids."""
    chance = random.Random(runs)
    database = Database(settings.url)
    configs = [TrainConfig(depth=1 + run % 5, seed=run // 5, epochs=epochs) for run in range(runs)]
    with database.write() as session:
        made = admission.enqueue(session, configs, Labels(), limit=len(configs))
        for run in made:
            run.status, run.attempt, run.epochs_done, run.device_used = "finished", 1, epochs, "cpu"
            run.started_at = run.finished_at = run.created_at
            run.train_seconds = 0.2 * epochs * run.depth
            run.train_accuracy, run.test_accuracy = chance.gauss(0.98, 0.001), chance.gauss(0.97, 0.001)
            run.train_loss, run.test_loss = chance.uniform(0.01, 0.2), chance.uniform(0.05, 0.3)
            _predict(settings, run, chance)
        ids = [run.id or 0 for run in made]
        rows = [
            _epoch(run_id, config.depth, epoch, chance)
            for run_id, config in zip(ids, configs, strict=True)
            for epoch in range(1, epochs + 1)
        ]
        session.execute(insert(Epoch), rows)
    database.close()
    return ids


def _predict(settings: Settings, run: Run, chance: random.Random) -> None:
    """Write predictions for the test images, and the test accuracy that they give."""
    labels = pictures.labels(run.dataset, settings.data_dir)
    classes = labels.copy()
    wrong = chance.sample(range(len(labels)), round((1 - (run.test_accuracy or 0.0)) * len(labels)))
    classes[wrong] = (classes[wrong] + 1) % CLASSES
    run.test_accuracy = 1 - len(wrong) / len(labels)
    path = artifacts.of_run(settings.artifacts, run.id or 0).predictions(run.attempt)
    path.parent.mkdir(parents=True, exist_ok=True)
    save(path, Predictions(classes, np.full(len(labels), 0.9, dtype=np.float16)))


def _epoch(run_id: int, depth: int, epoch: int, chance: random.Random) -> dict[str, Any]:
    reached = 0.98 - 0.3 / epoch
    return {
        "run_id": run_id,
        "epoch": epoch,
        "change": 0,
        "attempt": 1,
        "train_loss": 2 / epoch * chance.uniform(0.9, 1.1),
        "last_batch_loss": 2 / epoch * chance.uniform(0.7, 1.3),
        "train_accuracy": chance.gauss(reached, 0.002),
        "test_loss": 2 / epoch * chance.uniform(0.9, 1.1),
        "test_accuracy": chance.gauss(reached, 0.002),
        "seconds": chance.uniform(0.2, 0.3),
        "gradient_norms": [chance.uniform(0.01, 1) for _ in range(depth)],
        "dead_relu": [chance.uniform(0, 0.1) for _ in range(depth - 1)],
    }


def _query(ids: list[int]) -> str:
    return f"/compare?runs={','.join(map(str, ids))}"


def _milliseconds(http: httpx.Client, query: str) -> float:
    """Time to the first byte of the response, which the server sends when the response is complete."""
    time.sleep(0.5)  # requests of one reader, not a queue of requests
    began = time.perf_counter()
    with http.stream("GET", query) as answer:
        taken = (time.perf_counter() - began) * 1000
        answer.raise_for_status()
        answer.read()
    return taken


def _print(what: str, values: list[float]) -> None:
    figures = (f"{pick(values):.0f} ms" for pick in (statistics.median, min, max))
    print(f"| {what} | {' | '.join(figures)} |", flush=True)


if __name__ == "__main__":
    main()
