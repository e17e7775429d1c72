"""Every number of the compare page equals the one computed from its CSV and stored predictions."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, Final

import httpx
import numpy as np
import pytest
from playwright.sync_api import BrowserContext, Page, expect
from scipy import stats

from app import formats
from app.queue import claims, endings
from app.settings import Settings
from app.storage import artifacts
from app.storage.database import Database
from tests.app.states import add_worker, claimed, queue_run
from tests.browser.conftest import watched
from tests.browser.drawn import choose, traces, wait
from tests.browser.recomputed import (
    SPACE,
    Answers,
    Contrast,
    Run,
    Values,
    contrast,
    interval,
    pareto,
    percent,
    points,
    read,
)
from tests.web_server import started
from trainer.data.folder import SHIPPED, TEST_LABELS_FILE, DataFolder
from trainer.data.idx import IdxFile
from trainer.files import predictions
from trainer.training.epoch_record import EpochRecord

pytestmark = pytest.mark.browser

DEPTHS: Final = (1, 2, 3)
SEEDS: Final = 4
EPOCHS: Final = 7
LEVEL: Final = 0.03
"""The probability that any interval of a comparison misses its difference."""
PAIRS: Final = 3
MARGIN: Final = 0.0025
"""The most degrees of freedom that a variance borrows from the others."""
TEST, TRAIN, LOSS, SECONDS = 0, 3, 5, 7
"""Columns of the table of groups."""
AT: Final = 4
"""An epoch before the last."""
TITLES: Final = {
    "train_loss": "Train loss, mean of the epoch (nats)",
    "test_loss": "Test loss (nats)",
    "last_batch_loss": "Loss of the last batch (nats)",
    "test_accuracy": "Test accuracy",
    "train_accuracy": "Running train accuracy",
    "epoch": "Epoch",
    "parameters": "Parameters",
    "seconds": "Training time (s)",
    "updates": "Weight updates",
    "flops": "Training FLOPs (an estimate from the layer sizes)",
    "gradient_norms": "L2 norm of the last batch's gradient",
    "dead_relu": "Dead units per hidden layer",
}
"""Of the axes of the charts, by what they show."""


@dataclass
class Study:
    """Finished runs on a server: as the page has them, and as their files tell."""

    url: str
    runs: dict[int, list[Run]]
    answers: Answers
    other_rate: list[int]
    """Runs of one layer with the seeds of the others and another learning rate."""

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


def train(
    database: Database, settings: Settings, depth: int, seed: int, labels: Any, *, lr: float = 0.05
) -> Path:
    """A run whose figures are drawn at random, with predictions that fit them; the file that holds these."""
    chance = np.random.default_rng([depth, seed, round(1000 * lr)])
    run_id = queue_run(database, depth=depth, seed=seed, epochs=EPOCHS, batch_size=1000, lr=lr)
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
    hardness = [np.random.default_rng(each).normal(size=len(labels)) for each in ([9], [depth, 9])]
    order = np.argsort(sum(hardness) + chance.normal(size=len(labels)))
    wrong = order[: int(chance.normal(400 - 60 * depth, 12))]
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
def viewed(study: Study, pages: BrowserContext) -> Iterator[Page]:
    """The comparison in one page, for tests that choose what its charts show."""
    with watched(pages):
        page = pages.new_page()
        page.goto(study.address)
        yield page


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory, shared_port: int) -> Iterator[Study]:
    settings = Settings(data_dir=tmp_path_factory.mktemp("numbers"))
    with started(settings, shared_port) as server:
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
        others = {
            run_id: train(database, settings, 1, seed, labels, lr=0.1)
            for run_id, seed in enumerate(range(SEEDS), len(files) + 1)
        }
        yield Study(server.url, read(found.text), Answers(files | others, labels), list(others))


def close(values: Any) -> Any:  # arrays and lists
    return pytest.approx(np.asarray(values, float).tolist(), rel=1e-9)


def spread(values: Values) -> str:
    """Mean, deviation and extremes as the table has them."""
    return (
        f"{percent(values.mean())} ± {points(values.std(ddof=1))}{SPACE}pp"
        f"{percent(values.min())} – {percent(values.max())}"
    )


def seconds(value: float) -> str:
    return f"{value:.1f}{SPACE}s"


def probability(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}" if p < 0.05 else f"p = {p:.2f}"


TAIL: Final = LEVEL / PAIRS / 2
"""The probability with which each end of a pair's interval misses the difference."""


