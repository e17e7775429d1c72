"""Groups runs by depth or other fields."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import fmean, median
from typing import Any, Final

from app import prose
from app.compare.marks import marks
from app.formats import plural
from app.prose import Noun
from app.runs.listing.errors import QueryError
from app.schemas.compare.comparison import GroupRow, Members, Spread
from app.schemas.configurations import (
    FOUND,
    datasets_by_content,
    differing,
    identity,
    part,
    repeats,
    shown_apart,
    title_of,
    varied,
)
from app.schemas.hyperparameters import HYPERPARAMETERS
from app.schemas.runs import RunOut
from app.statistics import spread
from app.text_keys import ascending, natural

BY_DEPTH: Final = ("depth",)
AXES: Final = (*(name for name in HYPERPARAMETERS if name != "seed"), *FOUND)
"""Fields to group runs by. The seed is not one: groups average over seeds."""

GOOD: Final = 0.97
"""The test accuracy of the column *Time to 97 %*."""

_MOST: Final = 40
"""The maximum number of groups in one chart."""

_COUNTED: Final = {
    "depth": "depth",
    "lr": "learning rate",
    "batch_size": "batch size",
    "width": "width",
    "optimizer": "optimizer",
    "schedule": "schedule",
    "device": "device",
    "device_used": "device",
    "dataset": "data set",
}
"""Nouns for counted values; other fields use "value of"."""


@dataclass(frozen=True)
class Group:
    """Runs with the same values of the fields they are grouped by: a sample of their accuracies.

    `label` is the group in words, unique within a comparison: `3 layers`, `lr 0.1`, `3 layers, adamw`.
    `datasets` are the data sets that its finished runs were tested on; data sets with the same images share
    one name.
    """

    key: Mapping[str, Any]
    runs: Sequence[RunOut]
    label: str
    datasets: Sequence[str] = ()

    @cached_property
    def id(self) -> str:
        """Identifies the group in every comparison: `depth=3`, `depth=3,optimizer=adamw`."""
        return identity(self.key)

    @property
    def depth(self) -> int | None:
        """The depth of its runs if depth is the only grouping, else None."""
        return self.key["depth"] if tuple(self.key) == BY_DEPTH else None

    @cached_property
    def architecture(self) -> tuple[int, ...]:
        """The layer sizes of its runs; empty if they differ."""
        sizes = {tuple(run.layer_sizes) for run in self.runs}
        return sizes.pop() if len(sizes) == 1 else ()

    @cached_property
    def seeds(self) -> list[int]:
        """The seed of each run."""
        return [run.seed for run in self.runs]

    @property
    def size(self) -> str:
        """The number of runs in words: `3 seeds`, or `6 runs of 3 seeds` if its runs are mixed."""
        if not self.mixed:
            return prose.seeds(len(self.runs))
        return f"{plural(len(self.runs), 'run')} of {prose.seeds(len(set(self.seeds)))}"

    @cached_property
    def family(self) -> tuple[Any, ...] | None:
        """A key shared by groups whose runs pair seed by seed; None if the group can't be paired.

        Runs with the same architecture, data and seed start from the same weights.
        """
        if not self.architecture or self.mixed or len(set(self.seeds)) < len(self.seeds):
            return None
        return (*self.architecture, "data", *self.datasets, "seeds", *sorted(self.seeds))

    def pairs_with(self, other: "Group") -> bool:
        """Whether each run has a counterpart with the same seed in the other group."""
        return self.family is not None and self.family == other.family

    @cached_property
    def mixed(self) -> list[str]:
        """The fields other than the seed in which its runs differ; with any, it is no sample over seeds."""
        return list(differing(self.runs))

    @property
    def guessing(self) -> int:
        """The number of runs whose test accuracy is not significantly above guessing."""
        return sum(run.guessing is not None for run in self.runs)

    @cached_property
    def test_accuracies(self) -> list[float]:
        """The final test accuracy of each run."""
        return [run.test_accuracy or 0.0 for run in self.runs]

    @cached_property
    def mean(self) -> float:
        """The mean test accuracy."""
        return fmean(self.test_accuracies)

    @cached_property
    def train_accuracies(self) -> list[float]:
        """The final train accuracy of each run."""
        return [run.train_accuracy or 0.0 for run in self.runs]


def axes(text: str) -> tuple[str, ...]:
    """Parse the `by` parameter of a query string.

    Raises:
        QueryError: a name is not a field to group by.
    """
    names = tuple(dict.fromkeys(name for part in text.split(",") if (name := part.strip())))
    for name in names:
        if name not in AXES:
            raise QueryError("by", f"can't group by {name!r}; expected one of {', '.join(AXES)}")
    return names


def grouped(runs: Iterable[RunOut], by: Sequence[str]) -> list[Group]:
    """Group runs by these fields, in ascending order of values; runs in a group are ordered by id."""
    found: dict[tuple[Any, ...], list[RunOut]] = {}
    for run in sorted(runs, key=lambda run: run.id):
        found.setdefault(tuple(part(run, name) for name in by), []).append(run)
    words = [_worded(name, {key[place] for key in found}) for place, name in enumerate(by)]
    return [
        Group(
            dict(zip(by, key, strict=True)),
            found[key],
            ", ".join(each[value] for each, value in zip(words, key, strict=True)),
        )
        for key in sorted(found, key=_order)
    ]


def among(groups: Sequence[Group], runs: Iterable[RunOut]) -> list[Group]:
    """Reduce groups to these finished runs; groups without any of them are dropped."""
    judged = list(runs)
    ids = {run.id for run in judged}
    names = datasets_by_content(judged)
    kept = [(group, [run for run in group.runs if run.id in ids]) for group in groups]
    return [
        replace(group, runs=runs, datasets=ascending({names[run.dataset] for run in runs}))
        for group, runs in kept
        if runs
    ]


def members(groups: Sequence[Group]) -> list[Members]:
    """The runs of each group, and its mark in charts."""
    looks = marks([group.key for group in groups])
    return [
        Members(
            id=group.id,
            key=dict(group.key),
            label=group.label,
            shade=mark.shade,
            dash=mark.dash,
            symbol=mark.symbol,
            runs=[run.id for run in group.runs],
        )
        for group, mark in zip(groups, looks, strict=True)
    ]


def marks_of_runs(members: Iterable[Members]) -> dict[int, Members]:
    """The group whose mark a run has, by run id."""
    return {run_id: group for group in members for run_id in group.runs}


def parted(runs: Sequence[RunOut]) -> tuple[str, ...]:
    """Choose a grouping whose groups are one configuration each: all fields that differ.

    The last fields are dropped while there are more than 40 groups, too many to distinguish in a chart.
    """
    names = varied(runs)
    while len(names) > 1 and len({tuple(part(run, name) for name in names) for run in runs}) > _MOST:
        names.pop()
    return tuple(names)


def finished(runs: Iterable[RunOut]) -> list[RunOut]:
    """The runs that have finished."""
    return [run for run in runs if run.status == "finished"]


def judged(runs: Iterable[RunOut]) -> tuple[list[RunOut], list[RunOut]]:
    """The finished runs, each configuration and seed once, and those that a later run repeats."""
    ended = finished(runs)
    repeated = repeats(ended)
    repeated_ids = {run.id for run in repeated}
    return [run for run in ended if run.id not in repeated_ids], repeated


def row(
    group: Group,
    seconds_to_good: Mapping[int, float],
    *,
    diverged: int,
    dips: Sequence[int],
    is_best: bool | None,
) -> GroupRow:
    """A group's row, with the number of its runs that diverged and the ids of runs that end in a dip.

    `seconds_to_good` maps run ids to the seconds until `GOOD`.
    """
    runs = group.runs
    parameters = {run.parameters for run in runs}
    gaps = [a - b for a, b in zip(group.train_accuracies, group.test_accuracies, strict=True)]
    times = [run.train_seconds or 0.0 for run in runs]
    seconds = [seconds_to_good[run.id] for run in runs if run.id in seconds_to_good]
    return GroupRow(
        id=group.id,
        key=dict(group.key),
        label=group.label,
        runs=[run.id for run in runs],
        n=len(runs),
        seeds=len(set(group.seeds)),
        mixed=group.mixed,
        parameters=parameters.pop() if len(parameters) == 1 else None,
        train_accuracy=over_seeds(group, group.train_accuracies),
        test_accuracy=over_seeds(group, group.test_accuracies),
        guessing=group.guessing,
        gap=over_seeds(group, gaps),
        test_loss=over_seeds(group, [run.test_loss or 0.0 for run in runs]),
        train_seconds=over_seeds(group, times),
        train_seconds_median=median(times),
        seconds_to_97=median(seconds) if seconds else None,
        reached_97=len(seconds),
        median=median(group.test_accuracies),
        diverged=diverged,
        dips=[run.id for run in runs if run.id in dips],
        best=is_best,
    )


def over_seeds(group: Group, values: Sequence[float]) -> Spread:
    """The spread of the runs' values, without an interval if the runs differ in more than their seeds."""
    found = spread(values)
    return found.model_copy(update={"ci95": None}) if group.mixed else found


