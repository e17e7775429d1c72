"""The sentences that a verdict rests on."""

from scipy import stats

from app.compare.verdict import verdict
from tests.app.compare.judged import APART, CLOSE, LEARNING_RATES, judge, keyed, lr, text_of


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
    needed = f"about {found.pairs[-1].more_seeds} more seeds each would likely show whether they differ"
    assert found.evidence[2].endswith(f"no significant difference with 3 seeds; {needed}.")
    assert found.evidence[5] == "1 further pair is tested but not listed; the JSON has it."
    assert "and are not corrected for multiple comparisons" in found.evidence[-1]


def test_negative_differences_have_a_minus_sign() -> None:
    assert "3 layers against 2: −1.00 pp" in text_of({2: [0.98], 3: [0.97]})


def test_the_evidence_mentions_the_correction_if_there_is_one() -> None:
    assert "after correction for 3 comparisons" in text_of(APART | {3: [0.98, 0.981]})
    assert "correction" not in text_of(APART)


RISING = {3: [0.990, 0.991, 0.992], 5: [0.998, 0.999, 0.999]}


def test_overfitting_is_reported_if_train_accuracy_rises_and_test_accuracy_falls_significantly() -> None:
    test = {3: [0.9790, 0.9792, 0.9794], 5: [0.9740, 0.9742, 0.9744]}
    said = text_of(test, RISING)
    step = "From 3 layers to 5 layers train accuracy still rises (+0.77 pp) while test accuracy falls "
    assert f"{step}(−0.50 pp): more depth buys overfitting here." in said
    assert "overfitting" not in text_of(test, {3: RISING[5], 5: RISING[3]})
    assert "overfitting" not in text_of({3: test[5], 5: test[3]}, RISING)


def test_a_collapse_of_the_deepest_network_does_not_hide_overfitting() -> None:
    test = {3: [0.9790, 0.9792, 0.9794], 4: [0.9740, 0.9742, 0.9744], 5: [0.1, 0.4, 0.1]}
    said = text_of(test, {3: RISING[3], 4: RISING[5], 5: test[5]})
    assert "From 3 layers to 4 layers train accuracy still rises (+0.77 pp) while test accuracy falls" in said


def test_an_insignificant_fall_of_test_accuracy_is_not_overfitting() -> None:
    said = text_of({3: [0.978, 0.980, 0.979], 5: [0.976, 0.978, 0.977]}, RISING)
    assert "overfitting" not in said
    assert "still rises (+0.77 pp), but no gain in test accuracy can be shown (−0.20 pp)." in said


def test_a_rise_of_train_accuracy_counts_only_if_significant_after_correction() -> None:
    test = {3: [0.9790, 0.9792, 0.9794], 4: [0.9740, 0.9742, 0.9744], 5: [0.9740, 0.9742, 0.9745]}
    train = {3: [0.9900, 0.9910, 0.9920], 4: [0.9914, 0.9924, 0.9934], 5: [0.9923, 0.9933, 0.9944]}
    assert 0.025 < stats.ttest_ind(train[3], train[5], equal_var=False).pvalue < 0.05
    assert "overfitting" in text_of({3: test[3], 5: test[5]}, train)
    assert "train accuracy" not in text_of(test, train)


def test_a_train_accuracy_without_spread_is_reported_without_a_test() -> None:
    found = text_of(CLOSE, {3: [0.99, 0.991, 0.992], 4: [1.0, 1.0, 1.0]})
    assert "4 layers classify every training image correctly with every seed, so train accuracy" in found


def test_a_sentence_shows_the_probability_behind_its_judgement() -> None:
    samples = {1: [0.90, 0.91], 2: [0.93, 0.935], 3: [0.94, 0.945]}
    found = judge(samples)
    pair = next(pair for pair in found.pairs if pair.depths == (1, 2))
    assert pair.p is not None
    assert pair.different is (pair.p < 0.05)
    sentence = next(each for each in found.evidence if each.startswith("2 layers against 1"))
    assert f"p = {pair.p:.2f} after correction for 3 comparisons" in sentence


def test_evidence_says_that_a_difference_is_the_same_with_every_seed() -> None:
    one, other = lr("lr 0.05", [0.91, 0.92, 0.93], [0, 1, 2]), lr("lr 0.1", [0.92, 0.93, 0.94], [0, 1, 2])
    found = verdict([one, other], LEARNING_RATES)
    assert (found.pairs[0].p, found.probability_best) == (None, None)
    assert "the difference is the same with every seed" in found.evidence[0]


def test_groups_of_two_hyperparameters_are_compared_where_they_differ_in_one() -> None:
    found = verdict([keyed(depth, rate, [0.95, 0.96]) for depth in (2, 3) for rate in (0.05, 0.1)])
    compared = [sentence.partition(":")[0] for sentence in found.evidence[:4]]
    assert compared == [
        "3 layers, lr 0.05 against 2 layers, lr 0.05",
        "3 layers, lr 0.1 against 2 layers, lr 0.1",
        "2 layers, lr 0.1 against 2 layers, lr 0.05",
        "3 layers, lr 0.1 against 3 layers, lr 0.05",
    ]
