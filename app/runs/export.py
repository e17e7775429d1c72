"""CSV of runs, curves and groups, line by line."""

import csv
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from app.schemas.compare.comparison import Findings, GroupRow, Spread
from app.schemas.epochs import EPOCH_COLUMNS, EpochColumns
from app.schemas.runs import RunOut

_MORE_THAN_LAYERS: Final = {"layer_sizes": 1, "gradient_norms": 0, "dead_relu": -1}
"""Lists of numbers, and how many elements more than layers of the network each has.

Besides its own column, each has a column per element, such as `layer_sizes_1`.
"""

_SPREADS: Final = ("train_accuracy", "test_accuracy", "gap", "test_loss", "train_seconds")
_FORMULA: Final = (*"=+-@\t\r\n", *"\uff1d\uff0b\uff0d\uff20")
"""First characters that spreadsheets treat as a formula, also in full width."""


def runs(listed: Iterable[RunOut], layers: int) -> Iterator[str]:
    """One line per run, one column per field; lists as JSON. No run has more than `layers` layers."""
    return _table(RunOut.model_fields, (run.model_dump() for run in listed), layers)


def epochs(curves: Iterable[tuple[RunOut, EpochColumns]], layers: int) -> Iterator[str]:
    """One line per epoch of each run; the run's own fields come first, as `run_…`.

    No run has more than `layers` layers.
    """
    fields = [f"run_{name}" for name in RunOut.model_fields]
    rows = (
        {**own, **dict(zip(EPOCH_COLUMNS, figures, strict=True))}
        for run, columns in curves
        for own in [_prefixed(run)]
        for figures in zip(*(getattr(columns, name) for name in EPOCH_COLUMNS), strict=True)
    )
    return _table([*fields, *EPOCH_COLUMNS], rows, layers)


def groups(findings: Findings) -> Iterator[str]:
    """One line per group: its key, and mean, deviation, extremes and interval of each figure."""
    rows = [_group(row) for row in findings.groups]
    return _table(rows[0] if rows else [*findings.by, "label"], rows, 0)


def _group(row: GroupRow) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    for name in _SPREADS:
        figures |= _spread(name, getattr(row, name))
    return {
        **row.key,
        "label": row.label,
        "n": row.n,
        "seeds": row.seeds,
        "differ_in": ", ".join(row.mixed),
        "guessing": row.guessing,
        "parameters": row.parameters,
        **figures,
        "test_accuracy_median": row.median,
        "train_seconds_median": row.train_seconds_median,
        "seconds_to_97_median": row.seconds_to_97,
        "reached_97": row.reached_97,
        "diverged": row.diverged,
        "dips": ", ".join(map(str, row.dips)),
        "best": row.best,
    }


def _spread(name: str, spread: Spread | None) -> dict[str, float | None]:
    low, high = (spread.ci95 if spread else None) or (None, None)
    values = {part: getattr(spread, part, None) for part in ("mean", "std", "min", "max")}
    return {
        f"{name}_{part}": value for part, value in (values | {"ci95_low": low, "ci95_high": high}).items()
    }


def _prefixed(run: RunOut) -> dict[str, Any]:
    return {f"run_{name}": value for name, value in run.model_dump().items()}


class _Line:
    """What a CSV writer writes to; `writerow` returns the result of `write`, which is the line."""

    def write(self, line: str) -> str:
        return line


def _table(fields: Iterable[str], rows: Iterable[Mapping[str, Any]], layers: int) -> Iterator[str]:
    """A header and a line per row; the last columns are the elements of lists of numbers."""
    names = list(fields)
    places = {
        name: layers + _MORE_THAN_LAYERS[plain]
        for name in names
        if layers and (plain := name.removeprefix("run_")) in _MORE_THAN_LAYERS
    }
    write = csv.writer(_Line()).writerow
    yield write([*names, *(f"{name}_{at + 1}" for name, count in places.items() for at in range(count))])
    for row in rows:
        listed = (_padded(row[name] or [], count) for name, count in places.items())
        yield write([*(_cell(row[name]) for name in names), *itertools.chain.from_iterable(listed)])


def _padded(values: Sequence[float], count: int) -> list[float | None]:
    return [*values, *[None] * (count - len(values))]


def _cell(value: object) -> object:
    """The value for a cell; an apostrophe precedes text that a spreadsheet would treat as a formula."""
    if isinstance(value, list):
        return json.dumps(value)
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
