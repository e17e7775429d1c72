"""Form fields made from `TrainConfig`, with what a person typed and its errors."""

import hashlib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, get_args, get_origin
from urllib.parse import urlencode

import orjson
from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from starlette.datastructures import FormData, QueryParams

from app import formats
from app.formats import sentence
from app.runs import datasets
from app.runs.datasets import SHIPPED_ALONE, Catalogue
from app.schemas import presets
from app.schemas.bodies import MAX_ID
from app.schemas.grid import GridError, Value
from app.schemas.hyperparameters import HYPERPARAMETERS
from app.schemas.runs import RunOut
from app.schemas.studies import GridRequest, StudyRequest
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
_SHOWN: Final = 8
"""The maximum number of values that a field lists."""

LEAVE_OUT: Final = "leave_out"
"""The name of the button that starts a study without its invalid combinations; its value is their number."""

NO_CHANGES: Final[Mapping[str, str]] = MappingProxyType({})

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
    meaning: str
    """The values that a list or range stands for; empty for a single value."""

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
    """The request that the texts describe, without invalid combinations; None if a text is invalid."""
    values: Mapping[str, Sequence[Value]] = field(default_factory=dict)
    """The values of the hyperparameters whose texts could be parsed."""
    available: Catalogue = SHIPPED_ALONE
    """The data sets to choose from."""

    @property
    def fields(self) -> list[Field]:
        """The hyperparameters in display order."""
        return [
            Field(
                **_described(name, info),
                choices=self._choices(name),
                value=self.texts.get(name, ""),
                error=self.errors.get(name, ""),
                meaning="" if name in self.errors else _meaning(self.values.get(name, ())),
            )
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
        return (
            _FORM in self.errors
            or bool(self.rejected)
            or any(
                field.folded
                and (field.error or field.value != _default(TrainConfig.model_fields[field.name]))
                for field in self.fields
            )
        )

    @property
    def depths(self) -> list[int]:
        """The depths chosen, even if other fields are invalid."""
        return [int(value) for value in self.values.get("depth", ())]

    @property
    def networks(self) -> list[tuple[int, tuple[int, ...], int]]:
        """Depth, layer widths and parameters of each network to choose from, for the width in the form."""
        width = next(map(int, self.values.get("width", ())), WIDTH)
        width = width if NARROWEST <= width <= WIDEST else WIDTH
        shown = {depth for depth in (*_USUAL_DEPTHS, *self.depths) if 1 <= depth <= most_layers(width)}
        sizes = {depth: layer_sizes(depth, width) for depth in sorted(shown)}
        return [(depth, widths, parameter_count(widths)) for depth, widths in sizes.items()]

    @property
    def size(self) -> int:
        """Number of combinations of the values, invalid ones included; 0 if a field is invalid."""
        if self.request is None:
            return 0
        return math.prod(len(values) for values in self.request.axes.values())

    @cached_property
    def rejected(self) -> dict[str, int]:
        """Why combinations are invalid, with the number of such combinations."""
        return self.request.rejected if self.request and self.request.skip_invalid else {}

    @property
    def left_out(self) -> int:
        """Number of invalid combinations."""
        return sum(self.rejected.values())

    @property
    def is_confirmed(self) -> bool:
        """Whether the person chose to leave out exactly these invalid combinations."""
        return not self.left_out or self.texts.get(LEAVE_OUT) == str(self.left_out)


def blank(available: Catalogue = SHIPPED_ALONE, changes: Mapping[str, str] = NO_CHANGES) -> RunForm:
    """The initial form: three layers, and the settings of the published runs; `changes` are other texts."""
    texts = {name: _default(info) for name, info in TrainConfig.model_fields.items()}
    return read({**texts, "depth": "3", "reuse": "on", **changes}, available)


def clone(
    run: RunOut, available: Catalogue = SHIPPED_ALONE, changes: Mapping[str, str] = NO_CHANGES
) -> RunForm:
    """The form filled with another run's hyperparameters and labels; `changes` are other texts."""
    texts = {name: formats.written(getattr(run, name)) for name in HYPERPARAMETERS}
    labels = {"tags": ", ".join(run.tags), "note": run.note}
    return read({**texts, **labels, "reuse": "on", **changes}, available)


def in_query(parameters: QueryParams) -> dict[str, str]:
    """The texts of the form's fields in a query string, where commas always separate values."""
    found = {}
    for name in presets.FIELDS:
        if name not in parameters:
            continue
        text = ", ".join(parameters.getlist(name))
        found[name] = re.sub(r",(?=\S)", ", ", text) if name in HYPERPARAMETERS else text
    return found


def as_query(texts: Mapping[str, str]) -> str:
    """The texts that differ from the defaults as a query string; a switched off `reuse` is `off`."""
    usual = {name: _default(info) for name, info in TrainConfig.model_fields.items()} | {"priority": "0"}
    kept = {name: texts.get(name, "").strip() for name in presets.FIELDS}
    kept["reuse"] = kept["reuse"] or "off"
    return urlencode({name: text for name, text in kept.items() if text and text != usual.get(name)})


def texts_of(data: FormData) -> dict[str, str]:
    """The texts of a posted form by field; several ticked choices become a list."""
    return {name: ", ".join(value for value in data.getlist(name) if isinstance(value, str)) for name in data}


def read(texts: Mapping[str, str], available: Catalogue = SHIPPED_ALONE) -> RunForm:
    """Parse the texts of a form into a request, or into messages by field.

    An empty field means its default, if it has one. `available` are the data sets.
    """
    errors: dict[str, str] = {}
    values: dict[str, list[Value]] = {}
    for name in HYPERPARAMETERS:
        try:
            values[name] = typed_numbers.parse(
                name, texts.get(name) or _default(TrainConfig.model_fields[name])
            )
        except GridError as error:
            errors[name] = sentence(str(error))
    body: dict[str, Any] = {"reuse": texts.get("reuse", "") not in ("", "off"), **values}
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
        request = StudyRequest(**{"depth": [1]} | body | {"skip_invalid": True})
    except ValidationError as error:
        return RunForm(texts, messages(error.errors()) | errors, None, values, available)
    if not request.rejected:
        request = request.model_copy(update={"skip_invalid": False})
    return RunForm(texts, errors, None if errors else request, values, available)


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
    """Parse a text as an id; None if it isn't one."""
    return int(text) if re.fullmatch(r"[0-9]{1,19}", text) and int(text) <= MAX_ID else None


def digest_of(*texts: str) -> str:
    """A digest of the texts that a form is filled with, which the form sends back as `as_read`."""
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]


def is_outdated(posted: Mapping[str, str], digest: str) -> bool:
    """Whether the texts that a form was filled with have changed since; never without `as_read`.

    Changes of what the form does not have, such as the place in the queue, do not matter.
    """
    return bool(posted.get("as_read")) and posted["as_read"] != digest


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


def _described(name: str, info: FieldInfo) -> dict[str, Any]:
    """The parts of a field that do not depend on what was typed."""
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    return {
        "name": name,
        "title": info.title or name,
        "help": info.description or "",
        "bounds": _bounds(info, str(extra.get("unit", ""))),
        "folded": bool(extra.get("folded")),
    }


def _meaning(values: Sequence[Value]) -> str:
    """The values of a list or range: "5 values: 0.001, 0.00316, 0.01, 0.0316, 0.1"."""
    different = list(map(formats.written, dict.fromkeys(values)))
    if len(values) < 2:  # noqa: PLR2004
        return ""
    shown = different if len(different) <= _SHOWN else [*different[: _SHOWN - 2], "…", different[-1]]
    once = "" if len(different) == len(values) else " (repeated values count once)"
    return f"{formats.plural(len(different), 'value')}: {', '.join(shown)}{once}"


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
