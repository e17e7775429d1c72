"""What a comparison says in words."""

from collections.abc import Mapping, Sequence
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from app.compare.pairs import Sample
from app.compare.verdict import verdict
from app.formats import plural
from app.prose import Noun
from app.schemas.comparison import Verdict

APART = {1: [0.92, 0.921, 0.922], 2: [0.971, 0.972, 0.973]}
CLOSE = {3: [0.9780, 0.9800, 0.9790], 4: [0.9795, 0.9815, 0.9790]}


def judge(test: Mapping[int, Sequence[float]], train: Mapping[int, Sequence[float]] | None = None) -> Verdict:
    """The verdict on depths with these accuracies."""
    return verdict(
        [
            Sample(plural(depth, "layer"), values, (train or test)[depth], depth)
            for depth, values in test.items()
        ]
    )


LEARNING_RATES = Noun("learning rate", "learning rates")


def text_of(test: dict[int, list[float]], train: dict[int, list[float]] | None = None) -> str:
    return " ".join(judge(test, train).sentences)


def test_with_nothing_finished_there_is_nothing_to_judge() -> None:
    found = judge({})
    assert found.sentences == ["There is nothing to judge."]
    assert verdict([], nothing="No run finished.").answer == ["No run finished."]
    assert found.pairs == []


def test_one_depth_is_reported_and_not_compared() -> None:
    found = judge({3: [0.97, 0.98]})
    assert found.pairs == []
    sentence = "3 layers reached 97.50 % test accuracy on average (2 seeds); with only one depth "
    assert found.sentences == [f"{sentence}there is nothing to compare it with."]


def test_depths_far_apart_are_a_real_difference() -> None:
    found = judge(APART)
    pair = found.pairs[0]
    assert (pair.depths, pair.groups) == ((1, 2), ("1 layer", "2 layers"))
    assert pair.difference == pytest.approx(0.051)
    assert pair.different is True
    assert pair.more_seeds is None
    first, second = found.answer
    assert first.startswith("2 layers reached 97.20 % test accuracy on average (3 seeds), the highest of 2 ")
    assert first.endswith("that it is the best is as good as certain.")
    assert second == "It differs from 1 layer by more than chance."
    claim = "2 layers against 1: +5.10 pp test accuracy (95 % CI +4.87 pp to +5.33 pp; p < 0.001)"
    assert found.evidence[0] == f"{claim}: a real difference."


def test_depths_close_together_are_not_distinguished_and_it_is_said_what_would_settle_it() -> None:
    found = judge(CLOSE)
    (pair,) = found.pairs
    assert pair.different is False
    assert pair.more_seeds is not None
    assert "not distinguishable with 3 seeds" in found.evidence[0]
    assert found.probability_best is not None
    assert f"that it truly is the best is {found.probability_best[1]:.0%}".rstrip("%") in found.answer[0]
    assert found.answer[1] == "These seeds can't tell it from 3 layers: the differences may be luck."
    assert found.outlook[0].startswith(f"About {pair.more_seeds} more seeds each would likely settle it")
    assert (found.more_seeds, found.more_seeds_for) == (pair.more_seeds, ["3 layers", "4 layers"])


def test_the_best_is_told_apart_from_some_and_not_from_others() -> None:
    found = judge(APART | CLOSE)
    assert found.answer[1] == "It differs from 1 and 2 layers by more than chance, but not from 3 layers."


def test_the_best_is_shown_beside_every_other_and_neighbours_beside_each_other() -> None:
    found = judge({**APART, **CLOSE})
    shown = [sentence.partition(":")[0] for sentence in found.evidence[:5]]
    assert shown == [
        "2 layers against 1",
        "3 layers against 2",
        "4 layers against 3",
        "4 layers against 1",
        "4 layers against 2",
    ]
    needed = f"about {found.pairs[-1].more_seeds} more seeds each would likely settle it"
    assert found.evidence[2].endswith(f"not distinguishable with 3 seeds; {needed}.")
    assert "and each stands for its pair alone" in found.evidence[-1]


