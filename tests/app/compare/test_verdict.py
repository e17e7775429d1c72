"""What a comparison says in words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.compare.verdict import verdict
from tests.app.compare.judged import APART, CLOSE, LEARNING_RATES, group, judge, lr, mixing, of_depth, text_of


def test_the_verdict_without_results_says_so() -> None:
    found = judge({})
    assert found.sentences == ["There are no results to compare."]
    assert verdict([], nothing="No run finished.").answer == ["No run finished."]
    assert found.pairs == []


def test_one_depth_is_reported_and_not_compared() -> None:
    found = judge({3: [0.97, 0.98]})
    assert found.pairs == []
    sentence = "3 layers reached 97.50 % test accuracy on average (2 seeds); with only one depth "
    assert found.sentences == [f"{sentence}there is nothing to compare it with."]


def test_depths_far_apart_differ_significantly() -> None:
    found = judge(APART)
    pair = found.pairs[0]
    assert (pair.depths, pair.groups) == ((1, 2), ("1 layer", "2 layers"))
    assert pair.difference == pytest.approx(0.051)
    assert pair.different is True
    assert pair.more_seeds is None
    first, second = found.answer
    assert first.startswith("2 layers reached 97.20 % test accuracy on average (3 seeds), the highest of 2 ")
    assert first.endswith("> 99 % likely to be the best.")
    assert second == "It differs significantly from 1 layer."
    claim = "2 layers against 1: +5.10 pp test accuracy (95 % CI +4.87 pp to +5.33 pp; p < 0.001)"
    assert found.evidence[0] == f"{claim}: a significant difference."


def test_close_depths_are_undecided_and_the_number_of_seeds_is_suggested() -> None:
    found = judge(CLOSE)
    (pair,) = found.pairs
    assert pair.different is False
    assert pair.more_seeds is not None
    assert "no significant difference with 3 seeds" in found.evidence[0]
    assert found.probability_best is not None
    assert f"; {100 * found.probability_best[1]:.0f} % likely to be the best" in found.answer[0]
    assert found.answer[1] == "There is no significant difference from 3 layers."
    needed = f"About {pair.more_seeds} more seeds per depth would likely show whether 3 and 4 layers differ"
    assert found.outlook == [f"{needed}, if the true difference equals the observed one."]
    assert (found.more_seeds, found.more_seeds_for) == (pair.more_seeds, ["3 layers", "4 layers"])


def test_the_best_differs_significantly_from_some_groups_only() -> None:
    found = judge(APART | CLOSE)
    assert found.answer[1] == (
        "It differs significantly from 1 and 2 layers; there is no significant difference from 3 layers."
    )


def test_if_the_best_is_clear_seeds_are_suggested_for_the_closest_open_pair() -> None:
    found = judge({1: CLOSE[3], 2: CLOSE[4], 3: [0.9990, 0.9991, 0.9992]})
    assert found.answer[1] == "It differs significantly from 1 and 2 layers."
    pair = found.pairs[0]
    assert pair.more_seeds
    needed = f"About {pair.more_seeds} more seeds per depth would likely show whether 1 and 2 layers differ"
    assert found.outlook == [f"{needed}, if the true difference equals the observed one."]
    assert (found.more_seeds, found.more_seeds_for) == (pair.more_seeds, ["1 layer", "2 layers"])


def test_differences_too_small_for_any_number_of_seeds_are_called_so() -> None:
    assert "even 100 seeds would probably not show them" in text_of(
        {3: [0.9780, 0.9800, 0.9790], 4: [0.9781, 0.9801, 0.9790]}
    )


def test_single_seeds_are_called_no_evidence() -> None:
    found = judge({1: [0.92], 2: [0.97]})
    assert found.pairs[0].different is None
    assert found.pairs[0].ci95 is None
    assert found.probability_best is None
    assert "likely" not in " ".join(found.answer)
    assert found.answer == [
        "2 layers reached 97.00 % test accuracy with its only seed, the highest of 2 depths.",
        "With one seed each, the differences can't be tested: add seeds.",
    ]
    assert found.evidence[0] == (
        "2 layers against 1: +5.00 pp test accuracy; with a single seed each no test is possible."
    )
    assert (found.more_seeds, found.more_seeds_for) == (2, ["1 layer", "2 layers"])


def test_a_group_with_one_seed_has_no_test_and_no_probability_of_being_best() -> None:
    found = judge({1: [0.92], 2: [0.97, 0.98], 3: [0.98, 0.975]})
    assert [pair.p is None for pair in found.pairs] == [True, True, False]
    assert found.probability_best is None
    assert found.outlook[0].startswith("P(best) can't be computed: a depth has")
    assert "with the single seed of 1 layer no test is possible" in found.evidence[0]
    assert found.more_seeds_for == ["1 layer"]


def test_the_verdict_names_groups_that_the_best_cannot_be_tested_against() -> None:
    found = judge({**APART, 3: [0.96]})
    differs = "It differs significantly from 1 layer"
    assert found.answer[1] == f"{differs}; no test against 3 layers is possible."
    alone = judge({**APART, 3: [0.99]})
    assert alone.answer[1] == "No test against 1 and 2 layers is possible."


def test_other_groups_than_depths_are_named_by_their_labels() -> None:
    found = verdict(
        [lr("lr 0.01", [0.92, 0.93]), lr("lr 0.1", [0.95, 0.96])],
        LEARNING_RATES,
    )
    assert found.pairs[0].depths is None
    assert "the highest of 2 learning rates" in found.answer[0]
    assert found.evidence[0].startswith("lr 0.1 against lr 0.01: +3.00 pp")


def test_paired_groups_are_judged_by_their_differences_in_probability_too() -> None:
    one = lr("lr 0.05", [0.9700, 0.9760, 0.9820, 0.9790], [0, 1, 2, 3])
    other = lr("lr 0.1", [0.9710, 0.9771, 0.9829, 0.9801], [0, 1, 2, 3])
    found = verdict([one, other], LEARNING_RATES)
    assert found.pairs[0].different
    assert found.probability_best is not None
    assert found.probability_best[1] > 0.99
    apart = verdict(
        [lr("a", one.test_accuracies, [0, 1, 2, 3]), lr("b", other.test_accuracies, [4, 5, 6, 7])],
        LEARNING_RATES,
    )
    assert apart.probability_best is not None
    assert apart.probability_best[1] < 0.7


def test_probabilities_are_never_shown_as_certain() -> None:
    found = judge({1: [0.90, 0.901, 0.902], 2: [0.98, 0.981, 0.982]})
    assert found.probability_best is not None
    assert found.probability_best[1] > 0.995
    assert found.answer[0].endswith("> 99 % likely to be the best.")


def test_groups_of_mixed_configurations_are_not_tested_and_the_remedy_is_given() -> None:
    one, other = mixing("1 layer", [0.92, 0.93, 0.94, 0.95]), mixing("2 layers", [0.96, 0.961, 0.962, 0.963])
    found = verdict([one, other])
    (pair,) = found.pairs
    assert (pair.p, pair.ci95, pair.different, pair.more_seeds) == (None, None, None, None)
    assert (found.probability_best, found.more_seeds, found.outlook) == (None, None, [])
    first, second = found.answer
    assert first.endswith("test accuracy on average (4 runs of 2 seeds), the highest of 2 depths.")
    assert second.startswith(
        "No test is possible, because the runs of 1 and 2 layers differ in learning rate"
    )
    assert second.endswith("split by learning rate.")
    assert "so there is no test: split by learning rate" in found.evidence[0]
    assert not [sentence for sentence in found.evidence if "Intervals" in sentence]


def test_groups_on_different_images_are_not_ranked() -> None:
    digits = group({"dataset": "mnist"}, [0.98, 0.981], datasets=["mnist"])
    clothes = group({"dataset": "clothes"}, [0.88, 0.881], datasets=["clothes"])
    found = verdict([clothes, digits])
    assert (found.pairs[0].p, found.probability_best) == (None, None)
    (answer,) = found.answer
    assert answer.startswith("These runs used different images (clothes and mnist)")


def test_the_verdict_of_unfinished_runs_begins_with_so_far() -> None:
    groups = [of_depth(depth, values) for depth, values in APART.items()]
    assert verdict(groups, unfinished=True).answer[0].startswith("So far 2 layers reached 97.20 %")


@given(st.lists(st.lists(st.integers(9000, 9999), min_size=1, max_size=4), min_size=1, max_size=5))
def test_the_answer_is_one_or_two_sentences(hits: list[list[int]]) -> None:
    found = judge({depth: [each / 10_000 for each in several] for depth, several in enumerate(hits, 1)})
    assert 1 <= len(found.answer) <= 2
