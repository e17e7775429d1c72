"""Numbers and names in sentences."""

import pytest

from app.prose import in_percent, in_points, listed, probability, seeds


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.00123, "+0.12 pp"), (-0.00123, "−0.12 pp"), (0.0, "0.00 pp"), (-0.00001, "0.00 pp")],
)
def test_points_have_a_sign_unless_they_are_none(value: float, text: str) -> None:
    assert in_points(value) == text


def test_counts_and_shares() -> None:
    assert (seeds(1), seeds(3)) == ("1 seed", "3 seeds")
    assert (in_percent(0.97265), in_percent(1.0)) == ("97.27 %", "100.00 %")


@pytest.mark.parametrize(
    ("p", "text"),
    [
        (0.0004, "p < 0.001"),
        (0.0123, "p = 0.012"),
        (0.234, "p = 0.23"),
        (0.0499, "p = 0.0499"),
        (0.0504, "p = 0.0504"),
        (0.04999999, "p = 0.04999999"),
        (0.05, "p = 0.05"),
        (1.0, "p = 1.00"),
    ],
)
def test_a_p_value_shows_on_which_side_of_five_percent_it_lies(p: float, text: str) -> None:
    assert probability(p) == text


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        ([], ""),
        (["1 layer"], "1 layer"),
        (["1 layer", "2 layers", "3 layers"], "1, 2 and 3 layers"),
        (["lr 0.1", "lr 0.2"], "lr 0.1 and lr 0.2"),
        (["2 layers, lr 0.1", "2 layers, lr 0.2"], "2 layers, lr 0.1; and 2 layers, lr 0.2"),
        ([f"lr {n}" for n in range(8)], "lr 0, lr 1, lr 2, lr 3, lr 4, lr 5 and 2 more"),
    ],
)
def test_names_are_listed(labels: list[str], text: str) -> None:
    assert listed(labels) == text
