"""How runs ended besides their accuracy: diverged, guessing, or with a dip at the end."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Final

from app.formats import plural
from app.prose import listed
from app.schemas.runs import RunOut
from app.schemas.status import ENDED, has_diverged

_DEEP: Final = 5.0
"""A dip is this many typical deviations of the recent epochs deep …"""
_LEAST: Final = 0.005
"""… and at least this deep, as a fraction."""
_FEWEST: Final = 3
"""Recent epochs that a dip is measured against."""


def diverged(runs: Iterable[RunOut]) -> list[RunOut]:
    """The runs that failed because their loss diverged."""
    return [run for run in runs if has_diverged(run.status, run.reason)]


def failed(runs: Iterable[RunOut]) -> list[RunOut]:
    """The runs that failed for other reasons."""
    return [run for run in runs if run.status == "failed" and not has_diverged(run.status, run.reason)]


def dips(runs: Iterable[RunOut], recent: Mapping[int, Sequence[float]]) -> list[int]:
    """The ids of finished runs whose final test accuracy is far below that of their own recent epochs.

    `recent` are the test accuracies of each run's last epochs, the final one last. Far is five median
    absolute deviations below their median, and at least 0.5 percentage points.
    """
    return [
        run.id
        for run in runs
        if run.test_accuracy is not None and _is_dip(run.test_accuracy, recent.get(run.id, ())[:-1])
    ]


def _is_dip(final: float, recent: Sequence[float]) -> bool:
    if len(recent) < _FEWEST:
        return False
    middle = median(recent)
    typical = median(abs(value - middle) for value in recent)
    return middle - final > max(_LEAST, _DEEP * typical)


def improvement(first: Sequence[float], second: Sequence[float]) -> float:
    """The share of pairs of runs, one of each group, in which the second has the higher accuracy.

    Ties count half: the probability of improvement of R. Agarwal et al., "Deep Reinforcement Learning at the
    Edge of the Statistical Precipice", NeurIPS 2021.
    """
    ordered = sorted(first)
    wins = sum(bisect_left(ordered, value) + bisect_right(ordered, value) for value in second) / 2
    return wins / (len(first) * len(second))


def outcomes(runs: Sequence[RunOut], groups: Mapping[str, Sequence[RunOut]]) -> list[str]:
    """How many ended runs diverged, failed, or are not significantly above guessing, in a sentence each.

    `groups` are the runs of each group by its label.
    """
    ended = [run for run in runs if run.status in ENDED]
    kinds = (
        (diverged(ended), "diverged", "diverged"),
        (failed(ended) if any(run.status == "finished" for run in ended) else [], "failed", "failed"),
        (
            [run for run in ended if run.guessing],
            "is not significantly above guessing",
            "are not significantly above guessing",
        ),
    )
    found = []
    for which, one, many in kinds:
        if which:
            ids = {run.id for run in which}
            names = listed(
                [label for label, members in groups.items() if any(run.id in ids for run in members)]
            )
            share = f"{len(which)} of {plural(len(ended), 'run')}"
            found.append(f"{share} {one if len(which) == 1 else many} ({names}).")
    return found


def dip_sentences(dipped: Sequence[int]) -> list[str]:
    """A sentence on runs that end in a dip, if any."""
    if not dipped:
        return []
    ids = listed([str(run_id) for run_id in dipped])
    named = f"Runs {ids} end" if len(dipped) > 1 else f"Run {ids} ends"
    return [f"{named} in a dip: the final test accuracy is far below that of the epochs before."]
