"""Bodies of requests and responses about the list of runs: groups, values, tags and saved views."""

from typing import Annotated, Any

from pydantic import BaseModel, Field

from app.schemas.bodies import Name, Strict
from app.schemas.run_fields import Timestamp
from app.schemas.runs import MAX_FILTER
from app.schemas.status import Status


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


class ViewOut(BaseModel):
    """A saved view of the list of runs."""

    id: Annotated[int, Field(description="The view's id.")]
    name: Annotated[str, Field(description="Its name.")]
    query: Annotated[str, Field(description="Query string of the page.")]
    created_at: Annotated[Timestamp, Field(description="Time of its creation.")]


class ViewList(BaseModel):
    """Response of `GET /views`."""

    views: Annotated[list[ViewOut], Field(description="All views, by name.")]


class FieldValue(BaseModel):
    """A value of a field, and how many runs have it."""

    value: Annotated[str, Field(description="The value as filters write it.")]
    runs: Annotated[int, Field(description="Number of runs with this value.")]


class FieldValues(BaseModel):
    """Response of `GET /runs/values`."""

    field: Annotated[str, Field(description="The field.")]
    values: Annotated[list[FieldValue], Field(description="Its most frequent values, at most 200.")]


class AccuracySpread(BaseModel):
    """Test accuracies of the finished runs of a group."""

    n: Annotated[int, Field(description="Number of finished runs with a test accuracy.")]
    mean: Annotated[float, Field(description="Mean test accuracy.")]
    std: Annotated[float | None, Field(description="Sample standard deviation (n - 1); null for one run.")]
    best: Annotated[float, Field(description="Highest test accuracy.")]
    best_run: Annotated[
        int, Field(description="The run with the highest test accuracy; the oldest of several.")
    ]


class RunGroup(BaseModel):
    """Runs with equal values of the fields of `group`."""

    key: Annotated[dict[str, Any], Field(description="The value of each field; null if the runs have none.")]
    runs: Annotated[int, Field(description="Number of runs.")]
    counts: Annotated[dict[Status, int], Field(description="Number of runs by status.")]
    diverged: Annotated[int, Field(description="Failed runs whose loss diverged; `counts` includes them.")]
    test_accuracy: Annotated[
        AccuracySpread | None,
        Field(description="Test accuracy of the finished runs; null if there are none."),
    ]
    filter: Annotated[str, Field(description="Query string that selects the runs of the group.")]


class RunGroups(BaseModel):
    """Response of `GET /runs` with `group`."""

    groups: Annotated[list[RunGroup], Field(description="The groups of this page.")]
    next_cursor: Annotated[str | None, Field(description="`cursor` of the next page; null on the last page.")]
    previous_cursor: Annotated[
        str | None, Field(description="`cursor` of the page before; null on the first page.")
    ]
    total: Annotated[int, Field(description="Number of runs that match, in all groups.")]
    group_count: Annotated[int, Field(description="Number of groups, on all pages.")]


class TagCount(BaseModel):
    """A tag, and how many runs and studies have it."""

    tag: Annotated[str, Field(description="The tag.")]
    runs: Annotated[int, Field(description="Number of runs with it, archived ones included.")]
    studies: Annotated[int, Field(description="Number of studies with it, archived ones included.")]


class TagList(BaseModel):
    """Response of `GET /tags`."""

    tags: Annotated[
        list[TagCount], Field(description="All tags of runs and studies, the most frequent first.")
    ]
