"""The published figures beside measured runs."""

from typing import Any

import pytest

from app.compare.reference import PUBLISHED, PUBLISHED_EPOCHS, are_comparable
from app.storage.database import Database
from tests.app.compare.findings import compared
from tests.app.states import finished_run, queue_run, shown


def test_published_figures_are_separate_from_measured_ones(database: Database) -> None:
    found = compared(database, finished_run(database))
    assert found.reference == PUBLISHED
    assert [(row.depth, row.test_accuracy) for row in found.reference] == [
        (1, 0.9223),
        (2, 0.9726),
        (3, 0.9786),
        (4, 0.9795),
        (5, 0.9787),
    ]
    assert [each.depth for each in found.by_depth] == [1]


def test_published_figures_are_shown_only_with_runs_on_mnist(database: Database) -> None:
    digits, clothes = finished_run(database), finished_run(database, dataset="clothes")
    assert compared(database, clothes).reference == []
    assert compared(database, digits, clothes).reference == PUBLISHED


@pytest.mark.parametrize(
    ("others", "comparable"),
    [
        ({}, True),
        ({"depth": 5, "lr": 0.1, "seed": 7}, True),
        ({"epochs": PUBLISHED_EPOCHS - 1}, False),
        ({"dataset": "clothes"}, False),
    ],
)
def test_runs_are_comparable_with_published_ones_only_with_the_same_epochs_and_data(
    database: Database, others: dict[str, Any], *, comparable: bool
) -> None:
    same: dict[str, Any] = {"epochs": PUBLISHED_EPOCHS}
    runs = [shown(database, queue_run(database, **{**same, **more})) for more in ({}, others)]
    assert are_comparable(runs) is comparable