def test_where_the_best_is_clear_the_pair_that_is_nearest_to_be_settled_is_named() -> None:
    found = judge({1: CLOSE[3], 2: CLOSE[4], 3: [0.9990, 0.9991, 0.9992]})
    assert found.answer[1] == "It differs from 1 and 2 layers by more than chance."
    pair = found.pairs[0]
    assert pair.more_seeds
    needed = f"about {pair.more_seeds} more seeds each would likely settle it."
    assert found.outlook == [f"1 and 2 layers can't be told apart; {needed}"]
    assert (found.more_seeds, found.more_seeds_for) == (pair.more_seeds, ["1 layer", "2 layers"])


def test_differences_too_small_for_any_number_of_seeds_are_called_so() -> None:
    assert "not even 100 seeds would likely settle them" in text_of(
        {3: [0.9780, 0.9800, 0.9790], 4: [0.9781, 0.9801, 0.9790]}
    )


def test_a_fall_is_written_with_a_minus() -> None:
    assert "3 layers against 2: −1.00 pp" in text_of({2: [0.98], 3: [0.97]})


def test_single_seeds_are_called_no_evidence() -> None:
    found = judge({1: [0.92], 2: [0.97]})
    assert found.pairs[0].different is None
    assert found.pairs[0].ci95 is None
    assert found.probability_best is None
    assert "likely" not in " ".join(found.answer)
    assert found.answer == [
        "2 layers reached 97.00 % test accuracy with its only seed, the highest of 2 depths.",
        "With one seed each nobody can tell these differences from luck: add seeds.",
    ]
    assert found.evidence[0] == (
        "2 layers against 1: +5.00 pp test accuracy; with a single seed each no test is possible."
    )
    assert (found.more_seeds, found.more_seeds_for) == (2, ["1 layer", "2 layers"])


def test_a_single_seed_on_one_side_allows_no_test_of_that_pair_and_no_chance_of_being_best() -> None:
    found = judge({1: [0.92], 2: [0.97, 0.98], 3: [0.98, 0.975]})
    assert [pair.p is None for pair in found.pairs] == [True, True, False]
    assert found.probability_best is None
    assert found.outlook[0].startswith("How likely it is to be the best can't be said while a depth has")
    assert "with the single seed of 1 layer no test is possible" in found.evidence[0]
    assert found.more_seeds_for == ["1 layer"]


def test_what_the_best_can_not_be_tested_against_is_said() -> None:
    found = judge({**APART, 3: [0.96]})
    differs = "It differs from 1 layer by more than chance"
    assert found.answer[1] == f"{differs}; against 3 layers no test is possible."
    alone = judge({**APART, 3: [0.99]})
    assert alone.answer[1] == "Against 1 and 2 layers no test is possible."


def test_equal_seeds_on_both_sides_show_no_spread() -> None:
    found = judge({1: [0.9, 0.9], 2: [0.8, 0.8]})
    assert found.probability_best is None
    assert "neither shows any spread over its seeds, so there is no test to make" in found.evidence[0]
    assert "some seeds show no spread at all" in found.outlook[0]


def test_every_pair_is_listed_and_corrected_for_their_number() -> None:
    samples = {1: [0.92, 0.93], 2: [0.95, 0.97], 3: [0.96, 0.98]}
    found = judge(samples)
    assert [pair.depths for pair in found.pairs] == [(1, 2), (1, 3), (2, 3)]
    alone = judge({2: samples[2], 3: samples[3]}).pairs[0]
    together = found.pairs[2]
    assert alone.p is not None
    assert together.p is not None
    assert together.p >= alone.p
    assert together.ci95 == alone.ci95


def test_the_correction_is_told_where_there_is_one() -> None:
    assert "after correction for 3 comparisons" in text_of(APART | {3: [0.98, 0.981]})
    assert "correction" not in text_of(APART)


