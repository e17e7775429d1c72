"""Bodies of requests and responses about studies: grids, previews, edits."""

import itertools
from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any, Final, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    GetJsonSchemaHandler,
    create_model,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from app.schemas.bodies import MAX_ID, Labels, Name, Note, RunId, Strict, Tags, TimeRange
from app.schemas.hyperparameters import HYPERPARAMETERS
from app.schemas.run_fields import Timestamp
from app.schemas.status import Status
from trainer.config import TrainConfig, conflicts

MAX_GRID: Final = 1_000
MAX_SEEDS: Final = 100


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


class StudyOut(BaseModel):
    """A study: its runs and their progress."""

    id: Annotated[int, Field(description="The study's id.")]
    version: Annotated[int, Field(description="Each edit increases it.")] = 1
    name: Annotated[str, Field(description="The study's name.")]
    description: Annotated[str, Field(description="Free text, as Markdown.")] = ""
    tags: Annotated[list[str], Field(description="Up to 20 tags.")] = []
    archived: Annotated[bool, Field(description="Whether the list hides it by default.")] = False
    created_at: Annotated[Timestamp, Field(description="Time of its creation.")]
    runs: Annotated[list[int], Field(description="Ids of its runs.")]
    counts: Annotated[dict[Status, int], Field(description="Number of its runs by status.")]
    progress: Annotated[
        float,
        Field(ge=0, le=1, description="Fraction of all epochs that are recorded, or belong to ended runs."),
    ]
    eta_seconds: Annotated[
        float | None,
        Field(
            description="Seconds until its last run ends, time in the queue included; null if a run "
            "waits for a device."
        ),
    ]
    eta_range: Annotated[
        TimeRange | None,
        Field(description="80 % prediction interval of `eta_seconds`; null if that is null."),
    ] = None


class StudyList(BaseModel):
    """Response of `GET /studies`."""

    studies: Annotated[list[StudyOut], Field(description="The studies, by default all, newest first.")]
    next_cursor: Annotated[
        str | None, Field(description="`cursor` of the next page; null on the last page.")
    ] = None
    total: Annotated[int, Field(description="Number of studies that match, on all pages.")]


class PastRuns(BaseModel):
    """What past runs reached with the same depth, optimizer and data set, and a similar learning rate."""

    depth: Annotated[int, Field(description="Their depth.")]
    optimizer: Annotated[str, Field(description="Their optimizer.")]
    has_momentum: Annotated[bool, Field(description="Whether they have a momentum above 0.")]
    dataset: Annotated[str, Field(description="Their data set.")]
    lr: Annotated[float, Field(description="The planned learning rate; theirs are within a factor of 2.")]
    lrs: Annotated[list[float], Field(description="Their learning rates, ascending.")]
    epochs: Annotated[tuple[int, int], Field(description="Their smallest and largest number of epochs.")]
    finished: Annotated[int, Field(description="How many finished.")]
    diverged: Annotated[int, Field(description="How many diverged.")]
    median: Annotated[float | None, Field(description="Median test accuracy; null if none finished.")]
    best: Annotated[float | None, Field(description="Best test accuracy; null if none finished.")]
    best_id: Annotated[int | None, Field(description="Id of the run with the best test accuracy.")]


class Rejection(BaseModel):
    """Invalid combinations of values that a request with `skip_invalid` leaves out."""

    reason: Annotated[str, Field(description="Why they are invalid, and what to choose instead.")]
    combinations: Annotated[int, Field(description="Number of such combinations.")]


class StudyPreview(BaseModel):
    """The size and estimated time of a study; nothing is created."""

    runs: Annotated[int, Field(description="Number of runs.")]
    duplicates: Annotated[int, Field(description="How many of them have an identical finished run.")]
    seconds: Annotated[float, Field(description="Estimated time to train them all, in seconds.")]
    seconds_range: TimeRange
    basis: Annotated[str, Field(description="Basis of the estimate.")]
    can_show: Annotated[
        str,
        Field(
            description="The smallest difference that the study can show, in a sentence; empty if unknown."
        ),
    ] = ""
    warnings: Annotated[
        list[str], Field(description="Warnings about unusual values; they do not reject the request.")
    ] = []
    rejected: Annotated[
        list[Rejection], Field(description="Combinations that `skip_invalid` leaves out, by reason.")
    ] = []
    past: Annotated[
        list[PastRuns], Field(description="What similar past runs reached, by depth and learning rate.")
    ] = []
