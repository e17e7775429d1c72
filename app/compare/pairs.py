"""Samples of groups, and the tests of every pair."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from app.formats import plural
from app.prose import listed, seeds
from app.schemas.comparison import Pair
from app.schemas.configurations import identity
from app.statistics import SIGNIFICANCE, Difference, holm, paired, seeds_to_settle, welch


@dataclass(frozen=True, slots=True)
class Sample:
    """A group's name and its runs' final accuracies.

    `seeds` are those of its runs, in the same order. Groups of one architecture, `layer_sizes`, the same data
    and the same seeds started from the same weights, and are compared seed by seed. `mixed` says in what the
    runs differ besides their seeds; `key` is what they agree in, and `datasets` what they were tested on, by
    one name for all that hold the same images. `guessing` is how many of its runs are no better than
    guessing. A sample is found by its key, and one without a key by its label.
    """

    label: str
    test: Sequence[float]
    train: Sequence[float]
    depth: int | None = None
    layer_sizes: Sequence[int] = ()
    seeds: Sequence[int] = ()
    key: Mapping[str, Any] = field(default_factory=dict)
    mixed: Sequence[str] = ()
    datasets: Sequence[str] = ()
    guessing: int = 0

    @property
    def id(self) -> str:
        """What it is found by: no two samples of a comparison have the same."""
        return identity(self.key) or self.label

    @property
    def size(self) -> str:
        """How many runs it has, in words: `3 seeds`, or `6 runs of 3 seeds` if they are not one a seed."""
        if not self.mixed:
            return seeds(len(self.test))
        return f"{plural(len(self.test), 'run')} of {seeds(len(set(self.seeds)))}"

    @property
    def family(self) -> tuple[Any, ...] | None:
        """What samples have in common whose runs belong together seed by seed; None if they can't."""
        if not self.layer_sizes or self.mixed or len(set(self.seeds)) < len(self.seeds):
            return None
        return (*self.layer_sizes, "data", *self.datasets, "seeds", *sorted(self.seeds))

    def pairs_with(self, other: "Sample") -> bool:
        """Whether each run here has its twin in the other group."""
        return self.family is not None and self.family == other.family

    def in_order(self, values: Sequence[float]) -> list[float]:
        """These values, one a run, in the order of the seeds."""
        return [value for _, value in sorted(zip(self.seeds, values, strict=True))]


def several_datasets(samples: Sequence[Sample]) -> list[str]:
    """The data sets that these samples were tested on; none if it is the same one for all."""
    found = sorted({name for sample in samples for name in sample.datasets})
    return found if len(found) > 1 else []


def compare_pairs(samples: Sequence[Sample]) -> list[Pair]:
    """Every two samples: how far their test accuracies are apart, and whether by more than chance."""
    couples = list(combinations(samples, 2))
    differences = [difference(first, second) for first, second in couples]
    adjusted = holm([found.p for found in differences])
    tests = sum(p is not None for p in adjusted)
    return [
        Pair(
            depths=None if first.depth is None or second.depth is None else (first.depth, second.depth),
            groups=(first.label, second.label),
            ids=(first.id, second.id),
            difference=found.mean,
            ci95=found.ci95,
            p=p,
            paired=first.pairs_with(second),
            different=None if p is None else p < SIGNIFICANCE,
            untested=_why_untested(first, second) if p is None else None,
            more_seeds=None if p is None or p < SIGNIFICANCE else _more_seeds(first, second, tests),
        )
        for (first, second), found, p in zip(couples, differences, adjusted, strict=True)
    ]


def train_differences(samples: Sequence[Sample]) -> dict[tuple[str, str], Difference]:
    """The same of the train accuracies, by the ids of both; p is Holm-adjusted over all of them."""
    couples = list(combinations(samples, 2))
    found = [_compared(first, second, first.train, second.train) for first, second in couples]
    return {
        (first.id, second.id): Difference(each.mean, each.ci95, p)
        for (first, second), each, p in zip(couples, found, holm([each.p for each in found]), strict=True)
    }


def difference(first: Sample, second: Sample) -> Difference:
    """How far the test accuracies of two samples are apart."""
    return _compared(first, second, first.test, second.test)


def _compared(first: Sample, second: Sample, ones: Sequence[float], others: Sequence[float]) -> Difference:
    if first.pairs_with(second):
        return paired(first.in_order(ones), second.in_order(others))
    found = welch(ones, others)
    if first.mixed or second.mixed or first.datasets != second.datasets:
        return Difference(found.mean, None, None)
    return found


def _why_untested(first: Sample, second: Sample) -> str:
    """Why there is no test of two samples, and what to do about it where something can be done."""
    if mixed := list(dict.fromkeys([*first.mixed, *second.mixed])):
        mixing = [sample.label for sample in (first, second) if sample.mixed]
        names = " and ".join(mixed)
        why = f"the runs of {listed(mixing)} differ in {names}"
        return f"{why}, so there is no test: split by {names}"
    if first.datasets != second.datasets:
        return "they used different images, so no test is possible"
    single = [sample.label for sample in (first, second) if len(sample.test) == 1]
    if single:
        whose = "a single seed each" if len(single) > 1 else f"the single seed of {single[0]}"
        return f"with {whose} no test is possible"
    if first.pairs_with(second):
        return "the difference is the same with every seed, so there is no spread to test it against"
    return "neither has any spread over its seeds, so no test is possible"


def _more_seeds(first: Sample, second: Sample, tests: int) -> int | None:
    if first.pairs_with(second):
        one, other = first.in_order(first.test), second.in_order(second.test)
        wanted = seeds_to_settle(one, other, SIGNIFICANCE / tests, by_pairs=True)
    else:
        wanted = seeds_to_settle(first.test, second.test, SIGNIFICANCE / tests)
    return None if wanted is None else max(1, wanted - min(len(first.test), len(second.test)))
