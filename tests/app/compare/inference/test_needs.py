"""The seeds that would settle what is undecided."""

import numpy as np

from app.compare.inference import looks
from app.compare.inference.conclusions import Conclusions, Measured
from app.compare.inference.differences import Sample
from app.compare.inference.judgement import Rule
from app.compare.inference.needs import needs, seeds_of_new_study
from app.compare.inference.power import detectable
from app.compare.inference.standing import Standing
from tests.app.compare.judged import group, lr, of_depth

MARGIN = 0.0025


def around(mean: float, spread: float, n: int) -> list[float]:
    """Accuracies with exactly this mean and standard deviation."""
    shape = np.linspace(-1, 1, n)
    return [float(value) for value in mean + spread * shape / shape.std(ddof=1)]


def concluded(*accuracies: list[float], margin: float = MARGIN, look: int = 1) -> Conclusions:
    groups = [of_depth(depth, values) for depth, values in enumerate(accuracies, 1)]
    return Conclusions(
        groups,
        [Measured(Sample(values)) for values in accuracies],
        Standing("final", look, looks.level(look)),
        margin,
    )


def test_an_undecided_pair_gets_what_the_margin_needs_at_the_next_look() -> None:
    found = concluded(around(0.978, 0.001, 3), around(0.979, 0.001, 3))
    needed = needs(found)
    assert needed.seeds.keys() == {"depth=1", "depth=2"}
    assert needed.runs_range is not None
    low, high = needed.runs_range
    assert high is not None
    assert low <= sum(needed.seeds.values()) - 6 <= high
    count = max(needed.seeds.values())
    grown = concluded(around(0.978, 0.001, count), around(0.979, 0.001, count), look=2)
    (difference,) = grown.differences.values()
    assert difference is not None
    assert detectable(difference, Rule(0.01, 1, MARGIN)) <= MARGIN


def test_a_group_with_many_seeds_gets_none_beside_one_with_few() -> None:
    needed = needs(concluded(around(0.978, 0.001, 40), around(0.979, 0.001, 3)))
    assert needed.seeds.keys() == {"depth=2"}
    assert needed.seeds["depth=2"] < 40


def test_a_group_that_varies_more_gets_more_seeds() -> None:
    needed = needs(concluded(around(0.978, 0.0005, 4), around(0.979, 0.002, 4)))
    assert needed.seeds["depth=2"] > needed.seeds.get("depth=1", 4)


def test_what_is_settled_gets_nothing() -> None:
    assert not needs(concluded(around(0.92, 0.001, 3), around(0.97, 0.001, 3))).seeds
    assert not needs(concluded(around(0.978, 0.0001, 20), around(0.978, 0.0001, 20))).seeds


def test_an_undecided_pair_that_has_enough_seeds_is_named_and_gets_none() -> None:
    needed = needs(concluded(around(0.97800, 0.001, 40), around(0.97836, 0.001, 40), margin=0.0008))
    assert not needed.seeds
    assert [pair.ids for pair in needed.powered] == [("depth=1", "depth=2")]


def test_a_lead_is_confirmed_with_seeds_for_half_of_it_or_for_the_margin() -> None:
    near = concluded(around(0.9780, 0.001, 30), around(0.9800, 0.001, 30))
    far = concluded(around(0.9600, 0.001, 30), around(0.9800, 0.001, 30))
    assert (near.pairs[0].answer, far.pairs[0].answer) == ("better", "better")
    few, many = seeds_of_new_study(far), seeds_of_new_study(near)
    assert few == 3
    assert many is not None
    planned = concluded(around(0.9780, 0.001, many), around(0.9800, 0.001, many))
    (difference,) = planned.differences.values()
    assert difference is not None
    assert detectable(difference, Rule(0.03, 1, MARGIN)) <= MARGIN * 1.1


def test_groups_that_another_is_better_than_get_nothing() -> None:
    needed = needs(concluded(around(0.90, 0.001, 5), around(0.978, 0.001, 5), around(0.979, 0.001, 5)))
    assert needed.seeds.keys() == {"depth=2", "depth=3"}


def test_single_seeds_come_first() -> None:
    needed = needs(concluded([0.92], around(0.97, 0.001, 3), [0.98]))
    assert dict(needed.seeds) == {"depth=1": 3, "depth=3": 3}
    assert needed.runs_range is None


def test_images_that_cannot_resolve_the_margin_get_no_seeds() -> None:
    one = np.arange(500) < 450
    correct = [np.repeat(each[None], 3, axis=0) for each in (one, one[::-1])]
    values = [[float(run.mean()) for run in each] for each in correct]
    groups = [of_depth(depth, each) for depth, each in enumerate(values, 1)]
    found = Conclusions(
        groups,
        [Measured(Sample(each, runs)) for each, runs in zip(values, correct, strict=True)],
        Standing("final", 1, 0.03),
        MARGIN,
    )
    assert found.pairs[0].answer == "undecided"
    assert not found.pairs[0].resolvable
    assert not needs(found).seeds


def test_paired_groups_get_the_same_seeds() -> None:
    groups = [lr(f"{place}", around(0.97 + place / 1000, 0.001, 4)) for place in range(2)]
    samples = [Sample(each.test_accuracies, None, each.family) for each in groups]
    shifted = Sample([value + 0.001 for value in reversed(groups[0].test_accuracies)], None, groups[1].family)
    found = Conclusions(groups, [Measured(samples[0]), Measured(shifted)], Standing("final", 1, 0.03), MARGIN)
    needed = needs(found)
    assert len(set(needed.seeds.values())) == 1
    assert needed.seeds.keys() == {each.id for each in groups}


def test_an_exploration_is_planned_as_a_first_look() -> None:
    values = (around(0.978, 0.001, 4), around(0.979, 0.001, 4))
    final = concluded(*values)
    explored = Conclusions(final.groups, final.measured, Standing("exploratory", None, 0.03), MARGIN)
    first, second = needs(explored), needs(final)
    assert sum(first.seeds.values()) < sum(second.seeds.values())


def test_groups_are_never_asked_for_by_mixed_runs() -> None:
    mixed = group({"depth": 3}, [0.9, 0.95], label="3 layers", lr=[0.1, 0.2])
    found = Conclusions(
        [of_depth(2, [0.97, 0.971]), mixed],
        [Measured(Sample([0.97, 0.971])), Measured(Sample([0.9, 0.95]))],
        Standing("final", 1, 0.03),
        MARGIN,
    )
    assert not needs(found).seeds
