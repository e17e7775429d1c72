"""Non-negative least squares for a few unknowns, in plain Python because importing NumPy takes 0.1 s."""

import math
from collections.abc import Sequence

Vector = Sequence[float]
Matrix = Sequence[Vector]


def factors(rows: Matrix, weights: Vector, hold: float) -> tuple[list[float], list[list[float]]]:
    """Returns non-negative factors that bring each row's sum nearest to 1, and the inverse normal matrix.

    Minimizes the squares weighted by `weights`, plus `hold` times the square of each factor's distance from
    1. A factor set to 0 because it would be negative has no correlation with the others.
    """
    size = len(rows[0])
    normal = [
        [
            sum(w * row[i] * row[j] for w, row in zip(weights, rows, strict=True)) + hold * (i == j)
            for j in range(size)
        ]
        for i in range(size)
    ]
    wanted = [sum(w * row[i] for w, row in zip(weights, rows, strict=True)) + hold for i in range(size)]
    free = list(range(size))
    while True:
        inverse = inverse_of([[normal[i][j] for j in free] for i in free])
        solution = {
            i: sum(entry * wanted[j] for entry, j in zip(row, free, strict=True))
            for i, row in zip(free, inverse, strict=True)
        }
        lowest = min(solution, key=lambda i: solution[i])
        if solution[lowest] >= 0:
            break
        free.remove(lowest)
    place = {i: index for index, i in enumerate(free)}
    full_inverse = [[0.0] * size for _ in range(size)]
    for i in range(size):
        if i not in place:
            full_inverse[i][i] = 1 / normal[i][i]
            continue
        for j in free:
            full_inverse[i][j] = inverse[place[i]][place[j]]
    return [solution.get(i, 0.0) for i in range(size)], full_inverse


def inverse_of(matrix: Matrix) -> list[list[float]]:
    """The inverse of a positive definite matrix, by Gauss-Jordan elimination."""
    size = len(matrix)
    rows = [[*map(float, row), *(float(i == j) for j in range(size))] for i, row in enumerate(matrix)]
    for i in range(size):
        pivot = rows[i][i]
        rows[i] = [entry / pivot for entry in rows[i]]
        for j in range(size):
            if j != i and rows[j][i]:
                factor = rows[j][i]
                rows[j] = [entry - factor * by for entry, by in zip(rows[j], rows[i], strict=True)]
    return [row[size:] for row in rows]


def product(one: Vector, other: Vector) -> float:
    """The dot product."""
    return sum(x * y for x, y in zip(one, other, strict=True))


def form(matrix: Matrix, vector: Vector) -> float:
    """The quadratic form of a matrix."""
    return product(vector, [product(row, vector) for row in matrix])


def weighted_median(values: Sequence[tuple[float, float]]) -> float:
    """The value below which half of the weight is; the mean of two values if that is between them."""
    half = sum(weight for _, weight in values) / 2
    reached = 0.0
    ordered = sorted(values)
    for index, (value, weight) in enumerate(ordered):
        reached += weight
        if math.isclose(reached, half, rel_tol=1e-9) and index + 1 < len(ordered):
            return (value + ordered[index + 1][0]) / 2
        if reached >= half:
            return value
    return ordered[-1][0]
