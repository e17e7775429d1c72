"""Hyperparameters as fields of tables and responses, derived from `trainer.config`."""

from typing import Any, Final, Literal, get_origin

from trainer.config import Hyperparameters

HYPERPARAMETERS: Final = tuple(Hyperparameters.model_fields)

KINDS: Final[dict[str, Any]] = {
    name: str if get_origin(field.annotation) is Literal else field.annotation
    for name, field in Hyperparameters.model_fields.items()
}
"""The type of each by its name; a choice, which requests have validated, is a plain text."""