RISING = {3: [0.990, 0.991, 0.992], 5: [0.998, 0.999, 0.999]}


def test_overfitting_is_said_when_train_accuracy_rises_and_test_accuracy_surely_falls() -> None:
    test = {3: [0.9790, 0.9792, 0.9794], 5: [0.9740, 0.9742, 0.9744]}
    said = text_of(test, RISING)
    step = "From 3 layers to 5 layers train accuracy still rises (+0.77 pp) while test accuracy falls "
    assert f"{step}(−0.50 pp): more depth buys overfitting here." in said
    assert "overfitting" not in text_of(test, {3: RISING[5], 5: RISING[3]})
    assert "overfitting" not in text_of({3: test[5], 5: test[3]}, RISING)


def test_a_deepest_network_that_collapses_does_not_hide_overfitting_before_it() -> None:
    test = {3: [0.9790, 0.9792, 0.9794], 4: [0.9740, 0.9742, 0.9744], 5: [0.1, 0.4, 0.1]}
    said = text_of(test, {3: RISING[3], 4: RISING[5], 5: test[5]})
    assert "From 3 layers to 4 layers train accuracy still rises (+0.77 pp) while test accuracy falls" in said


def test_a_fall_of_test_accuracy_that_may_be_luck_is_no_overfitting() -> None:
    said = text_of({3: [0.978, 0.980, 0.979], 5: [0.976, 0.978, 0.977]}, RISING)
    assert "overfitting" not in said
    assert "still rises (+0.77 pp), but no gain in test accuracy can be shown (−0.20 pp)." in said


def test_a_rise_of_train_accuracy_counts_only_if_it_stands_among_all_pairs() -> None:
    test = {3: [0.9790, 0.9792, 0.9794], 4: [0.9740, 0.9742, 0.9744], 5: [0.9740, 0.9742, 0.9745]}
    train = {3: [0.9900, 0.9910, 0.9920], 4: [0.9914, 0.9924, 0.9934], 5: [0.9923, 0.9933, 0.9944]}
    assert 0.025 < stats.ttest_ind(train[3], train[5], equal_var=False).pvalue < 0.05
    assert "overfitting" in text_of({3: test[3], 5: test[5]}, train)
    assert "train accuracy" not in text_of(test, train)


def test_a_train_accuracy_without_any_spread_gets_a_sentence_and_no_test() -> None:
    found = text_of(CLOSE, {3: [0.99, 0.991, 0.992], 4: [1.0, 1.0, 1.0]})
    assert "4 layers read every training image with every seed: there is no spread there to test." in found


def test_other_groups_than_depths_are_named_by_their_labels() -> None:
    found = verdict(
        [Sample("lr 0.01", [0.92, 0.93], [0.9, 0.9]), Sample("lr 0.1", [0.95, 0.96], [0.9, 0.9])],
        LEARNING_RATES,
    )
    assert found.pairs[0].depths is None
    assert "the highest of 2 learning rates" in found.answer[0]
    assert found.evidence[0].startswith("lr 0.1 against lr 0.01: +3.00 pp")


def lr(label: str, test: Sequence[float], seeds: Sequence[int], sizes: Sequence[int] = (784, 10)) -> Sample:
    """Runs of one architecture that a comparison by learning rate puts together."""
    return Sample(label, test, test, None, sizes, seeds)


def test_the_same_architecture_and_seeds_are_compared_seed_by_seed() -> None:
    one = lr("lr 0.1", [0.90, 0.95, 0.93], [0, 1, 2])
    other = lr("lr 0.2", [0.94, 0.912, 0.961], [2, 0, 1])
    found = verdict([one, other], LEARNING_RATES)
    expected = stats.ttest_rel([0.912, 0.961, 0.94], [0.90, 0.95, 0.93])
    (pair,) = found.pairs
    assert pair.paired
    assert pair.p == pytest.approx(expected.pvalue)
    assert pair.ci95 == pytest.approx(expected.confidence_interval())
    assert ", seed by seed; p = " in " ".join(found.evidence)


