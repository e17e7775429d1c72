"""Page, report, study page, gallery and command line say the same about random comparisons."""

import html
import re
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert

from app.client import Client
from app.compare import offers
from app.compare.groups import parted
from app.compare.selection import Selection
from app.compare.view import Headline, matrix, table, turned, versus
from app.compare.wording import Wording
from app.prose import in_points
from app.queue import admission
from app.schemas.bodies import Labels
from app.schemas.compare.comparison import Contrast, Findings
from app.schemas.status import Status
from app.settings import Settings
from app.storage import artifacts
from app.storage.tables import Epoch, Run, Study, StudyRun
from tests.app.answered import IMAGES, all_but
from tests.app.compare.findings import found_in
from tests.app.conftest import Served
from tests.app.states import RESULTS, figures
from trainer.config import TrainConfig
from trainer.files import predictions

EPOCHS: Final = 6
HTML: Final = {"Accept": "text/html"}
VARIED: Final[dict[str, list[Any]]] = {"depth": [1, 2, 3, 4], "lr": [0.01, 0.1, 0.5]}
ODDITIES: Final = ("", "", "", "mixed", "single", "guessing", "diverged", "missing", "data", "open")
_OPPOSITE: Final = {"better": "worse", "worse": "better"}

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Drawn:
    """A run: its configuration, how it ended, and the images that it gets wrong."""

    config: dict[str, Any]
    status: Status = "finished"
    wrong: list[int] = field(default_factory=list)
    has_predictions: bool = True


@st.composite
def studies(draw: st.DrawFn) -> tuple[list[Drawn], bool, str]:
    """Runs of a few groups, whether they are compared as a whole study, and the field to group by, if any.

    Groups vary in depth, or in learning rate, so that their runs pair seed by seed. Some mix momentums, have
    a single seed, guess, diverge, lack predictions, or use another data set.
    """
    chance = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    name = draw(st.sampled_from(sorted(VARIED)))
    values = VARIED[name]
    count = draw(st.sampled_from([2, 3, len(values), 1]))
    seeds = draw(st.sampled_from([1, 2, 3, 3]))
    runs = []
    for value in values[:count]:
        odd = draw(st.sampled_from(ODDITIES))
        base = round(chance.uniform(150, 400))
        for seed in range(1 if odd == "single" else seeds):
            config = {"depth": 2, name: value, "seed": seed, "epochs": EPOCHS}
            if odd == "mixed":
                config["momentum"] = 0.1 * (1 + seed % 2)
            if odd == "data" and seed == 0:
                config["dataset"] = "letters"
            wrong = max(1, base + round(chance.normal(0, 15)))
            images = chance.choice(IMAGES, 9_200 if odd == "guessing" else wrong, replace=False).tolist()
            is_over = draw(st.booleans()) or seed == 0
            status: Status = "queued" if odd == "open" and seed else "finished"
            if odd == "diverged" and is_over:
                status = "failed"
            has_predictions = config.get("dataset") is None and not (odd == "missing" and seed == 0)
            runs.append(Drawn(config, status, images, has_predictions))
    return runs, draw(st.booleans()), draw(st.sampled_from(["", name]))


def store(site: Served, where: Settings, drawn: list[Drawn]) -> tuple[int, list[int]]:
    """Store these runs as a study; returns the ids of the study and of the runs."""
    configs = [TrainConfig(**each.config) for each in drawn]
    with site.database.write() as session:
        runs = admission.enqueue(session, configs, Labels(), limit=10_000)
        study = Study(name="random", created_at=0.0, planned=len(runs))
        session.add(study)
        session.flush()
        for run, each in zip(runs, drawn, strict=True):
            session.add(StudyRun(study_id=study.id or 0, run_id=run.id or 0))
            end(run, each)
            if each.status == "finished" and each.has_predictions:
                path = artifacts.of_run(where.artifacts, run.id or 0).predictions(run.attempt)
                path.parent.mkdir(parents=True, exist_ok=True)
                predictions.save(path, all_but(each.wrong))
        rows = [
            figures(epoch, test_accuracy=run.test_accuracy - 0.001 / epoch)
            | {"run_id": run.id, "change": 0, "attempt": 1}
            for run in runs
            if run.test_accuracy is not None
            for epoch in range(1, EPOCHS + 1)
        ]
        if rows:
            session.execute(insert(Epoch), rows)
        return study.id or 0, [run.id or 0 for run in runs]


def end(run: Run, drawn: Drawn) -> None:
    """Give a stored run its status and results."""
    run.status = drawn.status
    if drawn.status == "queued":
        return
    run.attempt, run.device_used = 1, "cpu"
    run.started_at = run.finished_at = run.created_at
    run.environment = {"test_images": str(IMAGES)}
    if drawn.status == "failed":
        run.reason = "diverged: loss became non-finite at epoch 1"
        return
    run.epochs_done, run.train_seconds = EPOCHS, 1.0 * run.depth
    for name, value in RESULTS.items():
        setattr(run, name, value)
    run.test_accuracy = 1 - len(drawn.wrong) / IMAGES


