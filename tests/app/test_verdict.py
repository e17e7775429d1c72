"""What a comparison says in words."""

import pytest

from app.verdict import layers, percent, points, seeds, verdict

APART = {1: [0.92, 0.921, 0.922], 2: [0.971, 0.972, 0.973]}


def text_of(samples: dict[int, list[float]]) -> str:
    return " ".join(verdict(samples).sentences)


def test_with_nothing_finished_there_is_nothing_to_judge() -> None:
    found = verdict({})
    assert found.sentences == ["No run has finished yet, so there is nothing to judge."]
    assert found.pairs == []


def test_one_depth_is_reported_and_not_compared() -> None:
    found = verdict({3: [0.97, 0.98]})
    assert found.pairs == []
    sentence = "3 layers reached 97.50 % test accuracy on average (2 seeds); with only one depth "
    assert found.sentences == [f"{sentence}there is nothing to compare it with."]


def test_depths_far_apart_are_a_real_difference() -> None:
    found = verdict(APART)
    pair = found.pairs[0]
    assert pair.depths == (1, 2)
    assert pair.difference == pytest.approx(0.051)
    assert pair.different is True
    assert "2 layers reached 97.20 % test accuracy on average (3 seeds), the highest" in found.sentences[0]
    assert (
        "2 layers against 1: +5.10 pp test accuracy (95 % CI +4.87 pp to +5.33 pp; p < 0.001)"
        in found.sentences[1]
    )
    assert found.sentences[1].endswith("a real difference.")


def test_depths_close_together_are_not_distinguished() -> None:
    samples = {3: [0.978, 0.980, 0.979], 4: [0.979, 0.981, 0.978]}
    found = verdict(samples)
    assert found.pairs[0].different is False
    assert "not distinguishable with 3 seeds" in found.sentences[1]


def test_a_fall_is_written_with_a_minus() -> None:
    assert "3 layers against 2: −1.00 pp" in text_of({2: [0.98], 3: [0.97]})


def test_single_seeds_are_called_no_evidence() -> None:
    found = verdict({1: [0.92], 2: [0.97]})
    assert found.pairs[0].different is None
    assert found.pairs[0].ci95 is None
    assert "no test is possible" in found.sentences[1]
    assert found.sentences[-1].startswith("With one seed per depth nobody can tell")


def test_a_single_seed_on_one_side_allows_no_test_of_that_pair() -> None:
    found = verdict({1: [0.92], 2: [0.97, 0.98], 3: [0.98, 0.97]})
    assert [pair.p is None for pair in found.pairs] == [True, True, False]


def test_equal_seeds_on_both_sides_show_no_spread() -> None:
    assert "show no spread at all" in text_of({1: [0.9, 0.9], 2: [0.8, 0.8]})


def test_every_pair_is_listed_and_corrected_for_their_number() -> None:
    samples = {1: [0.92, 0.93], 2: [0.95, 0.97], 3: [0.96, 0.98]}
    found = verdict(samples)
    assert [pair.depths for pair in found.pairs] == [(1, 2), (1, 3), (2, 3)]
    alone = verdict({2: samples[2], 3: samples[3]}).pairs[0]
    together = found.pairs[2]
    assert alone.p is not None
    assert together.p is not None
    assert together.p >= alone.p
    assert together.ci95 == alone.ci95


def test_a_p_below_five_percent_alone_is_not_enough_among_many_pairs() -> None:
    samples = {
        1: [0.9780, 0.9790, 0.9800],
        2: [0.9800, 0.9812, 0.9820],
        3: [0.9790, 0.9800, 0.9806],
        4: [0.9789, 0.9801, 0.9803],
        5: [0.9792, 0.9800, 0.9805],
    }
    lone = verdict({1: samples[1], 2: samples[2]}).pairs[0]
    assert lone.different is (lone.p is not None and lone.p < 0.05)
    assert verdict(samples).pairs[0].different is False


def test_words() -> None:
    assert (layers(1), layers(3), seeds(1), seeds(3)) == ("1 layer", "3 layers", "1 seed", "3 seeds")
    assert (percent(0.97265), percent(1.0)) == ("97.27 %", "100.00 %")
    assert (points(0.002), points(-0.002)) == ("+0.20 pp", "−0.20 pp")


def test_a_sentence_shows_the_probability_that_its_judgement_rests_on() -> None:
    samples = {1: [0.90, 0.91], 2: [0.93, 0.935], 3: [0.94, 0.945]}
    found = verdict(samples)
    pair = next(pair for pair in found.pairs if pair.depths == (1, 2))
    assert pair.p is not None
    assert pair.different is (pair.p < 0.05)
    sentence = next(each for each in found.sentences if each.startswith("2 layers against 1"))
    assert f"p = {pair.p:.2f} after correction for 3 comparisons" in sentence
