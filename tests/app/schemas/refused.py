"""What is wrong with the body of a request."""

from typing import Any

import pytest
from pydantic import ValidationError


def refused(model: Any, body: dict[str, Any]) -> list[tuple[Any, ...]]:
    """The places of everything that is wrong with a body."""
    with pytest.raises(ValidationError) as caught:
        model.model_validate(body)
    return [error["loc"] for error in caught.value.errors()]