@pytest.mark.parametrize(
    "other",
    [
        lr("lr 0.2", [0.94, 0.912, 0.961], [2, 0, 3]),
        lr("lr 0.2", [0.94, 0.912, 0.961], [0, 1, 2], (784, 512, 10)),
        lr("lr 0.2", [0.94, 0.912], [0, 1]),
        lr("lr 0.2", [0.94, 0.912, 0.961], [0, 1, 2], ()),
    ],
)
def test_other_seeds_or_architectures_are_not_paired(other: Sample) -> None:
    one = lr("lr 0.1", [0.90, 0.95, 0.93], [0, 1, 2], other.layer_sizes and (784, 10))
    (pair,) = verdict([one, other], LEARNING_RATES).pairs
    assert pair.p == pytest.approx(stats.ttest_ind(other.test, one.test, equal_var=False).pvalue)
    assert not pair.paired


def test_a_p_below_five_percent_alone_is_not_enough_among_many_pairs() -> None:
    samples = {
        1: [0.9780, 0.9790, 0.9800],
        2: [0.9800, 0.9812, 0.9820],
        3: [0.9790, 0.9800, 0.9806],
        4: [0.9789, 0.9801, 0.9803],
        5: [0.9792, 0.9800, 0.9805],
    }
    lone = judge({1: samples[1], 2: samples[2]}).pairs[0]
    assert lone.different is (lone.p is not None and lone.p < 0.05)
    assert judge(samples).pairs[0].different is False


def test_a_sentence_shows_the_probability_that_its_judgement_rests_on() -> None:
    samples = {1: [0.90, 0.91], 2: [0.93, 0.935], 3: [0.94, 0.945]}
    found = judge(samples)
    pair = next(pair for pair in found.pairs if pair.depths == (1, 2))
    assert pair.p is not None
    assert pair.different is (pair.p < 0.05)
    sentence = next(each for each in found.evidence if each.startswith("2 layers against 1"))
    assert f"p = {pair.p:.2f} after correction for 3 comparisons" in sentence


def test_paired_groups_are_judged_by_their_differences_in_probability_too() -> None:
    one = lr("lr 0.05", [0.9700, 0.9760, 0.9820, 0.9790], [0, 1, 2, 3])
    other = lr("lr 0.1", [0.9710, 0.9771, 0.9829, 0.9801], [0, 1, 2, 3])
    found = verdict([one, other], LEARNING_RATES)
    assert found.pairs[0].different
    assert found.probability_best is not None
    assert found.probability_best[1] > 0.99
    apart = verdict([lr("a", one.test, [0, 1, 2, 3]), lr("b", other.test, [4, 5, 6, 7])], LEARNING_RATES)
    assert apart.probability_best is not None
    assert apart.probability_best[1] < 0.7


def test_it_is_as_good_as_certain_only_if_the_tests_agree() -> None:
    samples = {depth: [0.95 + depth / 1e4, 0.951 + depth / 1e4] for depth in range(1, 5)}
    found = judge(samples | {5: [0.980, 0.9803]})
    undecided = [pair for pair in found.pairs if "5 layers" in pair.groups and not pair.different]
    assert undecided
    assert "as good as certain" not in found.answer[0]
    assert found.probability_best is not None
    if found.probability_best[4] > 0.995:
        assert "more than 99 % likely" in found.answer[0]


def test_a_difference_that_is_the_same_with_every_seed_is_called_so() -> None:
    one, other = lr("lr 0.05", [0.91, 0.92, 0.93], [0, 1, 2]), lr("lr 0.1", [0.92, 0.93, 0.94], [0, 1, 2])
    found = verdict([one, other], LEARNING_RATES)
    assert (found.pairs[0].p, found.probability_best) == (None, None)
    assert "the difference is the same with every seed" in found.evidence[0]