def noun(by: Sequence[str]) -> Noun:
    """The noun for groups by these fields."""
    if len(by) > 1:
        return Noun("group", "groups")
    if by[0] == "data_version":
        return Noun("version of the data", "versions of the data")
    if by[0] == "epochs":
        return Noun("number of epochs", "numbers of epochs")
    if by[0] in _COUNTED:
        one = _COUNTED[by[0]]
        return Noun(one, f"{one}s")
    title = title_of(by[0]).lower()
    return Noun(f"value of {title}", f"values of {title}")


def _order(key: tuple[Any, ...]) -> tuple[tuple[bool, Any], ...]:
    """A sort key for ascending order; values that are not set come first."""
    return tuple((value is not None, natural(value) if isinstance(value, str) else value) for value in key)


def _worded(name: str, values: Iterable[Any]) -> dict[Any, str]:
    """A distinct label for each value of a field."""
    return {value: _named(name, value, text) for value, text in shown_apart(values).items()}


def _named(name: str, value: object, text: str) -> str:
    if name == "depth":
        return plural(int(text), "layer")
    title = name if name == "lr" else title_of(name).lower()
    if value is None:
        return f"{title} not known yet"
    if name == "data_version":
        return f"data {text}"
    return text if isinstance(value, str) else f"{title} {text}"
