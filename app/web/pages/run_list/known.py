"""Known values of fields, which complete what is typed into the filter builder."""

from collections.abc import Iterable, Sequence
from typing import Final, Literal, get_args, get_origin

from app.runs.listing import fields
from app.runs.listing.fields import FIELDS
from app.runs.listing.grammar import ARCHIVED
from app.runs.listing.values import ARCHIVED_VALUES
from app.schemas.runs import RunOut
from app.text_keys import ascending
from trainer.config import Hyperparameters

_OF_RUNS: Final = ("dataset", "device", "device_used")


def names() -> list[tuple[str, str]]:
    """How each filter begins in a search, and its label: `created:` and `Created`."""
    typed = [(fields.spelling(known.name), known.label) for known in FIELDS.values()]
    return [(f"{name}:", label) for name, label in (*typed, (ARCHIVED, "Archived"))]


def of_runs(runs: Iterable[RunOut]) -> list[tuple[str, str]]:
    """Field and value: all choices of fields with choices, and the tags and data sets of these runs."""
    found: dict[str, Sequence[str]] = {name: known.choices for name, known in FIELDS.items() if known.choices}
    for name, info in Hyperparameters.model_fields.items():
        if get_origin(info.annotation) is Literal:
            found[name] = get_args(info.annotation)
    listed = list(runs)
    found["tag"] = ascending({tag for run in listed for tag in run.tags})
    for name in _OF_RUNS:
        values = {str(value) for run in listed if (value := getattr(run, name))}
        found[name] = ascending({*found.get(name, ()), *values})
    for name, known in FIELDS.items():
        if known.kind == "flag":
            found[name] = ("true", "false")
    found[ARCHIVED] = ARCHIVED_VALUES
    return [(name, value) for name, known_values in found.items() for value in known_values]
