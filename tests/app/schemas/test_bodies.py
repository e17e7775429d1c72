"""Labels, which requests for runs and studies share."""

from typing import Any

import pytest

from app.schemas.bodies import Labels
from tests.app.schemas.refused import refused


@pytest.mark.parametrize("tags", [["x" * 51], [""], ["a,b"], ["a\tb"], [1], ["\ud800"]])
def test_invalid_tags_are_refused(tags: list[Any]) -> None:
    assert refused(Labels, {"tags": tags}) == [("tags", 0)]


def test_twenty_tags_are_enough() -> None:
    assert len(Labels(tags=[f"{number}" for number in range(20)]).tags) == 20
    assert refused(Labels, {"tags": [f"{number}" for number in range(21)]}) == [("tags",)]


def test_labels_are_trimmed_and_repeated_tags_removed() -> None:
    labels = Labels(name=" a b ", tags=[" x", "x ", "y"], note="two\n\tlines ")
    assert (labels.name, labels.tags, labels.note) == ("a b", ["x", "y"], "two\n\tlines ")
