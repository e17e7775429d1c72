"""A comparison as its page shows it: a baseline, and what differs from it."""

import re
from collections.abc import Sequence

import pytest

from app.compare.groups import AXES
from app.compare.view import (
    Axes,
    Extent,
    Headline,
    Parameters,
    cost,
    devices,
    matrix,
    narrower,
    scope,
    table,
    title,
    turned,
    versus,
    view,
)
from app.prose import in_points
from app.schemas.compare.comparison import Findings, GroupRow, Receipt, Spread, Verdict
from app.storage.database import Database
from tests.app.compare.findings import compared, compared_by
from tests.app.compare.near_rates import of_rates
from tests.app.conftest import Served
from tests.app.states import failed_run, finished_run, queue_run


def test_the_table_has_groups_whose_every_run_diverged_and_shares_of_others(database: Database) -> None:
    runs = [finished_run(database, 0.9 + depth / 100, depth=depth) for depth in (1, 2)]
    for depth, seed, reason in ((2, 1, "diverged: nan"), (3, 0, "diverged: nan"), (4, 0, "it broke")):
        runs.append(failed_run(database, reason, depth=depth, seed=seed))
    found = compared(database, *runs)
    assert [(group.label, results and results.n, lost) for group, results, lost in table(found)] == [
        ("1 layer", 1, ""),
        ("2 layers", 1, "1 of 2 diverged"),
        ("3 layers", None, "1 of 1 diverged"),
        ("4 layers", None, "1 of 1 failed"),
    ]


def of_means(means: Sequence[float], best: Sequence[int]) -> Findings:
    """Groups named by their places, with these mean test accuracies; `best` are the places of the best."""
    rows = [
        GroupRow.model_construct(id=str(place), test_accuracy=Spread.model_construct(mean=mean))
        for place, mean in enumerate(means)
    ]
    return Findings.model_construct(
        groups=rows, verdict=Verdict.model_construct(best=[str(place) for place in best])
    )


@pytest.mark.parametrize(
    ("count", "best", "kept"),
    [
        (10, [8, 9], []),  # few enough
        (12, [8, 9, 11], [8, 9, 11]),
        (12, [*range(12)], [*range(2, 12)]),  # too many: those with the highest means
        (12, [0], [0, *range(3, 12)]),  # a single one: those with the highest means beside it
        (12, [], []),  # they can't be ranked
    ],
)
def test_many_groups_are_narrowed_to_the_best_or_to_the_highest_means(
    count: int, best: list[int], kept: list[int]
) -> None:
    found = narrower(of_means([0.9 + place / 1000 for place in range(count)], best))
    assert [row.id for row in found] == [str(place) for place in kept]


def test_the_baseline_is_found_by_its_key_and_by_the_label_of_old_addresses(database: Database) -> None:
    found = compared_by(database, of_rates(database), ["lr"])
    for asked, pinned in (
        ("lr=0.30000000000000004", 1),
        ("lr 0.30000000000000004", 1),
        ("lr=0.3", 0),
        ("lr 0.3", 0),
    ):
        context = view(found, asked)
        assert context["baseline"] is found.groups[pinned]
        assert list(context["versus"]) == [found.groups[1 - pinned].id]
    assert view(found, "lr=0.4")["baseline"] is None
    against = versus(found.verdict, found.groups[1])["lr=0.3"]
    assert against.difference.startswith(f"{in_points(-0.01)}, ")


def of_depths(database: Database, *depths: int, seeds: int = 3) -> Findings:
    """The comparison of new runs of these depths, a percentage point apart."""
    return compared(
        database,
        *(
            finished_run(database, 0.9 + depth / 100 + seed / 10_000, depth=depth, seed=seed)
            for depth in depths
            for seed in range(seeds)
        ),
    )


def test_against_a_baseline_a_group_has_the_answer_and_the_interval_of_their_pair(
    database: Database,
) -> None:
    found = of_depths(database, 1, 2)
    (pair,) = found.verdict.pairs
    assert pair.interval
    low, high = (100 * bound for bound in pair.interval)
    above = versus(found.verdict, found.groups[0])["depth=2"]
    assert above.difference == "+1.00 pp, seems better by more than the margin, still improving"
    assert above.interval == f"[+{low:.2f}, +{high:.2f}]"
    below = versus(found.verdict, found.groups[1])["depth=1"]
    assert below.difference == "\N{MINUS SIGN}1.00 pp, seems worse by more than the margin, still improving"
    assert below.interval == f"[\N{MINUS SIGN}{high:.2f}, \N{MINUS SIGN}{low:.2f}]"


def test_a_pair_that_is_turned_twice_is_itself(database: Database) -> None:
    (pair,) = of_depths(database, 1, 2).verdict.pairs
    mirror = turned(pair)
    assert (mirror.ids, mirror.difference) == (("depth=2", "depth=1"), -pair.difference)
    assert (mirror.answer, mirror.improvement) == ("worse", 0)
    assert turned(mirror) == pair


def test_the_badge_says_the_status_and_the_headline_does_not_repeat_it(database: Database) -> None:
    found = of_depths(database, 1, 2)
    headline = Headline.of(found)
    assert headline.badge == "Exploratory"
    assert headline.reason == found.verdict.outlook[0]
    assert "selected after their results were visible" in headline.reason
    assert found.verdict.answer[0].startswith("Exploratory: with")
    assert headline.text.startswith("With SGD")
    assert [*headline.details] == found.verdict.answer[1:]
    assert [*headline.open] == found.verdict.outlook[1:]


