"""Every number of the compare page equals the one computed from its CSV and stored predictions."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import numpy as np
import pytest
from playwright.sync_api import Page, expect
from scipy import stats

from app.compare.ranking import BORROWED, IN_REACH
from app.queue import claims, endings
from app.settings import Settings
from app.storage import artifacts
from app.storage.database import Database
from tests.app.states import add_worker, claimed, queue_run
from tests.browser.drawn import choose, traces, wait
from tests.browser.recomputed import (
    SPACE,
    Answers,
    Run,
    Values,
    holm,
    interval,
    pareto,
    percent,
    points,
    probability_best,
    read,
    welch,
)
from tests.web_server import WebServer
from trainer.data.folder import SHIPPED, TEST_LABELS_FILE, DataFolder
from trainer.data.idx import IdxFile
from trainer.files import predictions
from trainer.training.epoch_record import EpochRecord

pytestmark = pytest.mark.browser

DEPTHS: Final = (1, 2, 3)
SEEDS: Final = 4
EPOCHS: Final = 7
AT: Final = 4
"""An epoch before the last."""


@dataclass
class Study:
    """Finished runs on a server: as the page has them, and as their files tell."""

    url: str
    runs: dict[int, list[Run]]
    answers: Answers

    @property
    def address(self) -> str:
        """The comparison of all runs."""
        ids = ",".join(str(run.id) for group in self.runs.values() for run in group)
        return f"{self.url}/compare?runs={ids}"

    def finals(self, name: str) -> list[Values]:
        """A figure of whole runs, by depth."""
        return [np.array([run.final(name) for run in group]) for group in self.runs.values()]

    def after(self, name: str, epoch: int) -> list[Values]:
        """A figure of an epoch, by depth."""
        return [np.array([run.epochs(name)[epoch - 1] for run in group]) for group in self.runs.values()]


def train(database: Database, settings: Settings, depth: int, seed: int, labels: Any) -> Path:
    """A run whose figures are drawn at random, with predictions that fit them; the file that holds these."""
    chance = np.random.default_rng([depth, seed])
    run_id = queue_run(database, depth=depth, seed=seed, epochs=EPOCHS, batch_size=1000)
    claim = claimed(database)
    with database.write() as session:
        claims.report_start(session, claim, "cpu", {"train_images": "60000"}, 0)
    for epoch in range(1, EPOCHS + 1):
        reached = 0.955 + 0.006 * depth - 0.05 / epoch + chance.normal(0, 0.001)
        figures = {
            "epoch": epoch,
            "train_loss": 2 / epoch * chance.uniform(0.8, 1.2),
            "last_batch_loss": 2 / epoch * chance.uniform(0.7, 1.3),
            "train_accuracy": reached - 0.02 / epoch,
            "test_loss": 2 / epoch * chance.uniform(0.9, 1.1),
            "test_accuracy": reached,
            "seconds": depth * chance.uniform(0.1, 0.2),
            "gradient_norms": chance.uniform(0.01, 2, depth).tolist(),
            "dead_relu": chance.uniform(0, 0.1, depth - 1).tolist(),
        }
        with database.write() as session:
            assert claims.record_epoch(session, claim, EpochRecord(**figures))
    classes = labels.copy()
    wrong = chance.permutation(len(labels))[: int(chance.normal(400 - 60 * depth, 12))]
    classes[wrong] = (classes[wrong] + chance.integers(1, 10, len(wrong))) % 10
    path = artifacts.of_run(settings.artifacts, run_id).predictions(1)
    sure = chance.uniform(0.2, 1, len(labels)).astype(np.float16)
    predictions.save(path, predictions.Predictions(classes, sure))
    results = {
        "train_loss": chance.uniform(0.01, 0.2),
        "train_accuracy": 0.97 + 0.008 * depth + chance.normal(0, 0.0005),
        "test_loss": chance.uniform(0.05, 0.3),
        "test_accuracy": float((classes == labels).mean()),
    }
    with database.write() as session:
        assert endings.finish(session, claim, results)
    return path


@pytest.fixture(scope="module")
def opened(study: Study, shared: Page) -> Page:
    """The comparison as it opens, for tests that leave it as it is."""
    shared.goto(study.address)
    return shared


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory, shared_port: int) -> Iterator[Study]:
    settings = Settings(data_dir=tmp_path_factory.mktemp("numbers"))
    server = WebServer(settings, shared_port)
    server.start()
    database: Database = server.app.state.database
    add_worker(database)
    path = DataFolder.of(SHIPPED, None).file(TEST_LABELS_FILE)  # type: ignore[arg-type]  # shipped: no folder
    assert path
    labels = IdxFile.labels(path).items
    order = [(depth, seed) for depth in DEPTHS for seed in range(SEEDS)]
    files = {
        run_id: train(database, settings, depth, seed, labels)
        for run_id, (depth, seed) in enumerate(order, 1)
    }
    found = httpx.get(f"{server.url}/compare.csv?runs={','.join(map(str, files))}").raise_for_status()
    yield Study(server.url, read(found.text), Answers(files, labels))
    server.stop()


def close(values: Any) -> Any:  # arrays and lists
    return pytest.approx(np.asarray(values, float).tolist(), rel=1e-9)


def spread(values: Values) -> str:
    """Mean, deviation and extremes as the table has them."""
    return (
        f"{percent(values.mean())} ± {points(values.std(ddof=1))}"
        f"{percent(values.min())} – {percent(values.max())}"
    )


def seconds(value: float) -> str:
    return f"{value:.1f}{SPACE}s"


def probability(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}" if p < 0.05 else f"p = {p:.2f}"


def test_the_table(study: Study, opened: Page) -> None:
    rows = opened.locator("#groups tbody").first.get_by_role("row")
    expect(rows).to_have_count(len(DEPTHS))
    likely = probability_best(study.finals("test_accuracy"), BORROWED, IN_REACH)
    for place, group in enumerate(study.runs.values()):
        train_accuracy, test_accuracy = (
            study.finals(name)[place] for name in ("train_accuracy", "test_accuracy")
        )
        reached = [spent for run in group if (spent := run.seconds_to_97) is not None]
        part = f" ({len(reached)} of {SEEDS})" if len(reached) < SEEDS else ""
        *cells, best = rows.nth(place).get_by_role("cell").all_text_contents()[:-1]
        assert [" ".join(cell.replace(SPACE, "~").split()).replace("~", SPACE) for cell in cells] == [
            str(SEEDS),
            f"{int(group[0].final('parameters')):,}",
            spread(train_accuracy),
            spread(test_accuracy),
            f"{points(train_accuracy.mean() - test_accuracy.mean())}{SPACE}pp",
            f"{study.finals('test_loss')[place].mean():.4f}",
            seconds(study.finals("train_seconds")[place].mean()),
            seconds(float(np.mean(reached))) + part if reached else "not reached",
        ]
        nearly = {f">{SPACE}99{SPACE}%": 1, f"<{SPACE}1{SPACE}%": 0}
        if best in nearly:
            assert likely[place] == pytest.approx(nearly[best], abs=0.01)
        else:
            assert int(best.split(SPACE)[0]) == pytest.approx(100 * likely[place], abs=2)


def test_differences_from_a_pinned_baseline(study: Study, page: Page) -> None:
    page.goto(study.address)
    page.get_by_role("link", name="Pin 2 layers as the baseline").click()
    rows = page.locator("#groups tbody").first.get_by_role("row")
    caption = page.locator("#groups caption")
    expect(caption).to_contain_text("Differences from 2 layers")
    test = study.finals("test_accuracy")
    adjusted = holm(test)
    for place in (0, 2):
        difference, low, high, _ = welch(test[1], test[place])
        judged = "significant" if adjusted[min(1, place), max(1, place)] < 0.05 else "not significant"
        cells = rows.nth(place).get_by_role("cell")
        for words in (f"{100 * difference:+.2f} pp, {judged}", f"{100 * low:+.2f} to {100 * high:+.2f}"):
            expect(cells.nth(3)).to_contain_text(words.replace("-", "\N{MINUS SIGN}"))
        for name, cell, factor, digits in (
            ("train_accuracy", 2, 100, 2),
            ("test_accuracy", 3, 100, 2),
            ("test_loss", 5, 1, 4),
        ):
            change = study.finals(name)[place].mean() - study.finals(name)[1].mean()
            expect(cells.nth(cell)).to_contain_text(
                f"{factor * change:+.{digits}f}".replace("-", "\N{MINUS SIGN}")
            )
        ratio = study.finals("train_seconds")[place].mean() / study.finals("train_seconds")[1].mean()
        shown = re.search(r"×\s([\d.]+)", cells.nth(6).text_content() or "")
        assert shown
        assert float(shown[1]) == pytest.approx(ratio, rel=0.01)
    page.get_by_role("link", name="Unpin 2 layers").click()
    expect(caption).not_to_contain_text("difference")


def test_the_verdict(study: Study, opened: Page) -> None:
    test = study.finals("test_accuracy")
    likely = probability_best(test, BORROWED, IN_REACH)
    adjusted = holm(test)
    best = int(np.argmax([values.mean() for values in test]))
    answer = (opened.locator(".verdict p").first.text_content() or "").replace(SPACE, " ")
    plural = "layer" if DEPTHS[best] == 1 else "layers"
    assert answer.startswith(
        f"{DEPTHS[best]} {plural} reached {100 * test[best].mean():.2f} % test accuracy on average "
        f"({SEEDS} seeds), the highest of 3 depths"
    )
    if chance := re.search(r"(\d+) % likely", answer):
        assert int(chance[1]) == pytest.approx(100 * likely[best], abs=2)
    else:
        assert likely[best] > 0.99
    sentences = [each.replace(SPACE, " ") for each in opened.locator(".evidence li").all_text_contents()]
    pairs = [(0, 1), (1, 2)] if best == 1 else [(0, 1), (1, 2), (0, 2)]
    for number, (place, next_) in enumerate(pairs):
        difference, low, high, _ = welch(test[place], test[next_])
        p = adjusted[place, next_]
        judged = "a significant difference" if p < 0.05 else f"no significant difference with {SEEDS} seeds"
        expected = (
            f"{DEPTHS[next_]} layers against {DEPTHS[place]}: {100 * difference:+.2f} pp test accuracy "
            f"(95 % CI {100 * low:+.2f} pp to {100 * high:+.2f} pp; {probability(p)} after correction for "
            f"3 comparisons): {judged}"
        ).replace("-", "\N{MINUS SIGN}")
        said, _, settled = sentences[number].partition("; about ")
        assert said.removesuffix(".") == expected
        assert not settled or p >= 0.05


def shows(study: Study, traces: list[dict[str, Any]], values: Callable[[str], list[Values]]) -> None:
    """Check dots, means and bands of the chart by layers; published figures are off."""
    (bands,) = [trace for trace in traces if trace.get("fill")]
    means = [trace for trace in traces if trace.get("text") and trace["mode"] == "lines"]
    (dots,) = [trace for trace in traces if trace["mode"] == "markers"]
    heights: list[float] = []
    ends: list[float] = []
    for place, name in enumerate(("train_accuracy", "test_accuracy")):
        samples = values(name)
        low, high = zip(*map(interval, samples), strict=True)
        assert means[place]["x"] == list(study.runs)
        assert means[place]["y"] == close([100 * sample.mean() for sample in samples])
        heights += (100 * np.concatenate(samples)).tolist()
        ends += [*(100 * min(1, end) for end in high), *(100 * end for end in reversed(low))]
    assert dots["y"] == close(heights)
    assert [end for end in bands["y"] if end is not None] == close(ends)


def test_accuracy_by_layers_at_the_end_and_at_an_epoch(study: Study, page: Page) -> None:
    page.goto(f"{study.address}&reference=off")
    shows(study, traces(page, "layers"), study.finals)
    page.goto(f"{study.address}&reference=off&epoch={AT}")
    expect(page.locator("#groups-at-epoch")).to_be_visible()
    shows(study, traces(page, "layers"), lambda name: study.after(name, AT))
    rows = page.locator("#groups-at-epoch tbody").first.get_by_role("row")
    train_accuracy, test_accuracy = study.after("train_accuracy", AT), study.after("test_accuracy", AT)
    for place, group in enumerate(study.runs.values()):
        expect(rows.nth(place).get_by_role("cell")).to_have_text(
            [
                str(SEEDS),
                f"{int(group[0].final('parameters')):,}",
                spread(train_accuracy[place]),
                spread(test_accuracy[place]),
                f"{points(train_accuracy[place].mean() - test_accuracy[place].mean())}{SPACE}pp",
                f"{study.after('test_loss', AT)[place].mean():.4f}",
                seconds(np.mean([run.spent["seconds"][AT - 1] for run in group])),
                "Pin",
            ]
        )


def debiased(values: Values, weight: float) -> Values:
    """An exponential moving average, divided by the sum of its weights."""
    powers = [(1 - weight) * weight ** np.arange(n, -1, -1) for n in range(len(values))]
    return np.array([(power * values[: len(power)]).sum() / power.sum() for power in powers])


@pytest.mark.parametrize(
    ("metric", "axis"),
    [
        ("train_loss", "epoch"),
        ("test_loss", "seconds"),
        ("last_batch_loss", "updates"),
        ("test_accuracy", "flops"),
        ("train_accuracy", "epoch"),
    ],
)
def test_curves(study: Study, page: Page, metric: str, axis: str) -> None:
    factor = 100 if metric.endswith("accuracy") else 1
    runs = [run for group in study.runs.values() for run in group]
    page.goto(f"{study.address}&metric={metric}&x={axis}&smooth=0.6")
    drawn = traces(page, "curves")
    for faint, smooth, run in zip(drawn[: len(runs)], drawn[len(runs) :], runs, strict=True):
        assert faint["x"] == smooth["x"] == close(run.spent[axis])
        assert faint["y"] == close(factor * run.epochs(metric))
        assert smooth["y"] == close(factor * debiased(run.epochs(metric), 0.6))
    choose(page, study.address, f"metric={metric} x={axis} lines=mean")
    wait(page, "curves", lambda drawing: drawing.names)
    drawn = traces(page, "curves")
    bands, means = drawn[: len(DEPTHS)], drawn[len(DEPTHS) :]
    for band, line, group in zip(bands, means, study.runs.values(), strict=True):
        values = np.array([factor * run.epochs(metric) for run in group])
        assert line["x"] == close(np.mean([run.spent[axis] for run in group], axis=0))
        assert line["y"] == close(values.mean(axis=0))
        low, high = zip(*(interval(column) for column in values.T), strict=True)
        if factor == 1:  # a loss is never below 0
            low = tuple(max(0.0, end) for end in low)
        assert band["y"] == close([*high, *reversed(low)])


def test_the_gap(study: Study, opened: Page) -> None:
    drawn = traces(opened, "gap")
    runs = [run for group in study.runs.values() for run in group]
    gaps = [100 * (run.epochs("train_accuracy") - run.epochs("test_accuracy")) for run in runs]
    for trace, gap in zip(drawn, gaps, strict=False):
        assert trace["y"] == close(gap)
    for place, trace in enumerate(drawn[len(runs) :]):
        assert trace["y"] == close(np.mean(gaps[SEEDS * place : SEEDS * (place + 1)], axis=0))


@pytest.mark.parametrize("cost", ["parameters", "seconds", "flops"])
def test_the_cost_chart_shows_the_cost_of_accuracy(study: Study, page: Page, cost: str) -> None:
    page.goto(f"{study.address}&cost={cost}")
    front, dots, means = traces(page, "frontier", lambda found: found[1]["x"])
    groups = list(study.runs.values())
    spent: Callable[[Run], float] = {
        "parameters": lambda run: run.final("parameters"),
        "seconds": lambda run: run.final("train_seconds"),
        "flops": lambda run: run.spent["flops"][-1],
    }[cost]
    costs = np.array([np.mean([spent(run) for run in group]) for group in groups])
    accuracies = np.array([100 * values.mean() for values in study.finals("test_accuracy")])
    assert dots["x"] == close([spent(run) for group in groups for run in group])
    assert means["x"] == close(costs)
    assert means["y"] == close(accuracies)
    best = pareto(costs, accuracies)
    assert front["x"][:-1] == close(costs[best])
    assert front["y"][:-1] == close(accuracies[best])


@pytest.mark.parametrize("depth", DEPTHS)
def test_the_inside_of_networks(study: Study, page: Page, depth: int) -> None:
    page.goto(f"{study.address}&inside=group-depth%3D{depth}")
    given = traces(page, "diagnostics")
    drawn = given[-depth:]
    norms = np.array([run.layers("gradient_norms") for run in study.runs[depth]])
    for trace, values in zip(drawn, np.moveaxis(stats.gmean(norms, axis=0), 1, 0), strict=True):
        assert trace["y"] == close(values)
    ratio = stats.gmean(norms, axis=0)[-1]
    if depth > 1:
        said = re.search(r"is ([\d.]+) times", page.locator("#diagnostics-words").text_content() or "")
        assert said
        assert float(said[1]) == pytest.approx(ratio[0] / ratio[-1], rel=0.06)
        choose(page, study.address, f"inside=group-depth%3D{depth} layer=dead_relu")
        drawn = traces(page, "diagnostics", lambda found: len(found) < len(given))[-(depth - 1) :]
        dead = 100 * np.mean([run.layers("dead_relu") for run in study.runs[depth]], axis=0)
        for trace, values in zip(drawn, dead.T, strict=True):
            assert trace["y"] == close(values)
        expect(page.locator("#diagnostics-words")).to_contain_text(f"at most {dead[-1].max():.2f}{SPACE}%")


def test_the_same_images(study: Study, page: Page) -> None:
    groups = {depth: [run.id for run in group] for depth, group in study.runs.items()}
    answers = study.answers
    page.goto(f"{study.address}&step=2-3")
    voted = {depth: answers.majority(runs) for depth, runs in groups.items()}
    gained, lost, p = answers.mcnemar(voted[2], voted[3])
    note = page.locator("[data-images-note]")
    expect(note).to_contain_text(
        f"3 layers classify {gained} images correctly that 2 layers get wrong, and get {lost} wrong "
        "that 2 layers classify correctly (10,000 test images; "
    )
    expect(note).to_contain_text(probability(p))
    fixed = np.flatnonzero((voted[2] != answers.labels) & (voted[3] == answers.labels))
    counts = np.bincount(answers.labels[fixed], minlength=10)
    buttons = page.locator("[data-images-digits] button small")
    expect(buttons).to_have_text([str(count) for count in counts])
    more = page.locator("[data-images-more]")
    if more.is_visible():
        more.click()
    pictures = page.locator("[data-images-gallery] img")
    expect(pictures).to_have_count(gained)
    sources = pictures.evaluate_all("(all) => all.map((image) => image.getAttribute('src'))")
    assert sorted(int(re.findall(r"\d+", source)[-1]) for source in sources) == fixed.tolist()
    rows = page.locator("[data-images-per-digit] tbody").get_by_role("row")
    for place, runs in enumerate(groups.values()):
        shares = np.mean([np.diag(answers.confusion(run)) for run in runs], axis=0)
        read_shares = shares / np.bincount(answers.labels)
        expect(rows.nth(place).get_by_role("cell")).to_have_text([str(SEEDS), *map(percent, read_shares)])


def test_run_against_run(study: Study, page: Page) -> None:
    answers = study.answers
    page.goto(f"{study.address}&first=1&second=12")
    cells = page.locator("[data-images-confusion] tbody").get_by_role("row")
    change = answers.confusion(12) - answers.confusion(1)
    for digit in range(10):
        expect(cells.nth(digit).get_by_role("cell")).to_have_text(
            [
                f"{count:+d}".replace("-", "\N{MINUS SIGN}") if count else "0"
                for count in change[digit].tolist()
            ]
        )
    gained, lost, p = answers.mcnemar(answers.classes[1], answers.classes[12])
    net = f"{100 * (gained - lost) / 10_000:+.2f} pp".replace("-", "\N{MINUS SIGN}")
    expect(page.locator("[data-images-pair]")).to_contain_text(
        f"Of 10,000 images, run 12 classifies {gained} correctly that run 1 gets wrong, "
        f"and gets {lost} wrong that run 1 classifies correctly: "
        f"{net} (McNemar's exact test, {probability(p)})"
    )
