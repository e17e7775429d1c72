"""What a comparison says in words."""

from collections.abc import Mapping, Sequence

import pytest
from scipy import stats

from app.answers import Verdict
from app.formats import plural
from app.verdict import Sample, percent, points, seeds, verdict

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


def text_of(test: dict[int, list[float]], train: dict[int, list[float]] | None = None) -> str:
    return " ".join(judge(test, train).sentences)


def test_with_nothing_finished_there_is_nothing_to_judge() -> None:
    found = judge({})
    assert found.sentences == ["No run has finished yet, so there is nothing to judge."]
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
    assert found.answer[2].startswith(f"About {pair.more_seeds} more seeds each would likely settle it")


def test_the_best_is_told_apart_from_some_and_not_from_others() -> None:
    found = judge(APART | CLOSE)
    assert found.answer[1] == "It differs from 1 and 2 layers by more than chance, but not from 3 layers."


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
    assert found.answer[-1].startswith("With one seed nobody can tell")
    assert "no test is possible" in found.evidence[0]


def test_a_single_seed_on_one_side_allows_no_test_of_that_pair_and_no_chance_of_being_best() -> None:
    found = judge({1: [0.92], 2: [0.97, 0.98], 3: [0.98, 0.97]})
    assert [pair.p is None for pair in found.pairs] == [True, True, False]
    assert found.probability_best is None
    assert found.answer[-1].startswith("How likely it is to be the best can't be said while a depth has")


def test_equal_seeds_on_both_sides_show_no_spread() -> None:
    assert "show no spread at all" in text_of({1: [0.9, 0.9], 2: [0.8, 0.8]})


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


def test_overfitting_is_said_when_train_accuracy_rises_and_test_accuracy_does_not() -> None:
    test = {3: [0.978, 0.980, 0.979], 5: [0.976, 0.978, 0.977]}
    rising = {3: [0.990, 0.991, 0.992], 5: [0.998, 0.999, 0.999]}
    said = text_of(test, rising)
    assert (
        "From 3 layers to 5 layers train accuracy still rises (+0.77 pp) while test accuracy does n" in said
    )
    assert "not (−0.20 pp): more depth buys overfitting" in said
    assert "overfitting" not in text_of(test, {3: rising[5], 5: rising[3]})
    assert "overfitting" not in text_of({3: test[5], 5: test[3]}, rising)


def test_a_train_accuracy_without_any_spread_gets_a_sentence_and_no_test() -> None:
    found = text_of(CLOSE, {3: [0.99, 0.991, 0.992], 4: [1.0, 1.0, 1.0]})
    assert "4 layers read every training image with every seed: there is no spread there to test." in found


def test_other_groups_than_depths_are_named_by_their_labels() -> None:
    found = verdict(
        [Sample("lr 0.01", [0.92, 0.93], [0.9, 0.9]), Sample("lr 0.1", [0.95, 0.96], [0.9, 0.9])],
        "learning rate",
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
    found = verdict([one, other], "learning rate")
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
    (pair,) = verdict([one, other], "learning rate").pairs
    assert pair.p == pytest.approx(stats.ttest_ind(other.test, one.test, equal_var=False).pvalue)
    assert not pair.paired


@pytest.mark.parametrize(
    ("value", "text"), [(0.00123, "+0.12 pp"), (-0.00123, "−0.12 pp"), (0.0, "+0.00 pp")]
)
def test_points_have_a_sign(value: float, text: str) -> None:
    assert points(value) == text


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


def test_words() -> None:
    assert (seeds(1), seeds(3)) == ("1 seed", "3 seeds")
    assert (percent(0.97265), percent(1.0)) == ("97.27 %", "100.00 %")


def test_a_sentence_shows_the_probability_that_its_judgement_rests_on() -> None:
    samples = {1: [0.90, 0.91], 2: [0.93, 0.935], 3: [0.94, 0.945]}
    found = judge(samples)
    pair = next(pair for pair in found.pairs if pair.depths == (1, 2))
    assert pair.p is not None
    assert pair.different is (pair.p < 0.05)
    sentence = next(each for each in found.evidence if each.startswith("2 layers against 1"))
    assert f"p = {pair.p:.2f} after correction for 3 comparisons" in sentence