def contrasted(study: Study, first: int, second: int) -> Contrast:
    """The second depth against the first, by their places."""
    one, other = (
        study.answers.correct([run.id for run in study.runs[DEPTHS[place]]]) for place in (first, second)
    )
    return contrast(one, other)


def pair(study: Study, first: int, second: int) -> tuple[float, float, float]:
    """The second depth's mean test accuracy minus the first's, and the ends of its simultaneous interval."""
    found = contrasted(study, first, second)
    return found.mean, *found.interval(TAIL)


def judged(low: float, high: float) -> str:
    """What an interval shows, in the words for runs that were selected."""
    found = answer(low, high)
    if found == "undecided":
        return found
    if found == "equivalent":
        return "seems equivalent"
    if low > MARGIN or high < -MARGIN:
        return f"seems {found} by more than the margin"
    return f"seems {found}" + (", by less than the margin" if low > -MARGIN and high < MARGIN else "")


def answer(low: float, high: float) -> str:
    """The answer of a pair with this interval."""
    if low > 0 or high < 0:
        return "better" if low > 0 else "worse"
    return "equivalent" if low > -MARGIN and high < MARGIN else "undecided"


def signed(value: float, digits: int = 2) -> str:
    return f"{100 * value:+.{digits}f}".replace("-", "\N{MINUS SIGN}")


def bracketed(low: float, high: float) -> str:
    """The bounds with as many digits as show on which side of 0 and of the margin they are."""

    def sides(bound: float) -> list[bool]:
        return [bound > edge for edge in (-MARGIN, 0, MARGIN)]

    for digits in (2, 3, 4):
        shown = [round(100 * bound, digits) / 100 for bound in (low, high)]
        if all(sides(bound) == sides(as_shown) for bound, as_shown in zip((low, high), shown, strict=True)):
            break
    return f"[{signed(low, digits)}, {signed(high, digits)}]"


def unbeaten(study: Study) -> list[int]:
    """The places of the depths that no other is better than."""
    beaten = set()
    for first, second in combinations(range(len(DEPTHS)), 2):
        _, low, high = pair(study, first, second)
        beaten |= {first} if low > 0 else {second} if high < 0 else set()
    return [place for place in range(len(DEPTHS)) if place not in beaten]


def near(values: Any) -> Any:
    """Approximately these differences: shares of images are computed in single precision."""
    return pytest.approx(values, rel=1e-5, abs=1e-9)


def same_pair(found: dict[str, Any], expected: Contrast, tail: float) -> None:
    """Check a pair of the JSON against its groups' contrast."""
    low, high = expected.interval(tail)
    assert found["difference"] == near(expected.mean)
    assert found["new_images"]
    assert found["interval"] == near([low, high])
    assert found["of_these_images"] == near(expected.interval(tail, images=False))
    assert found["answer"] == answer(low, high)
    assert found["exceeds_margin"] == (low > MARGIN or high < -MARGIN)
    assert found["resolvable"] == (stats.norm.isf(tail) * np.sqrt(expected.images) <= MARGIN)


def test_the_pairs_in_json(study: Study) -> None:
    verdict = httpx.get(study.address).raise_for_status().json()["verdict"]
    assert (verdict["level"], verdict["margin"], len(verdict["pairs"])) == (LEVEL, MARGIN, PAIRS)
    bill = {tuple(receipt["ids"]): receipt for receipt in verdict["bill"]}
    assert len(bill) == len(DEPTHS) - 1
    beaten = set()
    for places, found in zip(combinations(range(len(DEPTHS)), 2), verdict["pairs"], strict=True):
        expected = contrasted(study, *places)
        assert expected.images > 0
        assert (found["depths"], found["paired"]) == ([DEPTHS[place] for place in places], False)
        same_pair(found, expected, TAIL)
        ours, theirs = (study.finals("test_accuracy")[place] for place in places)
        assert found["improvement"] == near(np.mean([(b > a) + (b == a) / 2 for a in ours for b in theirs]))
        receipt = bill.get(tuple(found["ids"]), {})
        assert all(found[name] == value for name, value in receipt.items() if name in found)
        low, high = expected.interval(TAIL, images=False)
        beaten |= {places[0]} if low > 0 else {places[1]} if high < 0 else set()
    assert verdict["best"] == [f"depth={DEPTHS[place]}" for place in unbeaten(study)]
    assert verdict["best_of_these_images"] == [
        f"depth={depth}" for place, depth in enumerate(DEPTHS) if place not in beaten
    ]


