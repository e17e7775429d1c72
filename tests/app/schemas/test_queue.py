"""What a move in the queue may say."""

from typing import Any

import pytest

from app.schemas.queue import MoveRequest
from tests.app.schemas.refused import refused


def test_one_run_or_several_are_moved() -> None:
    assert MoveRequest.model_validate({"id": 3, "to": "top"}).wanted == [3]
    assert MoveRequest.model_validate({"ids": [3, 1], "to": 2}).wanted == [3, 1]


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"to": "top"}, ()),
        ({"id": 1, "ids": [2], "to": "top"}, ()),
        ({"ids": [], "to": "top"}, ("ids",)),
        ({"id": 0, "to": "top"}, ("id",)),
        ({"id": 1}, ("to",)),
    ],
)
def test_invalid_moves_are_refused(body: dict[str, Any], place: tuple[Any, ...]) -> None:
    assert refused(MoveRequest, body) == [place]