def words(text: str) -> str:
    """The visible words of a page, without its scripts."""
    text = re.sub(r"<(script|style)\b.*?</\1>", " ", text, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", text)).split())


def part(text: str, opening: str) -> str:
    """The words from an opening tag of a page to the end of the first table after it."""
    start = text.index(opening)
    return words(text[start : text.index("</table>", start)])


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(studies())
def test_every_place_says_what_the_verdict_says(
    site: Served, settings: Settings, drawn: tuple[list[Drawn], bool, str]
) -> None:
    runs, is_whole, alone = drawn
    study, ids = store(site, settings, runs)
    planned = parted(found_in(site.database, Selection([], study)).runs)
    by = (alone,) if alone else planned
    selection = Selection([], study, by) if is_whole else Selection(ids, None, by)
    chosen = f"study={study}" if is_whole else f"runs={','.join(map(str, ids))}"
    chosen += f"&by={','.join(by)}"
    found = found_in(site.database, selection, settings)

    matrix_table_and_baseline(found)
    offer_and_second_line(found)
    page = site.client.get(f"/compare?{chosen}", headers=HTML).text
    report = site.client.get(f"/compare/report.html?{chosen}").text
    for text in (page, report):
        texts_of(found, text)
    if is_whole and by == planned:
        assert Headline.of(found).text in words(site.client.get(f"/studies/{study}", headers=HTML).text)
        with Client(site.url, transport=site.transport) as client:  # the command line prints these sentences
            told = client.compare(study=study).verdict
        assert told.sentences == found.verdict.sentences
    gallery(site, found, chosen)


def matrix_table_and_baseline(found: Findings) -> None:
    """The matrix, the table of groups and its baseline repeat the pairs."""
    pairs = {pair.ids: pair for pair in found.verdict.pairs}
    pairs |= {turned(pair).ids: turned(pair) for pair in found.verdict.pairs}
    order = [row.id for row in found.groups]
    for row, cells in matrix(found):
        for other, cell in zip(order, cells, strict=True):
            assert cell == pairs.get((other, row.id))
            if cell and cell.answer:
                assert pairs[row.id, other].answer == _OPPOSITE.get(cell.answer, cell.answer)
    for row in found.groups:
        assert row.best in (None, row.id in found.verdict.best)
        assert row.best is not None or row.id not in found.verdict.best
        against = versus(found.verdict, row)
        assert against.keys() == {each.id for each in found.groups} - {row.id}
        for other, shown in against.items():
            pair = pairs[row.id, other]
            assert shown.difference == f"{in_points(pair.difference)}, {said(found, pair)}"
            assert shown.interval == (wording(found).bracketed(pair.interval) if pair.interval else "")
    lost = [group.id for group, results, _ in table(found) if not results]
    assert [group.id for group, results, _ in table(found) if results] == order
    assert not set(lost) & set(order)


def wording(found: Findings) -> Wording:
    return Wording(found.verdict.status, found.verdict.margin)


def said(found: Findings, pair: Contrast) -> str:
    """What a pair shows, in words."""
    return wording(found).judged(pair) if pair.answer else pair.untested or ""


def offer_and_second_line(found: Findings) -> None:
    """An offer names groups of the comparison; fewer groups are ruled out on new images."""
    verdict = found.verdict
    if all(pair.new_images for pair in verdict.pairs if pair.interval):
        assert set(verdict.best_of_these_images) <= set(verdict.best)
    if found.offer:
        labels = {row.id: row.label for row in found.groups}
        assert all(labels[each.id] == each.label for each in found.offer.groups)
        shown = offers.in_words(found.offer)
        assert str(found.offer.runs) in shown
        assert (found.offer.kind == "epochs") == verdict.still_improving == ("epochs" in shown)
        assert verdict.status != "provisional"


def texts_of(found: Findings, text: str) -> None:
    """A page has the headline, every sentence of the answer, and the bill with the table's answers."""
    shown = words(text)
    headline = Headline.of(found)
    for sentence in (headline.text, headline.reason, *headline.details, *headline.open):
        assert " ".join(sentence.split()) in shown
    if found.verdict.bill:
        bill = part(text, 'class="bill"')
        for receipt in found.verdict.bill:
            assert in_points(receipt.difference) in bill
            assert said(found, receipt) in bill
            if receipt.interval:
                assert wording(found).bracketed(receipt.interval) in bill
    groups = part(text, 'id="groups"')
    names = {True: "may be the best", False: "another is better"}
    wanted = [row.best for row in found.groups if row.best is not None and len(found.groups) > 1]
    if found.verdict.best[1:]:
        assert [name == names[True] for name in re.findall("|".join(names.values()), groups)] == wanted
    for _, results, lost in table(found):
        assert lost in groups
        assert results or lost


def gallery(site: Served, found: Findings, chosen: str) -> None:
    """Differences are those of the pairs, and only of groups whose every run has predictions."""
    images = site.client.get(f"/compare/images?{chosen}").json()
    if images["status"] is None:
        assert images["warnings"]
        return
    assert images["status"] == found.verdict.status
    sizes = {row.id: row.n for row in found.groups}
    complete = {group["id"]: len(group["runs"]) == sizes[group["id"]] for group in images["groups"]}
    pairs = {pair.ids: pair for pair in found.verdict.pairs}
    for step in images["steps"]:
        pair = pairs[tuple(step["ids"])]
        assert (step["difference"] is not None) == all(complete[group_id] for group_id in step["ids"])
        if step["difference"] is not None:
            assert step["difference"] == pair.difference
            assert in_points(pair.difference) in step["sentence"]
            assert (pair.untested or "") in step["sentence"]