def test_the_groups_in_json(study: Study) -> None:
    groups = httpx.get(study.address).raise_for_status().json()["groups"]
    best = unbeaten(study)
    for place, (found, group) in enumerate(zip(groups, study.runs.values(), strict=True)):
        for name in ("train_accuracy", "test_accuracy", "test_loss", "train_seconds"):
            values = study.finals(name)[place]
            expected = values.mean(), values.std(ddof=1), values.min(), values.max(), *interval(values)
            shown = found[name]
            assert [shown[each] for each in ("mean", "std", "min", "max")] + shown["ci95"] == close(expected)
        assert found["median"] == close(np.median(study.finals("test_accuracy")[place]))
        assert found["train_seconds_median"] == close(np.median(study.finals("train_seconds")[place]))
        reached = [spent for run in group if (spent := run.seconds_to_97) is not None]
        assert found["reached_97"] == len(reached)
        assert found["seconds_to_97"] == (close(np.median(reached)) if reached else None)
        assert (found["best"], found["diverged"]) == (place in best, 0)


def test_paired_runs_in_json(study: Study) -> None:
    """Runs of one architecture and seed differ by their learning rates alone."""
    ids = [*(run.id for run in study.runs[1]), *study.other_rate]
    found = httpx.get(f"{study.url}/compare?runs={','.join(map(str, ids))}&by=lr").raise_for_status().json()
    (shown,) = found["verdict"]["pairs"]
    assert shown["paired"]
    one, other = (study.answers.correct(half) for half in (ids[:SEEDS], ids[SEEDS:]))
    expected = contrast(one, other, paired=True)
    assert expected.images > 0
    same_pair(shown, expected, LEVEL / 2)


def test_the_table(study: Study, opened: Page) -> None:
    rows = opened.locator("#groups tbody").first.get_by_role("row")
    expect(rows).to_have_count(len(DEPTHS))
    best = unbeaten(study)
    for place, group in enumerate(study.runs.values()):
        train_accuracy, test_accuracy = (
            study.finals(name)[place] for name in ("train_accuracy", "test_accuracy")
        )
        reached = [spent for run in group if (spent := run.seconds_to_97) is not None]
        part = f"{len(reached)} of {SEEDS} reached it" if len(reached) < SEEDS else ""
        cells = rows.nth(place).get_by_role("cell").all_text_contents()[:-1]
        assert [" ".join(cell.replace(SPACE, "~").split()).replace("~", SPACE) for cell in cells] == [
            f"{spread(test_accuracy)}median {formats.percent(float(np.median(test_accuracy)))}",
            "another is better" if place not in best else "best" if len(best) == 1 else "may be the best",
            str(SEEDS),
            spread(train_accuracy),
            f"{points(train_accuracy.mean() - test_accuracy.mean())}{SPACE}pp",
            f"{study.finals('test_loss')[place].mean():.4f}",
            f"{int(group[0].final('parameters')):,}",
            seconds(float(np.median(study.finals("train_seconds")[place]))),
            seconds(float(np.median(reached))) + part if reached else "not reached",
        ]


