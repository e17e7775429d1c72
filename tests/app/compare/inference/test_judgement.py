"""What intervals show."""

import pytest

from app.compare.inference.differences import Difference, Spread
from app.compare.inference.judgement import Rule

RULE = Rule(0.03, 10, margin=0.0025)


@pytest.mark.parametrize(
    ("interval", "answer", "exceeds"),
    [
        ((0.0001, 0.01), "better", False),
        ((0.0026, 0.01), "better", True),
        ((0.0001, 0.002), "better", False),
        ((-0.01, -0.0001), "worse", False),
        ((-0.01, -0.003), "worse", True),
        ((-0.0024, 0.0024), "equivalent", False),
        ((-0.0025, 0.001), "undecided", False),
        ((0.0, 0.001), "equivalent", False),
        ((-0.01, 0.01), "undecided", False),
    ],
)
def test_an_answer_follows_from_the_interval_alone(
    interval: tuple[float, float], answer: str, *, exceeds: bool
) -> None:
    assert RULE.answer(interval) == answer
    assert RULE.exceeds_margin(interval) is exceeds


def test_the_error_probability_is_shared_by_all_pairs() -> None:
    assert RULE.of_pair == pytest.approx(0.003)
    assert Rule(0.03, 0).of_pair == 0.03


def test_nothing_can_be_judged_without_an_error() -> None:
    assert RULE.interval(Difference(0.1, (Spread(0.0, 2), Spread(0.0, 2)))) is None
    assert RULE.interval(Difference(0.1, (Spread(0.0, 2),), 0.0)) == (0.1, 0.1)


@pytest.mark.parametrize(
    ("interval", "distance"), [((0.001, 0.01), 0.001), ((-0.01, -0.002), 0.002), ((-0.002, 0.001), 0.0005)]
)
def test_an_interval_has_a_distance_from_another_answer(
    interval: tuple[float, float], distance: float
) -> None:
    assert RULE.distance(interval) == pytest.approx(distance)
