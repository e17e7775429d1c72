"""Form fields made from `TrainConfig`, with what a person typed and its errors."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal, get_args, get_origin

import orjson
from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from starlette.datastructures import FormData

from app import formats
from app.formats import sentence
from app.runs import datasets
from app.runs.datasets import SHIPPED_ALONE, Catalogue
from app.schemas.answers import RunOut
from app.schemas.grid import GridError
from app.schemas.hyperparameters import HYPERPARAMETERS
from app.schemas.requests import MAX_ID, GridRequest, StudyRequest
from app.web.pages import typed_numbers
from trainer.config import (
    NARROWEST,
    WIDEST,
    WIDTH,
    TrainConfig,
    layer_sizes,
    most_layers,
    parameter_count,
)

_USUAL_DEPTHS: Final = range(1, 6)
_FORM: Final = "form"
"""Key of messages that belong to no single field."""

_WORDS: Final = {
    "greater_than_equal": "{value} is too small: expected at least {ge:,.10g}.",
    "greater_than": "{value} is too small: expected more than {gt:,.10g}.",
    "less_than": "{value} is too large: expected less than {lt:,.10g}.",
    "less_than_equal": "{value} is too large: expected at most {le:,.10g}.",
    "literal_error": "“{value}” is not valid: expected {expected}.",
    "string_too_long": "Too long: at most {max_length:,} characters are allowed.",
    "too_long": "Too many values: at most {max_length:,} are allowed.",
}
"""Messages by pydantic's error type; other errors keep pydantic's message."""


@dataclass(frozen=True)
class Field:
    """One hyperparameter of the form: label, bounds and value."""

    name: str
    title: str
    help: str
    bounds: str
    folded: bool
    choices: Sequence[str]
    value: str
    error: str

    @property
    def chosen(self) -> list[str]:
        """The selected values of a field with choices."""
        return _items(self.value)


@dataclass(frozen=True)
class RunForm:
    """The form for new runs: texts as typed, messages by field, and the request if all are valid."""

    texts: Mapping[str, str]
    errors: Mapping[str, str] = field(default_factory=dict)
    request: GridRequest | None = None
    """The request that the texts describe; None if any of them is invalid."""
    available: Catalogue = SHIPPED_ALONE
    """The data sets to choose from."""

    @property
    def fields(self) -> list[Field]:
        """The hyperparameters in display order."""
        return [
            _field(name, info, self.texts.get(name, ""), self.errors.get(name, ""), self._choices(name))
            for name, info in TrainConfig.model_fields.items()
        ]

    def _choices(self, name: str) -> Sequence[str]:
        """The choices of a field; a data set in the texts remains a choice even if it does not exist."""
        if name == "dataset":
            return list(dict.fromkeys([*self.available.names, *_items(self.texts.get(name, ""))]))
        return _literals(TrainConfig.model_fields[name])

    @property
    def unfold(self) -> bool:
        """Whether a folded field is invalid, changed or in a possible conflict, and must be visible."""
        return _FORM in self.errors or any(
            field.folded and (field.error or field.value != _default(TrainConfig.model_fields[field.name]))
            for field in self.fields
        )

    @property
    def depths(self) -> list[int]:
        """The depths chosen, even if other fields are invalid."""
        if self.request is not None:
            return self.request.axes["depth"]
        try:
            return [int(value) for value in typed_numbers.parse("depth", self.texts.get("depth", ""))]
        except GridError:
            return []

    @property
    def networks(self) -> list[tuple[int, tuple[int, ...], int]]:
        """Depth, layer widths and parameters of each network to choose from, for the width in the form."""
        try:
            widths = [
                int(value) for value in typed_numbers.parse("width", self.texts.get("width") or str(WIDTH))
            ]
        except GridError:
            widths = []
        width = widths[0] if widths and NARROWEST <= widths[0] <= WIDEST else WIDTH
        shown = {depth for depth in (*_USUAL_DEPTHS, *self.depths) if 1 <= depth <= most_layers(width)}
        sizes = {depth: layer_sizes(depth, width) for depth in sorted(shown)}
        return [(depth, widths, parameter_count(widths)) for depth, widths in sizes.items()]

    @property
    def size(self) -> int:
        """Number of runs in the request; 0 if a field is invalid."""
        if self.request is None:
            return 0
        return math.prod(len(values) for values in self.request.axes.values())


def blank(available: Catalogue = SHIPPED_ALONE, given: Mapping[str, str] | None = None) -> RunForm:
    """The initial form: three layers, and the settings of the published runs, or those `given`."""
    texts = {name: _default(info) for name, info in TrainConfig.model_fields.items()}
    return read(texts | {"depth": "3", "reuse": "on"} | dict(given or {}), available)


def clone(run: RunOut, available: Catalogue = SHIPPED_ALONE) -> RunForm:
    """The form filled with another run's hyperparameters and labels."""
    texts = {name: formats.written(getattr(run, name)) for name in HYPERPARAMETERS}
    return read(texts | {"tags": ", ".join(run.tags), "note": run.note, "reuse": "on"}, available)


