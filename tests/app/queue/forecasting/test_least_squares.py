"""Least squares for a handful of unknowns."""

import pytest

from app.queue.forecasting.least_squares import factors, form, inverse_of, weighted_median


def test_consistent_rows_are_fitted_exactly() -> None:
    rows = [[0.5, 0.0], [0.0, 0.25], [0.25, 0.125]]
    found, _ = factors(rows, [1, 1, 1], hold=0)
    assert found == pytest.approx([2, 4])


def test_a_factor_without_data_stays_at_one() -> None:
    found, inverse = factors([[0.5, 0.0]], [1], hold=1e-6)
    assert found == pytest.approx([2, 1], rel=1e-4)
    assert inverse[1][1] == pytest.approx(1e6)
    assert inverse[0][0] == pytest.approx(4, rel=1e-4)


def test_a_row_without_weight_has_no_effect() -> None:
    assert factors([[0.5], [5.0]], [1, 0], hold=0)[0] == pytest.approx([2])


def test_no_factor_is_negative() -> None:
    rows = [[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]]
    found, inverse = factors([[a / y, b / y] for (a, b), y in zip(rows, (3, 2, 1), strict=True)], [1] * 3, 0)
    assert found[1] == 0
    assert found[0] > 0
    assert inverse[0][1] == inverse[1][0] == 0


def test_the_inverse_is_one() -> None:
    assert inverse_of([[4, 1], [1, 3]]) == [
        pytest.approx([3 / 11, -1 / 11]),
        pytest.approx([-1 / 11, 4 / 11]),
    ]
    assert form([[4, 1], [1, 3]], [1, 2]) == 20


@pytest.mark.parametrize(
    ("values", "middle"),
    [
        ([(5, 1)], 5),
        ([(1, 1), (9, 1), (2, 1)], 2),
        ([(1, 1), (2, 1), (4, 1), (90, 1)], 3),
        ([(1, 1), (2, 5), (90, 1)], 2),
    ],
)
def test_the_median_lies_in_the_middle_of_the_weight(
    values: list[tuple[float, float]], middle: float
) -> None:
    assert weighted_median(values) == middle
