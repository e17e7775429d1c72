"""Groups whose means are shown as equal share the first place."""

from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.compare.ties import equal, leaders
from app.compare.verdict import verdict
from tests.app.compare.judged import APART, group, judge, of_depth

PERFECT = [1.0, 1.0]


@pytest.mark.parametrize(
    ("test", "answer"),
    [
        (
            {1: PERFECT, 2: PERFECT, 3: PERFECT},
            "1, 2 and 3 layers all reached 100.00 % test accuracy on average (2 seeds each)",
        ),
        (
            {1: [0.1], 2: [0.1]},
            "1 and 2 layers both reached 10.00 % test accuracy with one seed each",
        ),
        (
            {3: [0.97, 0.98], 4: [0.98, 0.97, 0.975]},
            "3 and 4 layers both reached 97.50 % test accuracy on average",
        ),
        (  # equal as shown
            {3: [0.97, 0.98], 4: [0.97, 0.98002]},
            "3 and 4 layers both reached 97.50 % test accuracy on average (2 seeds each)",
        ),
    ],
)
def test_if_all_means_look_equal_none_is_called_the_highest(
    test: dict[int, list[float]], answer: str
) -> None:
    found = judge(test)
    assert found.answer == [f"{answer}: the means are equal."]
    assert found.best == [f"depth={depth}" for depth in test]
    assert not [sentence for sentence in found.sentences if "highest" in sentence or "best" in sentence]


def test_a_tie_for_the_first_place_is_tested_against_the_others() -> None:
    found = judge({**APART, 3: [0.971, 0.972, 0.973]})
    assert found.answer == [
        (
            "2 and 3 layers both reached 97.20 % test accuracy on average (3 seeds each), the highest of 3 "
            "depths: a tie."
        ),
        "Each differs significantly from 1 layer.",
    ]
    assert found.best == ["depth=2", "depth=3"]
    assert not any(
        "would likely show" in sentence for sentence in found.sentences
    )  # there is nothing between them
    shown = [sentence.partition(":")[0] for sentence in found.evidence[:3]]
    assert shown == ["2 layers against 1", "3 layers against 2", "3 layers against 1"]


def test_tied_groups_differ_from_another_group_only_if_each_of_them_does() -> None:
    test = {1: [0.92, 0.93, 0.925], 2: [0.971, 0.972, 0.973], 3: [0.90, 1.0, 1.016], 4: [0.96]}
    found = judge(test)
    assert found.best == ["depth=2", "depth=3"]
    assert found.answer[1] == (
        "At least one of them has no significant difference from 1 layer; not every pair with 4 layers can "
        "be tested."
    )


def test_a_difference_too_small_to_display_is_a_tie_with_its_size() -> None:
    found = judge({1: [0.971209, 0.97121, 0.971211], 2: [0.971239, 0.97124, 0.971241]})
    assert found.pairs[0].different
    assert found.answer[0].startswith("1 and 2 layers both reached 97.12 %")
    assert ": a significant difference, of less than 0.01 pp" in found.evidence[0]


def test_a_single_leader_is_the_best_and_several_data_sets_have_none() -> None:
    assert judge(APART).best == ["depth=2"]
    assert judge({}).best == []
    groups = [group({"dataset": name}, [0.9, 0.9], datasets=[name]) for name in ("clothes", "mnist")]
    assert verdict(groups).best == []


@given(st.lists(st.lists(st.integers(9970, 9999), min_size=1, max_size=3), min_size=2, max_size=5))
def test_the_highest_is_named_alone_only_if_no_other_looks_as_high(hits: list[list[int]]) -> None:
    found = judge({depth: [each / 10_000 for each in several] for depth, several in enumerate(hits, 1)})
    shown = [f"{100 * fmean(each / 10_000 for each in several):.2f}" for several in hits]
    tied = [f"depth={depth}" for depth, text in enumerate(shown, 1) if text == max(shown)]
    assert found.best == tied
    assert ("the highest of" in found.answer[0]) == (len(tied) < len(hits))
    assert ("a tie" in found.answer[0]) == (1 < len(tied) < len(hits))


def test_accuracies_that_look_equal_are_equal() -> None:
    assert equal(0.97501, 0.97504)
    assert not equal(0.97504, 0.97506)


def test_groups_displayed_as_high_as_the_highest_are_leaders() -> None:
    groups = [of_depth(depth, [mean]) for depth, mean in enumerate((0.97, 0.97501, 0.97504), 1)]
    assert leaders(groups) == groups[1:]
    assert leaders([]) == []
    here, elsewhere = (
        group({"dataset": name}, [test], datasets=[name])
        for name, test in (("mnist", 0.99), ("clothes", 0.9))
    )
    assert leaders([here, elsewhere]) == []