def test_a_final_answer_and_one_without_results_have_no_badge(database: Database) -> None:
    final = of_depths(database, 1, 2)
    final.verdict.status = "final"
    final.verdict.answer = ["The best is 2 layers.", "On these images too."]
    headline = Headline.of(final)
    assert (headline.badge, headline.reason, headline.text) == ("", "", "The best is 2 layers.")
    assert [*headline.open] == final.verdict.outlook
    nothing = compared(database, queue_run(database))
    assert Headline.of(nothing).badge == ""
    assert Headline.of(nothing).text == "No run has finished yet."


def test_the_matrix_has_every_group_against_every_other(database: Database) -> None:
    found = of_depths(database, 1, 2, 3)
    rows = matrix(found)
    assert [row.label for row, _ in rows] == ["1 layer", "2 layers", "3 layers"]
    for place, (row, pairs) in enumerate(rows):
        assert pairs[place] is None
        for other, pair in zip(found.groups, pairs, strict=True):
            if other is row:
                continue
            assert pair
            assert pair.difference == pytest.approx(row.test_accuracy.mean - other.test_accuracy.mean)
            assert (pair.answer == "better") == (pair.difference > 0)


def test_too_many_groups_and_a_single_one_have_no_matrix(database: Database) -> None:
    rates = [finished_run(database, lr=place / 100) for place in range(1, 14)]
    assert len(matrix(compared_by(database, rates[:12], ["lr"]))) == 12
    assert matrix(compared_by(database, rates, ["lr"])) == []
    assert matrix(compared_by(database, rates[:1], ["lr"])) == []


def test_what_intervals_hold_for_is_said_as_in_the_verdict(database: Database) -> None:
    found = of_depths(database, 1, 2, 3)
    assert scope(found.verdict) == "these test images only"
    first, *others = found.verdict.pairs
    general = first.model_copy(update={"new_images": True})
    mixed = found.verdict.model_copy(update={"pairs": [general, *others]})
    assert scope(mixed).startswith("new images of the same kind (where predictions are missing")
    assert scope(mixed.model_copy(update={"pairs": [general]})) == "new images of the same kind"
    assert scope(of_depths(database, 4, 5, seeds=1).verdict) == ""


@pytest.mark.parametrize(
    ("parameters", "seconds", "words"),
    [
        (399_200, 96.0, "+399,200 parameters, +1\N{NO-BREAK SPACE}min 36\N{NO-BREAK SPACE}s training"),
        (-1_200, -2.5, "\N{MINUS SIGN}1,200 parameters, \N{MINUS SIGN}2.5\N{NO-BREAK SPACE}s training"),
        (0, 0.0, ""),
        (None, None, ""),
    ],
)
def test_a_receipt_says_what_a_group_costs(
    database: Database, parameters: int | None, seconds: float | None, words: str
) -> None:
    (receipt,) = of_depths(database, 1, 2).verdict.bill
    changed = {"parameters": parameters, "seconds": seconds}
    assert cost(Receipt.model_validate(receipt.model_dump() | changed)) == words


def test_devices_are_those_that_were_used(database: Database) -> None:
    found = compared(database, finished_run(database), queue_run(database, depth=2))
    assert devices(found.runs) == "cpu"
    assert devices([run for run in found.runs if run.status == "queued"]) == ""


def test_many_runs_are_folded_and_cut_unless_every_row_is_asked_for(database: Database) -> None:
    found = compared(database, finished_run(database))
    for count, shown in (
        (30, Extent(30, 1, folded=False)),
        (31, Extent(31, 1, folded=True)),
        (51, Extent(50, 1, folded=True)),
    ):
        many = found.model_copy(update={"runs": found.runs * count})
        assert Extent.of(many, every_row=False) == shown
        assert Extent.of(many, every_row=True) == Extent(count, 1, folded=False)
    groups = found.model_copy(update={"members": found.members * 17})
    assert Extent.of(groups, every_row=False).groups == 16


def test_the_page_pins_the_group_that_was_pressed(site: Served) -> None:
    of_rates(site.database)
    url = "/compare?runs=1,2,3,4&by=lr"
    page = site.client.get(url, headers={"Accept": "text/html"}).text
    links = re.findall(
        r'<a [^>]*data-query="baseline=([^"]+)"\s+href="([^"]+)#table"\s+aria-label="([^"]+)"', page
    )
    assert [(query, label) for query, _, label in links] == [
        ("lr%3D0.3", "Pin lr 0.3 as the baseline"),
        ("lr%3D0.30000000000000004", "Pin lr 0.30000000000000004 as the baseline"),
    ]
    pinned = site.client.get(links[1][1].replace("&amp;", "&"), headers={"Accept": "text/html"}).text
    assert 'aria-label="Unpin lr 0.30000000000000004"' in pinned
    assert 'data-baseline="lr=0.30000000000000004"' in pinned


def test_the_heading_of_a_comparison_names_its_grouping() -> None:
    assert title(["depth"]) == "Comparison by depth"
    assert title(["depth", "lr"]) == "Comparison by depth and learning rate"


def test_axes_are_split_into_differing_and_equal_hyperparameters(database: Database) -> None:
    found = compared_by(database, of_rates(database), ["depth"])
    axes = Axes.of(found)
    assert (axes.differing, "lr" in axes.same) == (["depth", "lr"], False)
    assert sorted([*axes.differing, *axes.same]) == sorted(AXES)


def test_shared_hyperparameters_are_listed_once(database: Database) -> None:
    found = compared(database, *of_rates(database), finished_run(database, depth=2, epochs=4))
    parameters = Parameters.of(found.runs)
    assert list(parameters.differing) == ["depth", "epochs", "lr", "seed"]
    assert (parameters.same["batch_size"], parameters.same["optimizer"]) == ("1024", "sgd")
    assert not {*parameters.differing} & {*parameters.same}
    assert "device" not in parameters.same, "the one that was used says more"
    assert Parameters.shown(found.runs[0], "lr") == "0.3"
