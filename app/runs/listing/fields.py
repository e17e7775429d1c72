"""The fields that the list of runs is filtered, sorted and grouped by, with their labels and aliases."""

from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final, Literal, get_args, get_origin

from sqlalchemy import ColumnElement, Integer, and_, case, cast
from sqlmodel import col

from app.schemas import run_columns
from app.schemas.run_fields import TIMES
from app.schemas.runs import RunOut
from app.storage.tables import Run

Kind = Literal["whole", "number", "fraction", "duration", "time", "flag", "choice", "word", "text"]
"""How values of a field are written. A `word` is matched as a whole, a `text` also by its parts."""

ACTIVITY: Final = "activity"
"""The order of the page: `-activity` sorts running runs first, then queued ones, then the newest."""

_TEXTS: Final = ("name", "note", "reason")
_LABELS: Final = {"study": "Study", "tag": "Tag", ACTIVITY: "Activity"}
"""Labels of what is no field of a run; the others have the labels of their columns."""

_ALIASES: Final = {
    "learning_rate": "lr",
    "layers": "depth",
    "batch": "batch_size",
    "tags": "tag",
    "notes": "note",
    "created": "created_at",
    "started": "started_at",
    "finished": "finished_at",
    "duration": "train_seconds",
    "eta": "eta_seconds",
    "progress": "epochs_done",
}
"""Other names that people type, each with one possible meaning."""


def _ordered(name: str) -> ColumnElement[Any]:
    """The column that a cursor compares by < and >; booleans are cast because they lack these operators."""
    column: ColumnElement[Any] = getattr(Run, name)
    return cast(column, Integer) if RunOut.model_fields[name].annotation is bool else column


COLUMNS: Final[dict[str, ColumnElement[Any]]] = {
    **{name: _ordered(name) for name in RunOut.model_fields if name in Run.model_fields},
    "eta_seconds": case(
        (
            and_(col(Run.status) == "running", col(Run.epochs_done) > Run.resumed_from),
            (col(Run.progress_at) - col(Run.started_at))
            / (Run.epochs_done - Run.resumed_from)
            * (Run.epochs - Run.epochs_done),
        ),
    ),
}
"""The value of each field of a run."""

ORDERS: Final[dict[str, ColumnElement[Any]]] = {
    **{name: column for name, column in COLUMNS.items() if name != "tags"},
    **{name: getattr(Run, f"{name}_key") for name in ("name", "dataset")},
    ACTIVITY: case((col(Run.status) == "running", 2), (col(Run.status) == "queued", 1), else_=0),
}
"""The sort key of each order; keys of names sort 2 before 10."""

SORTABLE: Final = tuple(ORDERS)
FILTERS: Final = ("study", "tag", *(name for name in COLUMNS if name not in ("tags", "archived")))
"""The fields to filter by. `archived`, which also has the value `all`, is not one of them."""

GROUP_ORDERS: Final = {"best": "Best run", "n": "n", "runs": "Number of runs"}
"""The orders that only groups have, with their labels: by figures of their runs."""

GROUPABLE: Final = tuple(
    name for name in COLUMNS if name not in ("tags", "id", "note", "eta_seconds", "version", *TIMES)
)
"""The fields whose values several runs share."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field to filter by: its name in queries, its label and the kind of its values."""

    name: str
    label: str
    kind: Kind
    choices: tuple[str, ...] = ()


def label_of(name: str) -> str:
    """The label of a field: `Learning rate` for `lr`."""
    return _LABELS.get(name) or run_columns.COLUMNS[name].label


def _field(name: str) -> Field:
    if name == "study":
        return Field(name, label_of(name), "whole")
    if name == "tag":
        return Field(name, label_of(name), "word")
    annotation = RunOut.model_fields[name].annotation
    choices = get_args(annotation) if get_origin(annotation) is Literal else ()
    return Field(name, label_of(name), _kind(name, annotation), choices)


def _kind(name: str, annotation: object) -> Kind:
    if name in TIMES:
        return "time"
    if name in _TEXTS:
        return "text"
    if get_origin(annotation) is Literal:
        return "choice"
    kinds = [kind for kind in get_args(annotation) if kind is not type(None)] or [annotation]
    if kinds[0] is float:
        return (
            "fraction" if name.endswith("accuracy") else "duration" if name.endswith("seconds") else "number"
        )
    return {int: "whole", bool: "flag", str: "word"}[kinds[0]]  # type: ignore[return-value]


FIELDS: Final = {name: _field(name) for name in FILTERS}
"""Every field to filter by."""


_SHORT: Final = {
    known: alias
    for alias, known in _ALIASES.items()
    if known.endswith(("_at", "_seconds")) or alias == "progress"
}


def spelling(name: str) -> str:
    """The shortest way to type a field in a search: `created` for `created_at`."""
    return _SHORT.get(name, name)


def named(text: str) -> Field | None:
    """The field of this name or alias, in any case; None if there is none."""
    name = text.lower()
    return FIELDS.get(_ALIASES.get(name, name))


def resembling(text: str) -> list[str]:
    """The names of fields that someone who typed this text may have meant."""
    name = text.lower()
    within = [field for field in FIELDS if name in field] if len(name) > 1 else []
    return (within or get_close_matches(name, [*FIELDS, *_ALIASES], n=3, cutoff=0.6))[:4]
