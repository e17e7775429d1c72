"""Which values of each hyperparameter the runs of a study have: in words, and as a form takes them."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from app.formats import plural, written
from app.schemas.configurations import title_of
from app.schemas.hyperparameters import HYPERPARAMETERS
from app.text_keys import ascending
from trainer.config import Hyperparameters

Axes = Mapping[str, Sequence[Any]]
"""The values of each hyperparameter, ascending."""

_SHORTEST_RANGE: Final = 3
"""From this many consecutive numbers on, they are written as a range."""
_NAMED: Final = 5
"""The maximum number of values that a description lists."""


def of_runs(runs: Iterable[Hyperparameters]) -> dict[str, list[Any]]:
    """The values of each hyperparameter among these runs or configurations."""
    everything = list(runs)
    return {name: ascending({getattr(run, name) for run in everything}) for name in HYPERPARAMETERS}


def size(axes: Axes) -> int:
    """The number of combinations of these values."""
    return math.prod(len(values) for values in axes.values())


def is_full_grid(runs: Iterable[Hyperparameters]) -> bool:
    """Whether these runs are every combination of their values."""
    everything = list(runs)
    different = {tuple(getattr(run, name) for name in HYPERPARAMETERS) for run in everything}
    return len(different) == size(of_runs(everything)) or not everything


def in_words(runs: Iterable[Hyperparameters]) -> str:
    """What varies: `depth 1–5 × learning rate 0.01, 0.05 × 3 seeds`; empty if nothing does.

    If configurations have different numbers of seeds, the fewest and the most: `2 to 3 seeds`.
    """
    everything = list(runs)
    axes = of_runs(everything)
    return " × ".join(
        _seeds(everything) if name == "seed" else _in_words(name, values)
        for name, values in axes.items()
        if len(values) > 1
    )


def _seeds(runs: Sequence[Hyperparameters]) -> str:
    others = [name for name in HYPERPARAMETERS if name != "seed"]
    found: dict[tuple[Any, ...], set[int]] = {}
    for run in runs:
        found.setdefault(tuple(getattr(run, name) for name in others), set()).add(run.seed)
    counts = [len(seeds) for seeds in found.values()]
    fewest = f"{min(counts):,} to " if min(counts) < max(counts) else ""
    return fewest + plural(max(counts), "seed")


def _in_words(name: str, values: Sequence[Any]) -> str:
    if _is_range(values):
        shown = f"{values[0]:,}\N{EN DASH}{values[-1]:,}"
    elif len(values) <= _NAMED:
        shown = ", ".join(map(written, values))
    else:
        shown = f"{len(values)} values"
    return f"{title_of(name).lower()} {shown}"


def typed(values: Sequence[Any]) -> str:
    """The values as a form takes them: `1-5`, or `0.01, 0.05`."""
    return f"{values[0]}-{values[-1]}" if _is_range(values) else ", ".join(map(written, values))


def _is_range(values: Sequence[Any]) -> bool:
    """Whether these are consecutive whole numbers, enough of them for a range."""
    return (
        len(values) >= _SHORTEST_RANGE
        and all(type(value) is int for value in values)
        and list(values) == list(range(values[0], values[-1] + 1))
    )
