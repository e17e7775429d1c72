"""One family of intervals, and what derives from it."""

from collections.abc import Sequence

import pytest

from app.compare.groups import Group
from app.compare.inference.conclusions import Conclusions, Measured, several_datasets
from app.compare.inference.differences import Sample, Spread
from app.compare.inference.standing import Standing
from app.compare.inference.trend import Slope
from tests.app.compare.judged import group, keyed, lr, mixing, of_depth

EXACT = Spread(0.0, 10.0)
FINAL = Standing("final", 1, 0.03)
MIXED = mixing("wide", [0.97, 0.98, 0.97, 0.98])
LOW, MIDDLE, HIGH = [0.92, 0.921, 0.922], [0.9780, 0.9800, 0.9790], [0.9795, 0.9815, 0.9790]


def concluded(*groups: Group, slopes: Sequence[Slope] = ()) -> Conclusions:
    measured = [
        Measured(Sample(each.test_accuracies, None, each.family), slopes[place] if slopes else None)
        for place, each in enumerate(groups)
    ]
    return Conclusions(groups, measured, FINAL, 0.0025)


def depths(*accuracies: list[float]) -> list[Group]:
    return [of_depth(depth, values) for depth, values in enumerate(accuracies, 1)]


def test_the_best_are_the_groups_that_no_other_is_better_than() -> None:
    found = concluded(*depths(LOW, MIDDLE, HIGH))
    assert [pair.answer for pair in found.pairs] == ["better", "better", "undecided"]
    assert found.best == found.best_of_these_images == ["depth=2", "depth=3"]
    assert [pair.ids for pair in found.undecided] == [("depth=2", "depth=3")]


def test_more_groups_make_every_interval_wider() -> None:
    few, many = concluded(*depths(LOW, MIDDLE)), concluded(*depths(LOW, MIDDLE, HIGH))
    narrow, wide = few.pairs[0].interval, many.pairs[0].interval
    assert narrow is not None
    assert wide is not None
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


def test_groups_of_one_architecture_and_the_same_seeds_are_compared_seed_by_seed() -> None:
    first, second = [0.90, 0.92, 0.94], [0.901, 0.921, 0.9412]
    (pair,) = concluded(lr("a", first), lr("b", second)).pairs
    assert pair.paired
    assert pair.answer == "better"
    (apart,) = concluded(lr("a", first), lr("b", second, seeds=[3, 4, 5])).pairs
    assert not apart.paired
    assert apart.answer == "undecided"


@pytest.mark.parametrize(
    ("second", "why"),
    [
        (of_depth(2, [0.97]), "2 layers has a single seed"),
        (
            mixing("wide", [0.97, 0.98, 0.97, 0.98]),
            "the runs of wide differ in learning rate: split by learning rate",
        ),
        (group({"depth": 3}, [0.9, 0.91], datasets=["other"]), "the groups used different images"),
        (of_depth(4, [0.975, 0.975]), None),
    ],
)
def test_a_pair_without_an_interval_says_why(second: Group, why: str | None) -> None:
    (pair,) = concluded(of_depth(1, LOW), second).pairs
    assert pair.untested == why
    assert (pair.interval is None) is (why is not None)
    assert (pair.answer is None) is (why is not None)


def test_two_groups_without_any_spread_have_no_interval() -> None:
    (pair,) = concluded(*depths([0.9, 0.9], [0.8, 0.8])).pairs
    assert (pair.interval, pair.untested) == (
        None,
        "accuracies are constant over seeds, and predictions are missing",
    )


def test_groups_that_cannot_be_ranked_have_no_best() -> None:
    mixed = concluded(of_depth(1, LOW), MIXED)
    assert mixed.best == mixed.best_of_these_images == []
    assert (
        mixed.unranked
        == "The runs of wide differ in learning rate, so they can't be ranked: split by learning rate"
    )
    others = [group({"depth": depth}, LOW, datasets=[name]) for depth, name in ((1, "mnist"), (2, "other"))]
    assert several_datasets(others) == ["mnist", "other"]
    assert concluded(*others).unranked.startswith("These runs used different images (mnist and other)")
    guessing = group({"depth": 1}, [0.1, 0.11], guessing=["not above guessing"] * 2)
    assert concluded(guessing, guessing).unranked.startswith("No run is significantly above guessing")


def test_only_pairs_that_the_best_depend_on_make_a_verdict_unfinished() -> None:
    steady, falling = Slope(0.0, EXACT, 5.0), Slope(-0.02, EXACT, 5.0)
    groups = depths(LOW, MIDDLE, HIGH)
    assert not concluded(*groups, slopes=[steady] * 3).still_changing
    found = concluded(*groups, slopes=[steady, falling, steady])
    assert [pair.ids for pair in found.still_changing] == [("depth=1", "depth=2"), ("depth=2", "depth=3")]


def test_neighbours_differ_in_one_part_of_the_key() -> None:
    grid = [keyed(depth, rate, LOW) for depth in (1, 2) for rate in (0.1, 0.2)]
    found = [(first.label, second.label) for first, second in concluded(*grid).neighbors]
    assert found == [
        ("1 layers, lr 0.1", "2 layers, lr 0.1"),
        ("1 layers, lr 0.2", "2 layers, lr 0.2"),
        ("1 layers, lr 0.1", "1 layers, lr 0.2"),
        ("2 layers, lr 0.1", "2 layers, lr 0.2"),
    ]


def test_no_groups_conclude_nothing() -> None:
    found = concluded()
    assert (found.pairs, found.best, found.neighbors) == ([], [], [])
