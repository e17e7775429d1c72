"""Runs and curves as CSV, with names, times and hyperparameters on every line."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence

from app.answers import EPOCH_COLUMNS, EpochColumns, RunOut


def runs(found: Iterable[RunOut]) -> str:
    """One line per run, one column per field; lists as JSON."""
    return _table(list(RunOut.model_fields), (run.model_dump() for run in found))


def epochs(runs: Iterable[RunOut], columns: Mapping[int, EpochColumns]) -> str:
    """One line per epoch of each run; the run's own fields come first, as `run_…`."""
    fields = [f"run_{name}" for name in RunOut.model_fields]
    rows = (
        {**_prefixed(run), **dict(zip(EPOCH_COLUMNS, figures, strict=True))}
        for run in runs
        for figures in zip(*(getattr(columns[run.id], name) for name in EPOCH_COLUMNS), strict=True)
    )
    return _table([*fields, *EPOCH_COLUMNS], rows)


def _prefixed(run: RunOut) -> dict[str, object]:
    return {f"run_{name}": value for name, value in run.model_dump().items()}


def _table(fields: Sequence[str], rows: Iterable[Mapping[str, object]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, fields)
    writer.writeheader()
    for row in rows:
        writer.writerow(
            {name: json.dumps(value) if isinstance(value, list) else value for name, value in row.items()}
        )
    return text.getvalue()
