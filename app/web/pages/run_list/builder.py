"""The filter builder: which conditions and values each kind of field takes, and the filter that they make."""

from dataclasses import dataclass, replace
from typing import Final, Literal, get_origin

from starlette.datastructures import QueryParams

from app.formats import sentence
from app.runs.listing import values
from app.runs.listing.errors import QueryError
from app.runs.listing.fields import FIELDS, Field, Kind
from app.runs.listing.grammar import SEARCH
from app.runs.listing.query import NOT, RunQuery
from app.runs.listing.writing import quoted
from app.schemas.grid import GridError
from app.schemas.hyperparameters import HYPERPARAMETERS
from app.web.pages import typed_numbers
from trainer.config import Hyperparameters

BUILDER: Final = ("field", "op", "value", "to")
"""Fields of the form that adds a filter."""

_NUMBERS: Final[tuple[Kind, ...]] = ("whole", "number", "fraction", "duration")
_CLOSED: Final[tuple[Kind, ...]] = ("flag", "choice")
"""Kinds whose values are chosen from a list."""

RANGE: Final = ".."
"""Between the ends of a range."""

_COMPARED: Final = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}


@dataclass(frozen=True, slots=True)
class Operator:
    """A condition of the builder, the kinds of fields that have it, and how many values it takes."""

    name: str
    label: str
    kinds: tuple[Kind, ...]
    values: int = 1


OPERATORS: Final = (
    Operator("last", "in the last", ("time",)),
    Operator("gt", "after", ("time",)),
    Operator("lt", "before", ("time",)),
    Operator("is", "on", ("time",)),
    Operator("not", "not on", ("time",)),
    Operator("is", "is", (*_NUMBERS, *_CLOSED, "word")),
    Operator("not", "is not", (*_NUMBERS, "choice", "word")),
    Operator("gt", ">", _NUMBERS),
    Operator("ge", "≥", _NUMBERS),
    Operator("lt", "<", _NUMBERS),
    Operator("le", "≤", _NUMBERS),
    Operator("between", "between", (*_NUMBERS, "time"), values=2),
    Operator("has", "contains", ("word", "text")),
    Operator("lacks", "does not contain", ("word", "text")),
    Operator("is", "is exactly", ("text",)),
    Operator("not", "is not exactly", ("text",)),
    Operator("set", "is set", (*_NUMBERS, "time", "choice", "word", "text"), values=0),
    Operator("unset", "is not set", (*_NUMBERS, "time", "choice", "word", "text"), values=0),
)
"""The conditions in the order in which they are offered."""

HINTS: Final[dict[Kind, str]] = {
    "whole": "Several values: 1, 2 or 1-3.",
    "number": "Several values: 0.01, 0.1.",
    "fraction": "A fraction or a percentage: 0.97 or 97%.",
    "duration": "Seconds, or with a unit: 90, 5min, 1h30min.",
    "time": "A date or an age: 2026-01-31, today, 12h, 2w. A number alone means days.",
    "word": "Several values: separate them with commas.",
    "text": "Upper and lower case make no difference to “contains”.",
}
"""How a value of each kind is typed; values of other kinds are chosen."""


@dataclass(frozen=True, slots=True)
class Option:
    """A field that the builder offers."""

    name: str
    label: str
    kind: Kind

    @property
    def is_closed(self) -> bool:
        """Whether its values are chosen from a list."""
        return self.kind in _CLOSED


def _kind(known: Field) -> Kind:
    """The kind of a field in the builder: hyperparameters with a fixed list of values are choices."""
    info = Hyperparameters.model_fields.get(known.name)
    return "choice" if info and get_origin(info.annotation) is Literal else known.kind


OPTIONS: Final = {known.name: Option(known.name, known.label, _kind(known)) for known in FIELDS.values()}
"""Every field to filter by."""

_SUBJECTS: Final = ("Run", "Hyperparameters", "Results", "Times")