def test_differences_from_a_pinned_baseline(study: Study, page: Page) -> None:
    page.goto(study.address)
    page.get_by_role("link", name="Pin 2 layers as the baseline").click()
    rows = page.locator("#groups tbody").first.get_by_role("row")
    caption = page.locator("#groups caption")
    expect(caption).to_contain_text("the difference from 2 layers")
    for place in (0, 2):
        cells = rows.nth(place).get_by_role("cell")
        difference, low, high = pair(study, 1, place)
        expect(cells.nth(TEST)).to_contain_text(f"{signed(difference)}{SPACE}pp, {judged(low, high)}")
        expect(cells.nth(TEST)).to_contain_text(bracketed(low, high))
        for name, cell, factor, digits in (("train_accuracy", TRAIN, 100, 2), ("test_loss", LOSS, 1, 4)):
            change = study.finals(name)[place].mean() - study.finals(name)[1].mean()
            expect(cells.nth(cell)).to_contain_text(
                f"{factor * change:+.{digits}f}".replace("-", "\N{MINUS SIGN}")
            )
        middles = [np.median(study.finals("train_seconds")[each]) for each in (place, 1)]
        shown = re.search(r"×\s([\d.]+)", cells.nth(SECONDS).text_content() or "")
        assert shown
        assert float(shown[1]) == pytest.approx(middles[0] / middles[1], rel=0.01)
    page.get_by_role("link", name="Unpin 2 layers").click()
    expect(caption).not_to_contain_text("Difference")


def test_the_headline(study: Study, opened: Page) -> None:
    best = [DEPTHS[place] for place in unbeaten(study)]
    answer = (opened.locator(".verdict p").first.text_content() or "").replace(SPACE, " ")
    expect(opened.locator(".verdict .badge")).to_have_text("Exploratory")
    if len(best) > 1:
        assert f"the best on new images of the same kind is among {best[0]}" in answer
    else:
        mean = study.finals("test_accuracy")[DEPTHS.index(best[0])].mean()
        name = f"{best[0]} layers, with {100 * mean:.2f} % test accuracy ({SEEDS} seeds)"
        assert f"the best on new images of the same kind is {name}" in answer


def test_the_bill_and_the_matrix_of_pairs(study: Study, opened: Page) -> None:
    receipts = opened.locator(".bill tbody tr")
    expect(receipts).to_have_count(len(DEPTHS) - 1)
    sizes = [int(group[0].final("parameters")) for group in study.runs.values()]
    times = [float(np.median(values)) for values in study.finals("train_seconds")]
    for place in range(len(DEPTHS) - 1):
        difference, low, high = pair(study, place, place + 1)
        receipt = receipts.nth(place)
        expect(receipt.get_by_role("rowheader")).to_have_text(f"+ layer {DEPTHS[place + 1]}")
        amount, answer = receipt.get_by_role("cell").all()
        expect(amount).to_have_text(f"{signed(difference)}{SPACE}pp{bracketed(low, high)}")
        expect(answer.locator(".answer")).to_have_text(
            re.compile(f"^{judged(low, high)}(, still improving)?$")
        )
        added = sizes[place + 1] - sizes[place]
        longer = f"{times[place + 1] - times[place]:+.1f}{SPACE}s".replace("-", "\N{MINUS SIGN}")
        expect(answer.locator(".detail")).to_have_text(f"{added:+,} parameters, {longer} training")
    opened.get_by_text("All pairs (3)").click()
    rows = opened.locator(".pairs tbody tr")
    for row in range(len(DEPTHS)):
        cells = rows.nth(row).get_by_role("cell")
        for column in range(len(DEPTHS)):
            if row == column:
                expect(cells.nth(column)).to_have_text("–")
                continue
            difference, low, high = pair(study, column, row)
            expect(cells.nth(column)).to_contain_text(f"{signed(difference)}{SPACE}pp")
            expect(cells.nth(column)).to_contain_text(bracketed(low, high))
            expect(cells.nth(column).locator(".answer")).to_contain_text(judged(low, high))
            ours, theirs = (study.finals("test_accuracy")[place] for place in (row, column))
            wins = np.mean([(a > b) + (a == b) / 2 for a in ours for b in theirs])
            expect(cells.nth(column)).to_contain_text(f"P(improvement) {100 * wins:.0f}{SPACE}%")
    opened.get_by_text("All pairs (3)").click()


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
                spread(test_accuracy[place]),
                str(SEEDS),
                spread(train_accuracy[place]),
                f"{points(train_accuracy[place].mean() - test_accuracy[place].mean())}{SPACE}pp",
                f"{study.after('test_loss', AT)[place].mean():.4f}",
                f"{int(group[0].final('parameters')):,}",
                seconds(float(np.median([run.spent["seconds"][AT - 1] for run in group]))),
                "Pin",
            ]
        )


