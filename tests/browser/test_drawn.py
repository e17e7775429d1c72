"""Every chart of a page that follows a training draws all recorded values, with any choices."""

from collections.abc import Iterable
from functools import partial
from itertools import product
from math import exp, log
from statistics import fmean
from typing import Final

import pytest
from playwright.sync_api import Page, expect

from app.formats import plural
from tests.browser.drawn import Drawing, choose, wait
from tests.browser.side_by_side import Study, figures_of
from tests.web_server import WebServer

pytestmark = pytest.mark.browser

Places = list[tuple[float, float]]

WEIGHT: Final = 0.6
SCALES: Final = tuple(
    " ".join(filter(None, choice)) for choice in product(("", f"smooth={WEIGHT}"), ("", "log=y"))
)
CURVES: Final = tuple(f"{lines} {scales}".strip() for lines, scales in product(("", "lines=mean"), SCALES))
PAIRS: Final = tuple(view for view in CURVES if len(view.split()) % 2 == 0)
"""Any two of the choices in all ways, where the page of the study has all three in all ways."""
PAGES: Final = {
    "run": ("/runs/1", (*SCALES, "last=1")),
    "study": ("/studies/1", (*CURVES, "x=seconds", "metric=test_accuracy")),
    "comparison": ("/compare?study=1", PAIRS),
}
"""Of each page that follows a training, the address and what one can choose to see there."""


def smoothed(values: list[float], weight: float) -> list[float]:
    """Exponentially, without the pull towards 0 at the start."""
    found, mean, mass = [], 0.0, 0.0
    for value in values:
        mean, mass = weight * mean + (1 - weight) * value, weight * mass + (1 - weight)
        found.append(mean / mass)
    return found


def of_run(study: Study, view: dict[str, str]) -> dict[str, Places]:
    """Where the lines of a run's page end."""
    weight = float(view.get("smooth", 0))

    def ends(*names: str) -> Places:
        found = [(values := study.column(0, name))[-1:] + smoothed(values, weight)[-1:] for name in names]
        return [(study.last, y) for pair in found for y in (pair if weight else pair[:1])]

    losses = ["train_loss", "test_loss", *(["last_batch_loss"] if "last" in view else [])]
    return {
        "loss": ends(*losses),
        "accuracy": ends("train_accuracy", "test_accuracy"),
        "seconds": ends("seconds"),
    }


def of_curves(study: Study, view: dict[str, str]) -> Places:
    """Where the curves of both runs, or their mean, end."""
    weight = float(view.get("smooth", 0))
    raw = [study.column(seed, view.get("metric", "train_loss")) for seed in (0, 1)]
    ends = [smoothed(values, weight)[-1] for values in raw]
    if "lines" in view:
        return [(study.last, fmean(ends))]
    x = sum(study.column(0, "seconds")) if "x" in view else study.last
    return [(x, y) for y in ([values[-1] for values in raw] if weight else []) + ends]


def of_study(study: Study, view: dict[str, str]) -> dict[str, Places]:
    """Where the lines of a study's page end."""
    return {"curves": of_curves(study, view)}


def of_comparison(study: Study, view: dict[str, str]) -> dict[str, Places]:
    """Where the lines of a comparison end, and the last dots of its charts, at the newest epoch."""
    now = [figures_of(seed, study.last) for seed in (0, 1)]
    train, test = ([100 * each[name] for each in now] for name in ("train_accuracy", "test_accuracy"))
    gaps = [before - after for before, after in zip(train, test, strict=True)]
    norms = [each["gradient_norms"] for each in now]
    means = [exp(fmean(map(log, layer))) for layer in zip(*norms, strict=True)]
    return {
        "curves": of_curves(study, view),
        "gap": [(study.last, y) for y in (*gaps, fmean(gaps))],
        "diagnostics": [(study.last, y) for y in (*norms[0], *norms[1], *means)],
        "layers": [(2, fmean(train)), (2, fmean(test)), (2.03, test[1])],
    }


EXPECTED: Final = {"run": of_run, "study": of_study, "comparison": of_comparison}


def marks_stand_where_they_say(drawing: Drawing) -> bool:
    """Whether the numbers beside an axis agree with the ends by which places are read."""
    axes = [axis for axis in (drawing.x, drawing.y) if not axis.is_log]
    marks = [(axis, mark) for axis in axes for mark in axis.marks]
    return all(
        axis.apart(float(text.removesuffix("\N{NO-BREAK SPACE}%").replace("\N{MINUS SIGN}", "-")), value) < 2
        for axis, (text, value) in marks
    )


def all_is_drawn(kind: str, study: Study, pages: Iterable[Page], view: str = "") -> None:
    """Wait until every chart of these pages ends where the newest epochs of the runs are."""
    chosen = dict(choice.split("=") for choice in view.split())
    for page in pages:
        for chart, places in EXPECTED[kind](study, chosen).items():
            drawing = wait(page, chart, partial(Drawing.ends_at, places=places))
            assert marks_stand_where_they_say(drawing), chart
        note = page.locator("[data-chart-note]")
        if kind == "run":
            expect(note).to_contain_text(f"{plural(study.last, 'epoch')}, all shown.")
        elif "lines" in chosen:
            expect(note).to_contain_text("Means of 2 runs")
        else:
            expect(note).to_contain_text(f"2 curves, {2 * study.last} points, all shown.")


@pytest.mark.parametrize("kind", PAGES)
def test_every_chart_ends_at_the_newest_epoch(quiet: WebServer, page: Page, kind: str) -> None:
    address, views = PAGES[kind]
    if kind == "comparison":
        address += "&epoch=100"  # the newest, until there are so many
    study = Study(quiet)
    page.goto(quiet.url + address)
    expect(page.locator("[data-chart-note]")).to_have_text("Curves appear with the first epoch.")
    study.start()
    pages = [page]
    for _ in range(2):
        study.trains()
        all_is_drawn(kind, study, pages)
    pages.append(page.context.new_page())
    pages[-1].goto(quiet.url + address)
    for view in views:
        for each in pages:
            choose(each, address, view)
        study.trains()
        all_is_drawn(kind, study, pages, view)
    for each in pages:
        choose(each, address, "")
    quiet.stop()
    expect(page.locator("[data-connection]")).to_contain_text("Connection lost")
    quiet.start()
    study.trains()
    all_is_drawn(kind, study, pages)
    study.goes_on(after=study.last - 2)
    all_is_drawn(kind, study, pages)
    study.trains()
    all_is_drawn(kind, study, pages)
    study.finishes()
    pages.append(page.context.new_page())
    pages[-1].goto(quiet.url + address)
    all_is_drawn(kind, study, pages)
