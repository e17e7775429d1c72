"""What bodies of requests and responses share: strict bases, texts, labels, and errors."""

import unicodedata
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

MAX_ID: Final = 2**63 - 1
MAX_TAGS: Final = 20
MAX_TAG: Final = 50
MAX_NAME: Final = 100


def _printable(text: str) -> str:
    """Returns the text, or raises: control characters break tables, terminals and CSV files."""
    for character in text:
        if unicodedata.category(character) == "Cc" and character not in "\n\t":
            raise ValueError(f"must not contain the control character U+{ord(character):04X}")
    return text


def _one_line(text: str) -> str:
    if "\n" in text or "\t" in text:
        raise ValueError("must be one line without tabs")
    return text


def _without_commas(text: str) -> str:
    if "," in text:
        raise ValueError("must not contain a comma: commas separate tags in a query")
    return text


_Line = [AfterValidator(_printable), AfterValidator(_one_line)]


Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_NAME), *_Line]


Tag = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_TAG),
    *_Line,
    AfterValidator(_without_commas),
]


Tags = Annotated[
    list[Tag], Field(max_length=MAX_TAGS), AfterValidator(lambda tags: list(dict.fromkeys(tags)))
]


Note = Annotated[str, StringConstraints(max_length=10_000), AfterValidator(_printable)]


Priority = Annotated[int, Field(ge=-1000, le=1000)]


RunId = Annotated[int, Field(ge=1, le=MAX_ID)]


class Strict(BaseModel):
    """A request body; rejects unknown fields, other types and non-finite numbers."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, frozen=True)


class Nothing(Strict):
    """The body of a request that needs none."""


class Labels(Strict):
    """Labels of a run or study; they do not affect training."""

    priority: Annotated[Priority, Field(title="Priority", description="Higher priority starts first.")] = 0
    name: Annotated[
        Name | None,
        Field(title="Name", description="Default: made from the fields that differ from their defaults."),
    ] = None
    tags: Annotated[Tags, Field(title="Tags", description="Up to 20 tags.")] = []
    note: Annotated[Note, Field(title="Note", description="Free text.")] = ""


TimeRange = Annotated[tuple[float, float], Field(description="80 % prediction interval, in seconds.")]
"""The 80 % range of an estimated time."""


class FieldError(BaseModel):
    """One error of a request: its location and what was expected."""

    loc: Annotated[list[str | int], Field(description="Location of the value: names and indices.")]
    msg: Annotated[str, Field(description="What was expected, and what was given.")]


class Problem(BaseModel):
    """An error, as RFC 9457 `application/problem+json`."""

    type: Annotated[str, Field(description="Always `about:blank`.")]
    title: Annotated[str, Field(description="Name of the status.")]
    status: Annotated[int, Field(description="The HTTP status.")]
    detail: Annotated[str, Field(description="What was wrong, and what to do.")]
    errors: Annotated[list[FieldError], Field(description="The errors by field; may be empty.")]