def mixing(label: str, test: Sequence[float]) -> Sample:
    """Runs of two seeds whose learning rates differ."""
    return Sample(label, test, test, seeds=[0, 1] * (len(test) // 2), mixed=["lr"])


def test_groups_that_mix_configurations_are_not_tested_and_it_is_said_what_to_do() -> None:
    one, other = mixing("1 layer", [0.92, 0.93, 0.94, 0.95]), mixing("2 layers", [0.96, 0.961, 0.962, 0.963])
    found = verdict([one, other])
    (pair,) = found.pairs
    assert (pair.p, pair.ci95, pair.different, pair.more_seeds) == (None, None, None, None)
    assert (found.probability_best, found.more_seeds, found.outlook) == (None, None, [])
    first, second = found.answer
    assert first.endswith("test accuracy on average (4 runs of 2 seeds), the highest of 2 depths.")
    assert second.startswith(
        "Whether that is luck can't be tested, for the runs of 1 and 2 layers differ in lr"
    )
    assert second.endswith("split by lr.")
    assert "so there is no test: split by lr" in found.evidence[0]
    assert not [sentence for sentence in found.evidence if "Intervals" in sentence]


def test_what_read_other_images_is_neither_better_nor_worse() -> None:
    digits = Sample("mnist", [0.98, 0.981], [1, 1], datasets=["mnist"])
    clothes = Sample("clothes", [0.88, 0.881], [1, 1], datasets=["clothes"])
    found = verdict([clothes, digits])
    assert (found.pairs[0].p, found.probability_best) == (None, None)
    (answer,) = found.answer
    assert answer.startswith("These runs read different images (clothes and mnist)")


def test_the_same_architecture_and_seeds_on_other_images_are_not_paired() -> None:
    ones, others = ([0.92, 0.93, 0.95], [0.82, 0.84, 0.85])
    samples = [
        Sample(name, values, values, None, (784, 10), [0, 1, 2], datasets=[name])
        for name, values in (("clothes", others), ("mnist", ones))
    ]
    (pair,) = verdict(samples).pairs
    assert (pair.paired, pair.p, pair.ci95, pair.different) == (False, None, None, None)
    assert pair.untested == "they read different images, so there is nothing to test"


def test_while_runs_are_to_come_it_is_so_far() -> None:
    samples = [Sample(plural(depth, "layer"), values, values, depth) for depth, values in APART.items()]
    assert verdict(samples, unfinished=True).answer[0].startswith("So far 2 layers reached 97.20 %")


def keyed(depth: int, rate: float, test: Sequence[float]) -> Sample:
    """A group of a comparison by depth and learning rate."""
    return Sample(f"{depth} layers, lr {rate}", test, test, key={"depth": depth, "lr": rate})


def test_groups_of_two_hyperparameters_are_compared_where_they_differ_in_one() -> None:
    found = verdict([keyed(depth, rate, [0.95, 0.96]) for depth in (2, 3) for rate in (0.05, 0.1)])
    compared = [sentence.partition(":")[0] for sentence in found.evidence[:4]]
    assert compared == [
        "3 layers, lr 0.05 against 2 layers, lr 0.05",
        "3 layers, lr 0.1 against 2 layers, lr 0.1",
        "2 layers, lr 0.1 against 2 layers, lr 0.05",
        "3 layers, lr 0.1 against 3 layers, lr 0.05",
    ]


PERFECT = [1.0, 1.0]


@pytest.mark.parametrize(
    ("test", "answer"),
    [
        (
            {1: PERFECT, 2: PERFECT, 3: PERFECT},
            (
                "1, 2 and 3 layers all reached 100.00 % test accuracy on average (2 seeds each): none is "
                "better than another."
            ),
        ),
        (
            {1: [0.1], 2: [0.1]},
            (
                "1 and 2 layers both reached 10.00 % test accuracy with one seed each: none is better than "
                "the other."
            ),
        ),
        (
            {3: [0.97, 0.98], 4: [0.98, 0.97, 0.975]},
            "3 and 4 layers both reached 97.50 % test accuracy on average: none is better than the other.",
        ),
        (  # equal as shown
            {3: [0.97, 0.98], 4: [0.97, 0.98002]},
            (
                "3 and 4 layers both reached 97.50 % test accuracy on average (2 seeds each): none is better "
                "than the other."
            ),
        ),
    ],
)
def test_where_all_are_equal_as_shown_none_is_the_highest(test: dict[int, list[float]], answer: str) -> None:
    found = judge(test)
    assert found.answer == [answer]
    assert found.best == [plural(depth, "layer") for depth in test]
    assert not [sentence for sentence in found.sentences if "highest" in sentence or "best" in sentence]


def test_a_tie_for_first_is_called_one_and_judged_against_the_others() -> None:
    found = judge({**APART, 3: [0.971, 0.972, 0.973]})
    assert found.answer == [
        (
            "2 and 3 layers both reached 97.20 % test accuracy on average (3 seeds each), the highest of 3 "
            "depths: a tie."
        ),
        "Each differs from 1 layer by more than chance.",
    ]
    assert found.best == ["2 layers", "3 layers"]
    assert not any("settle" in sentence for sentence in found.sentences)  # there is nothing between them
    shown = [sentence.partition(":")[0] for sentence in found.evidence[:3]]
    assert shown == ["2 layers against 1", "3 layers against 2", "3 layers against 1"]


def test_those_that_tie_are_told_apart_from_another_only_if_each_is() -> None:
    test = {1: [0.92, 0.93, 0.925], 2: [0.971, 0.972, 0.973], 3: [0.90, 1.0, 1.016], 4: [0.96]}
    found = judge(test)
    assert found.best == ["2 layers", "3 layers"]
    assert found.answer[1] == (
        "These seeds can't tell each of them from 1 layer: the differences may be luck; against 4 layers "
        "not each can be tested."
    )


def test_a_difference_too_small_to_show_is_still_a_tie_and_its_size_is_told() -> None:
    found = judge({1: [0.971209, 0.97121, 0.971211], 2: [0.971239, 0.97124, 0.971241]})
    assert found.pairs[0].different
    assert found.answer[0].startswith("1 and 2 layers both reached 97.12 %")
    assert ": a real difference, of less than 0.01 pp" in found.evidence[0]


def test_one_alone_is_the_best_and_of_several_data_sets_none() -> None:
    assert judge(APART).best == ["2 layers"]
    assert judge({}).best == []
    samples = [Sample(name, [0.9, 0.9], [1, 1], datasets=[name]) for name in ("clothes", "mnist")]
    assert verdict(samples).best == []


@given(st.lists(st.lists(st.integers(9970, 9999), min_size=1, max_size=3), min_size=2, max_size=5))
def test_the_highest_is_named_alone_only_where_no_other_is_shown_as_high(hits: list[list[int]]) -> None:
    found = judge({depth: [each / 10_000 for each in group] for depth, group in enumerate(hits, 1)})
    shown = [f"{100 * fmean(each / 10_000 for each in group):.2f}" for group in hits]
    tied = [plural(depth, "layer") for depth, text in enumerate(shown, 1) if text == max(shown)]
    assert found.best == tied
    assert ("the highest of" in found.answer[0]) == (len(tied) < len(hits))
    assert ("a tie" in found.answer[0]) == (1 < len(tied) < len(hits))


@given(st.lists(st.lists(st.integers(9000, 9999), min_size=1, max_size=4), min_size=1, max_size=5))
def test_the_answer_is_one_or_two_sentences(hits: list[list[int]]) -> None:
    found = judge({depth: [each / 10_000 for each in group] for depth, group in enumerate(hits, 1)})
    assert 1 <= len(found.answer) <= 2