def texts_of(data: FormData) -> dict[str, str]:
    """The texts of a posted form by field; several ticked choices become a list."""
    return {name: ", ".join(value for value in data.getlist(name) if isinstance(value, str)) for name in data}


def read(texts: Mapping[str, str], available: Catalogue = SHIPPED_ALONE) -> RunForm:
    """Parse the texts of a form into a request, or into messages by field.

    An empty field means its default, if it has one. `available` are the data sets.
    """
    errors: dict[str, str] = {}
    body: dict[str, Any] = {"reuse": bool(texts.get("reuse"))}
    for name in HYPERPARAMETERS:
        try:
            body[name] = typed_numbers.parse(
                name, texts.get(name) or _default(TrainConfig.model_fields[name])
            )
        except GridError as error:
            errors[name] = sentence(str(error))
    if name := texts.get("name", "").strip():
        body["name"] = name
    if tags := split_tags(texts.get("tags", "")):
        body["tags"] = tags
    if (follows := number_in(texts.get("follows", ""))) is not None:
        body["follows"] = follows
    body["note"] = texts.get("note", "").replace("\r\n", "\n")
    try:
        body["priority"] = typed_numbers.whole_number(texts.get("priority", "").strip() or "0")
    except GridError as error:
        errors["priority"] = sentence(str(error))
    try:
        datasets.check(body.get("dataset", []), available)
    except datasets.UnknownDataset as error:
        errors["dataset"] = sentence(str(error))
    try:
        request = StudyRequest(**{"depth": [1]} | body)
    except ValidationError as error:
        return RunForm(texts, messages(error.errors()) | errors, None, available)
    return RunForm(texts, errors, None if errors else request, available)


def filled(texts: Mapping[str, str]) -> dict[str, list[Any]]:
    """The hyperparameters with given values, except the seed.

    Raises:
        GridError: a text is not a list of values.
    """
    named = [name for name in HYPERPARAMETERS if name != "seed" and texts.get(name, "").strip()]
    return {name: list(typed_numbers.parse(name, texts[name])) for name in named}


def fields_of(body: Mapping[str, Any]) -> dict[str, str]:
    """A request's body as the texts of a form; lists of objects become JSON."""
    found: dict[str, str] = {}
    for name, value in body.items():
        if isinstance(value, Mapping):
            found |= fields_of(value)
        elif isinstance(value, list) and value and isinstance(value[0], Mapping):
            found[name] = orjson.dumps(value).decode()
        elif isinstance(value, list):
            found[name] = ", ".join(map(formats.written, value))
        else:
            found[name] = "on" if value is True else formats.written(value)
    return found


def number_in(text: str) -> int | None:
    """Parse a text as an id or version; None if it is neither."""
    return int(text) if re.fullmatch(r"[0-9]{1,19}", text) and int(text) <= MAX_ID else None


def split_tags(text: str) -> list[str]:
    """Split a text at commas into tags."""
    return [tag.strip() for tag in text.split(",") if tag.strip()]


def messages(errors: Iterable[ErrorDetails]) -> dict[str, str]:
    """One sentence per field with validation errors: the first error of each."""
    found: dict[str, str] = {}
    for error in errors:
        place = error["loc"][0] if error["loc"] else _FORM
        found.setdefault(str(place), _words(error))
    return found


def _words(error: ErrorDetails) -> str:
    """A validation error as a sentence that says what was expected."""
    context = error.get("ctx", {})
    if error["type"] in _WORDS:
        return _WORDS[error["type"]].format(value=error["input"], **context)
    return sentence(str(context.get("error") or error["msg"]))


def _items(text: str) -> list[str]:
    """Split a text at commas and spaces."""
    return [item for item in re.split(r"[,\s]+", text) if item]


def _field(name: str, info: FieldInfo, value: str, error: str, choices: Sequence[str]) -> Field:
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    return Field(
        name=name,
        title=info.title or name,
        help=info.description or "",
        bounds=_bounds(info, str(extra.get("unit", ""))),
        folded=bool(extra.get("folded")),
        choices=choices,
        value=value,
        error=error,
    )


def _literals(info: FieldInfo) -> tuple[str, ...]:
    kind = info.annotation
    if get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    return get_args(kind) if get_origin(kind) is Literal else ()


def _bounds(info: FieldInfo, unit: str) -> str:
    """The allowed values in words: "1 to 10 layers", "Above 0, at most 100"."""
    limits = {
        name: getattr(bound, name)
        for bound in info.metadata
        for name in ("ge", "gt", "le", "lt")
        if hasattr(bound, name)
    }
    if "le" in limits and "gt" in limits:
        words = f"Above {formats.decimal(limits['gt'])}, at most {limits['le']:,}"
    elif "le" in limits:
        words = f"{limits.get('ge', 0):,} to {limits['le']:,}"
    elif "lt" in limits:
        words = f"{limits.get('ge', 0):,} to less than {limits['lt']:,}"
    else:
        return unit
    return f"{words} {unit}".strip()


def _default(info: FieldInfo) -> str:
    return "" if info.is_required() else formats.written(info.default)