def _subject(known: Field) -> str:
    """What a field is about: one of `_SUBJECTS`."""
    if known.name in HYPERPARAMETERS:
        return "Hyperparameters"
    if known.kind in {"time", "duration"}:
        return "Times"
    return "Results" if known.name.endswith(("accuracy", "loss", "best_epoch")) else "Run"


OPTIONS_BY_SUBJECT: Final = {
    subject: [OPTIONS[known.name] for known in FIELDS.values() if _subject(known) == subject]
    for subject in _SUBJECTS
}
"""The same options under headings, in the order in which they are offered."""


@dataclass(frozen=True, slots=True)
class Building:
    """What was typed into the builder, and what is wrong with it."""

    field: str = ""
    op: str = ""
    value: str = ""
    to: str = ""
    error: str = ""

    @property
    def option(self) -> Option | None:
        """The chosen field."""
        return OPTIONS.get(self.field)


def build(texts: QueryParams) -> tuple[str, Building]:
    """The filter that was put together in the builder, in the search syntax; empty if there is none.

    If it is malformed, the second value says what is wrong.
    """
    building = Building(*(texts.get(name, "").strip() for name in BUILDER))
    known = FIELDS.get(building.field)
    if known is None or not (building.value or building.to or building.op in ("set", "unset")):
        return "", building
    try:
        term = _term(known, building)
        RunQuery.parse([(SEARCH, term)], strict=False)
    except (QueryError, GridError) as error:
        return "", replace(building, error=sentence(error))
    return term, Building()


def _term(known: Field, building: Building) -> str:
    op, typed = building.op or "is", building.value
    if op in ("set", "unset"):
        return f"{NOT if op == 'unset' else ''}{known.name}:{values.ANY}"
    is_text = known.kind in ("word", "text")
    if op in _COMPARED:
        if is_text:
            raise QueryError(known.name, "texts have no order; choose is or contains")
        return f"{known.name}{_COMPARED[op]}{_spaceless(_aged(known, typed))}"
    if op == "last":
        if known.kind != "time":
            raise QueryError(known.name, "only times have an age; choose another condition")
        return f"{known.name}:{_spaceless(_aged(known, typed))}"
    if op == "between":
        return f"{known.name}:{_between(known, building)}"
    if op in ("has", "lacks") and not is_text:
        raise QueryError(known.name, "only texts contain others; choose is, or a comparison")
    sign = "~" if op in ("has", "lacks") else "=" if is_text else ":"
    excluded = NOT if op in ("not", "lacks") else ""
    return f"{excluded}{known.name}{sign}{_value(known, typed)}"


def _between(known: Field, building: Building) -> str:
    """The range from `value` to `to`; `value` alone may also be a range."""
    start, _, end = building.value.partition(RANGE) if not building.to else (building.value, "", building.to)
    if known.kind in ("word", "text") or not (start.strip() and end.strip()):
        raise QueryError(known.name, "expected two values, such as 0.01 and 0.1")
    return RANGE.join(_spaceless(_aged(known, each.strip())) for each in (start, end))


def _aged(known: Field, typed: str) -> str:
    """An age without a unit in days."""
    return f"{typed}d" if known.kind == "time" and typed.isascii() and typed.isdigit() else typed


def _spaceless(typed: str) -> str:
    return "".join(typed.split())


def _value(known: Field, typed: str) -> str:
    if known.kind in ("word", "text"):
        return ",".join(
            quoted(text, in_search=True) for text in ([typed] if known.kind == "text" else _parts(typed))
        )
    if known.name in HYPERPARAMETERS and known.kind in ("whole", "number") and RANGE not in typed:
        return ",".join(
            repr(value) if isinstance(value, float) else str(value)
            for value in typed_numbers.parse(known.name, typed)
        )
    return ",".join(_parts(typed))


def _parts(typed: str) -> list[str]:
    return [part.strip() for part in typed.split(",") if part.strip()]
