"""Bodies of requests, strict about fields, types and bounds."""

import itertools
import unicodedata
from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    StringConstraints,
    create_model,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from app.schemas.hyperparameters import HYPERPARAMETERS
from trainer.config import TrainConfig, conflicts

MAX_ID: Final = 2**63 - 1
MAX_GRID: Final = 1_000
MAX_SEEDS: Final = 100
MAX_BULK: Final = 10_000
MAX_TAGS: Final = 20
MAX_TAG: Final = 50
MAX_NAME: Final = 100
MAX_FILTER: Final = 20_000


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


class RunRequest(TrainConfig, Labels):
    """Body of `POST /runs`."""

    @property
    def config(self) -> TrainConfig:
        """Only the hyperparameters."""
        return TrainConfig(**self.model_dump(include=set(HYPERPARAMETERS)))


class _OneOrMany:
    """The JSON schema of a hyperparameter of a study: one value or a list of them."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        many = handler(schema)
        return {"anyOf": [many["items"], many]}


def _as_list(value: object) -> object:
    return value if isinstance(value, list) else [value]


def _grid_fields() -> dict[str, Any]:
    """Each hyperparameter as a non-empty list without repetitions; a single value becomes a list."""
    fields: dict[str, Any] = {}
    for name, field in TrainConfig.model_fields.items():
        item = Annotated[field.annotation, Field(), *field.metadata]  # type: ignore[name-defined]
        many = Annotated[
            list[item],
            BeforeValidator(_as_list),
            AfterValidator(lambda values: list(dict.fromkeys(values))),
            Field(min_length=1, max_length=MAX_GRID, title=field.title, description=field.description),
            _OneOrMany(),
        ]
        fields[name] = (many, ... if field.is_required() else [field.default])
    return fields


class GridRequest(Labels):
    """Fields of a study request besides its hyperparameters; see `StudyRequest`."""

    follows: Annotated[
        RunId | None,
        Field(
            description="Id of the study whose results led to this one; the new study continues its look "
            "count."
        ),
    ] = None
    reuse: Annotated[
        bool,
        Field(
            description="Reuse finished runs with the same hyperparameters and seed; do not train them again."
        ),
    ] = False

    skip_invalid: Annotated[
        bool,
        Field(
            description="Leave out invalid combinations of values, such as Adam with momentum; by default "
            "they reject the request."
        ),
    ] = False

    @property
    def axes(self) -> dict[str, list[Any]]:
        """The values of each hyperparameter."""
        return {name: getattr(self, name) for name in HYPERPARAMETERS}

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        size = 1
        for values in self.axes.values():
            size *= len(values)
        if size > MAX_GRID:
            raise ValueError(f"the grid has {size:,} runs; at most {MAX_GRID:,} are allowed in one study")
        return self

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        """Reject a grid if hyperparameters of any run conflict, or of all with `skip_invalid`; say why."""
        is_rejected = not self.configs if self.skip_invalid else self.rejected
        for problem in self.rejected if is_rejected else ():
            raise ValueError(problem)
        return self

    @property
    def configs(self) -> list[TrainConfig]:
        """The combinations of the values, without those left out; the last axis varies fastest."""
        if not self.skip_invalid:
            return self._combinations
        return [config for config in self._combinations if not any(conflicts(config))]

    @property
    def rejected(self) -> dict[str, int]:
        """Why combinations are invalid: the first conflict of each, with the number of such combinations."""
        problems = (next(conflicts(config), "") for config in self._combinations)
        return dict(Counter(problem for problem in problems if problem))

    @property
    def _combinations(self) -> list[TrainConfig]:
        axes = self.axes
        combinations = itertools.product(*axes.values())
        return [
            TrainConfig.model_construct(**dict(zip(axes, values, strict=True))) for values in combinations
        ]


if TYPE_CHECKING:

    class StudyRequest(GridRequest):
        """Body of `POST /studies`."""
else:
    StudyRequest = create_model(
        "StudyRequest", __base__=GridRequest, __doc__="Body of `POST /studies`.", **_grid_fields()
    )


if TYPE_CHECKING:

    class Only(Strict):
        """Values of hyperparameters; an absent field matches any value."""
else:
    Only = create_model(
        "Only",
        __base__=Strict,
        __doc__="Values of hyperparameters; an absent field matches any value.",
        **{
            name: (many | None, Field(default=None, description=TrainConfig.model_fields[name].description))
            for name, (many, _) in _grid_fields().items()
            if name != "seed"  # the request adds seeds
        },
    )


class MoreSeeds(Strict):
    """New seeds for some configurations of a study."""

    seeds: Annotated[
        int, Field(ge=1, le=MAX_SEEDS, description="New seeds for each of these configurations.")
    ]
    only: Annotated[Only | None, Field(description="Configurations of the study; default: all.")] = None

    @property
    def wanted(self) -> dict[str, list[Any]]:
        """The values that a configuration must have to get seeds, by hyperparameter."""
        return {} if self.only is None else self.only.model_dump(exclude_none=True)


class MoreRuns(Strict):
    """Body of `POST /studies/{id}/runs`: existing runs, or new seeds for all or some configurations."""

    seeds: Annotated[
        int | None,
        Field(ge=1, le=MAX_SEEDS, description="New seeds for each of these configurations."),
    ] = None
    only: Annotated[Only | None, Field(description="Configurations of the study; default: all.")] = None
    parts: Annotated[
        list[MoreSeeds] | None,
        Field(
            min_length=1,
            max_length=MAX_GRID,
            description="Alternative to `seeds`: different numbers of seeds for several configurations.",
        ),
    ] = None
    runs: Annotated[
        list[RunId] | None,
        Field(
            min_length=1,
            max_length=MAX_GRID,
            description="Alternative to `seeds`: ids of existing runs to add.",
        ),
    ] = None

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if sum(given is not None for given in (self.seeds, self.parts, self.runs)) != 1:
            raise ValueError("expected exactly one of `seeds` (with an optional `only`), `parts` and `runs`")
        if self.seeds is None and self.only is not None:
            raise ValueError("`only` can be combined only with `seeds`; in `parts`, set it in each part")
        return self

    @property
    def wanted(self) -> list[MoreSeeds]:
        """The parts of the request."""
        return self.parts or [MoreSeeds(seeds=self.seeds or 1, only=self.only)]


class RunPatch(Strict):
    """Body of `PATCH /runs/{id}`; omitted fields stay unchanged."""

    version: Annotated[
        int | None,
        Field(ge=1, le=MAX_ID, description="The version that was read; an outdated one is rejected."),
    ] = None
    name: Annotated[Name | None, Field(description="Null for the name made from hyperparameters.")] = None
    tags: Annotated[
        Tags, Field(default_factory=list, description="Up to 20 tags; they replace the old ones.")
    ]
    note: Annotated[Note, Field(default_factory=str, description="Free text.")]
    archived: Annotated[bool, Field(default_factory=bool, description="Whether lists hide it by default.")]
    priority: Annotated[Priority, Field(default_factory=int, description="Higher priority starts first.")]


class StudyPatch(Strict):
    """Body of `PATCH /studies/{id}`; omitted fields stay unchanged."""

    version: Annotated[
        int | None,
        Field(ge=1, le=MAX_ID, description="The version that was read; an outdated one is rejected."),
    ] = None
    name: Annotated[Name | None, Field(description="Null for the name made from the values of its runs.")] = (
        None
    )
    description: Annotated[Note, Field(default_factory=str, description="Free text, as Markdown.")]
    tags: Annotated[
        Tags, Field(default_factory=list, description="Up to 20 tags; they replace the old ones.")
    ]
    archived: Annotated[
        bool, Field(default_factory=bool, description="Whether the list hides it by default.")
    ]


class ViewRequest(Strict):
    """Body of `POST /views` and `PUT /views/{id}`."""

    name: Annotated[Name, Field(description="Its name; each view has another.")]
    query: Annotated[
        str,
        Field(
            max_length=MAX_FILTER,
            description="Query string of the page: filters, `sort`, `group`, `columns` and `limit`.",
        ),
    ]


class ViewPatch(Strict):
    """Body of `PATCH /views/{id}`; omitted fields stay unchanged."""

    name: Annotated[Name, Field(default="", description="Its name; each view has another.")]
    query: Annotated[str, Field(default="", max_length=MAX_FILTER, description="Query string of the page.")]


BulkAction = Literal["cancel", "retry", "archive", "restore", "delete", "tag", "untag"]


class BulkRequest(Strict):
    """Body of `POST /runs/bulk`: an action on runs that are listed by id or that match a filter."""

    ids: Annotated[list[RunId], Field(min_length=1, max_length=MAX_BULK, description="Ids of the runs.")] = []
    filter: Annotated[
        str | None,
        Field(
            max_length=MAX_FILTER,
            description="Alternative to `ids`: the query string of `GET /runs` that selects runs, such "
            "as `status=failed&lr=>0.1`. `archived=all` selects all runs; an empty filter is rejected.",
        ),
    ] = None
    expected: Annotated[
        int | None,
        Field(
            ge=0,
            le=MAX_ID,
            description="Only with `filter`: the number of runs that it must match; otherwise nothing is "
            "changed and the response is `409`.",
        ),
    ] = None
    action: Annotated[BulkAction, Field(description="What to do with each run.")]
    tag: Annotated[Tag | None, Field(description="The tag; only with the actions tag and untag.")] = None

    @model_validator(mode="after")
    def _one_selection(self) -> Self:
        if bool(self.ids) == (self.filter is not None):
            raise ValueError("expected either `ids` or `filter`")
        if self.expected is not None and self.filter is None:
            raise ValueError("`expected` is allowed only with `filter`")
        return self

    @model_validator(mode="after")
    def _tag_belongs(self) -> Self:
        if (self.tag is not None) != (self.action in ("tag", "untag")):
            raise ValueError("`tag` is required for the actions tag and untag, and not allowed for others")
        return self


MoveTo = Annotated[
    Literal["top", "bottom", "up", "down"] | Annotated[int, Field(ge=1, le=MAX_ID)],
    Field(description="The place: an end, one place up or down, or a number from 1."),
]


class MoveRequest(Strict):
    """Body of `POST /queue/move`: one run as `id`, or several as `ids`, which keep their order."""

    id: Annotated[RunId | None, Field(description="Id of the run.")] = None
    ids: Annotated[
        list[RunId] | None, Field(min_length=1, max_length=10_000, description="Ids of several runs.")
    ] = None
    to: MoveTo

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if (self.id is None) == (self.ids is None):
            raise ValueError("expected either `id` or `ids`")
        return self

    @property
    def wanted(self) -> list[int]:
        """The ids of the runs to move."""
        return self.ids if self.ids is not None else [self.id or 0]
