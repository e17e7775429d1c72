"""The tests of every pair of groups."""

from collections.abc import Sequence
from itertools import combinations

from app.compare.groups import Group
from app.prose import listed
from app.schemas.comparison import Pair
from app.schemas.configurations import titles
from app.statistics import SIGNIFICANCE, Difference, holm, paired, seeds_to_settle, welch


def several_datasets(groups: Sequence[Group]) -> list[str]:
    """The data sets of these groups if there are several, else an empty list."""
    found = sorted({name for group in groups for name in group.datasets})
    return found if len(found) > 1 else []


def compare_pairs(groups: Sequence[Group]) -> list[Pair]:
    """Compare every two groups: the difference of their test accuracies, and whether it is significant."""
    couples = list(combinations(groups, 2))
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


def train_differences(groups: Sequence[Group]) -> dict[tuple[str, str], Difference]:
    """Differences of train accuracies by the ids of both groups; p is Holm-adjusted over all pairs."""
    couples = list(combinations(groups, 2))
    found = [
        _compared(first, second, first.train_accuracies, second.train_accuracies) for first, second in couples
    ]
    return {
        (first.id, second.id): Difference(each.mean, each.ci95, p)
        for (first, second), each, p in zip(couples, found, holm([each.p for each in found]), strict=True)
    }


def difference(first: Group, second: Group) -> Difference:
    """The difference of the test accuracies of two groups."""
    return _compared(first, second, first.test_accuracies, second.test_accuracies)


def _compared(first: Group, second: Group, ones: Sequence[float], others: Sequence[float]) -> Difference:
    if first.pairs_with(second):
        return paired(first.in_order(ones), second.in_order(others))
    found = welch(ones, others)
    if first.mixed or second.mixed or first.datasets != second.datasets:
        return Difference(found.mean, None, None)
    return found


def _why_untested(first: Group, second: Group) -> str:
    """Why two groups can't be tested, and how to make a test possible."""
    if mixed := [*first.mixed, *second.mixed]:
        mixing = [group.label for group in (first, second) if group.mixed]
        names = titles(mixed)
        why = f"the runs of {listed(mixing)} differ in {names}"
        return f"{why}, so there is no test: split by {names}"
    if first.datasets != second.datasets:
        return "they used different images, so no test is possible"
    single = [group.label for group in (first, second) if len(group.runs) == 1]
    if single:
        whose = "a single seed each" if len(single) > 1 else f"the single seed of {single[0]}"
        return f"with {whose} no test is possible"
    if first.pairs_with(second):
        return "the difference is the same with every seed, so there is no spread to test it against"
    return "neither has any spread over its seeds, so no test is possible"


def _more_seeds(first: Group, second: Group, tests: int) -> int | None:
    if first.pairs_with(second):
        one, other = first.in_order(first.test_accuracies), second.in_order(second.test_accuracies)
        wanted = seeds_to_settle(one, other, SIGNIFICANCE / tests, by_pairs=True)
    else:
        wanted = seeds_to_settle(first.test_accuracies, second.test_accuracies, SIGNIFICANCE / tests)
    return None if wanted is None else max(1, wanted - min(len(first.runs), len(second.runs)))