def debiased(values: Values, weight: float) -> Values:
    """An exponential moving average, divided by the sum of its weights."""
    powers = [(1 - weight) * weight ** np.arange(n, -1, -1) for n in range(len(values))]
    return np.array([(power * values[: len(power)]).sum() / power.sum() for power in powers])


def curves(page: Page, metric: str, axis: str, count: int) -> list[dict[str, Any]]:
    """The traces of the curves, once there are so many of this metric over this axis."""
    titles = TITLES[axis], TITLES[metric]
    wait(page, "curves", lambda drawing: (drawing.x.title, drawing.y.title) == titles)
    return traces(page, "curves", lambda found: len(found) == count)


def smoothed(study: Study, page: Page, metric: str, axis: str) -> None:
    """Check the smoothed curves of all runs, with the faint raw values."""
    factor = 100 if metric.endswith("accuracy") else 1
    runs = [run for group in study.runs.values() for run in group]
    drawn = curves(page, metric, axis, 2 * len(runs))
    for faint, smooth, run in zip(drawn[: len(runs)], drawn[len(runs) :], runs, strict=True):
        assert faint["x"] == smooth["x"] == close(run.spent[axis])
        assert faint["y"] == close(factor * run.epochs(metric))
        assert smooth["y"] == close(factor * debiased(run.epochs(metric), 0.6))


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
def test_curves(study: Study, viewed: Page, metric: str, axis: str) -> None:
    factor = 100 if metric.endswith("accuracy") else 1
    choose(viewed, study.address, f"metric={metric} x={axis} smooth=0.6")
    smoothed(study, viewed, metric, axis)
    choose(viewed, study.address, f"metric={metric} x={axis} lines=mean")
    drawn = curves(viewed, metric, axis, 2 * len(DEPTHS))
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


def shows_cost(study: Study, page: Page, cost: str) -> None:
    """Check the chart of what accuracy costs."""
    wait(page, "frontier", lambda drawing: drawing.x.title == TITLES[cost])
    front, dots, means = traces(page, "frontier", lambda found: found[1]["x"])
    groups = list(study.runs.values())
    spent: Callable[[Run], float] = {
        "parameters": lambda run: run.final("parameters"),
        "seconds": lambda run: run.final("train_seconds"),
        "flops": lambda run: run.spent["flops"][-1],
    }[cost]
    middle = np.median if cost == "seconds" else np.mean
    costs = np.array([middle([spent(run) for run in group]) for group in groups])
    accuracies = np.array([100 * values.mean() for values in study.finals("test_accuracy")])
    assert dots["x"] == close([spent(run) for group in groups for run in group])
    assert means["x"] == close(costs)
    assert means["y"] == close(accuracies)
    best = pareto(costs, accuracies)
    assert front["x"][:-1] == close(costs[best])
    assert front["y"][:-1] == close(accuracies[best])


@pytest.mark.parametrize("cost", ["parameters", "seconds", "flops"])
def test_the_cost_chart_shows_the_cost_of_accuracy(study: Study, viewed: Page, cost: str) -> None:
    choose(viewed, study.address, f"cost={cost}")
    shows_cost(study, viewed, cost)


def inside(page: Page, quantity: str, layers: int) -> list[dict[str, Any]]:
    """The traces of the means by layer of a group, once its runs and so many layers are drawn."""
    wait(page, "diagnostics", lambda drawing: drawing.y.title == TITLES[quantity])
    found = traces(page, "diagnostics", lambda found: len(found) == (SEEDS + 1) * layers)
    return found[-layers:]


def shows_norms(study: Study, page: Page, depth: int) -> None:
    """Check the gradient norms of the networks of a depth, and what is said about them."""
    norms = stats.gmean(np.array([run.layers("gradient_norms") for run in study.runs[depth]]), axis=0)
    for trace, values in zip(inside(page, "gradient_norms", depth), norms.T, strict=True):
        assert trace["y"] == close(values)
    if depth > 1:
        said = re.search(r"is ([\d.]+) times", page.locator("#diagnostics-words").text_content() or "")
        assert said
        assert float(said[1]) == pytest.approx(norms[-1, 0] / norms[-1, -1], rel=0.06)


@pytest.mark.parametrize("depth", DEPTHS)
def test_the_inside_of_networks(study: Study, viewed: Page, depth: int) -> None:
    choose(viewed, study.address, f"inside=group-depth%3D{depth}")
    shows_norms(study, viewed, depth)
    if depth > 1:
        choose(viewed, study.address, f"inside=group-depth%3D{depth} layer=dead_relu")
        dead = 100 * np.mean([run.layers("dead_relu") for run in study.runs[depth]], axis=0)
        for trace, values in zip(inside(viewed, "dead_relu", depth - 1), dead.T, strict=True):
            assert trace["y"] == close(values)
        expect(viewed.locator("#diagnostics-words")).to_contain_text(
            f"dead units in a layer is {dead[-1].max():.2f}{SPACE}%"
        )


def test_a_page_opens_with_the_view_in_its_address(study: Study, page: Page) -> None:
    view = "metric=test_loss&x=seconds&smooth=0.6&cost=flops&inside=group-depth%3D2"
    page.goto(f"{study.address}&{view}")
    smoothed(study, page, "test_loss", "seconds")
    shows_cost(study, page, "flops")
    shows_norms(study, page, 2)


def test_the_same_images(study: Study, page: Page) -> None:
    groups = {depth: [run.id for run in group] for depth, group in study.runs.items()}
    answers = study.answers
    page.goto(f"{study.address}&step=2-3")
    two, three = (answers.correct(groups[depth]) for depth in (2, 3))
    change = (three.sum(axis=0) - two.sum(axis=0)) / SEEDS
    fixed, broken = np.flatnonzero(change > 0), np.flatnonzero(change < 0)
    note = page.locator("[data-images-note]")
    expect(note).to_contain_text(
        f"of 10,000 test images, {len(fixed)} are classified correctly more often with 3 layers than with "
        f"2 layers, and {len(broken)} less often ({SEEDS} seeds each). "
        f"Difference of mean test accuracy: +{points(change.mean())} pp."
    )
    means = [np.mean(values) for values in study.finals("test_accuracy")]
    assert change.mean() == pytest.approx(means[2] - means[1], abs=1e-12)
    counts = np.bincount(answers.labels[fixed], minlength=10)
    buttons = page.locator("[data-images-digits] button small")
    expect(buttons).to_have_text([str(count) for count in counts])
    page.locator("[data-images-more]").click()
    pictures = page.locator("[data-images-gallery] li")
    expect(pictures).to_have_count(len(fixed))
    sure = dict(zip(fixed.tolist(), answers.confidence_if_correct(groups[3], fixed), strict=True))
    order = sorted(fixed.tolist(), key=lambda image: (-change[image], -sure[image], image))
    shown = pictures.locator("img")
    sources = shown.evaluate_all("(all) => all.map((image) => image.getAttribute('src'))")
    assert [int(re.findall(r"\d+", source)[-1]) for source in sources] == order
    captions = []
    for image in order:
        lines = [f"{three[:, image].sum()} vs. {two[:, image].sum()}"]
        for depth in (3, 2):
            digit, given = answers.most_frequent(groups[depth], image)
            lines.append(f"{depth}: {digit} by {given} of {SEEDS}")
        captions.append("".join(lines))
    assert pictures.all_text_contents() == captions
    page.get_by_text("Accuracy per class", exact=True).click()
    rows = page.locator("[data-images-per-digit] tbody").get_by_role("row")
    for place, runs in enumerate(groups.values()):
        shares = np.mean([np.diag(answers.confusion(run)) for run in runs], axis=0)
        read_shares = shares / np.bincount(answers.labels)
        expect(rows.nth(place).get_by_role("cell")).to_have_text([str(SEEDS), *map(percent, read_shares)])


def test_run_against_run(study: Study, page: Page) -> None:
    answers = study.answers
    page.goto(f"{study.address}&first=1&second=12")
    cells = page.locator("[data-images-confusion] tbody").get_by_role("row")
    expect(page.locator("[data-images-runs]")).to_have_attribute("open", "")
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
    expect(page.locator("[data-images-pair]")).to_contain_text("This compares two networks, not two depths.")
