"""Default names of runs, numbered where they repeat."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any, Final

from sqlalchemy import bindparam
from sqlmodel import Session, col, func, select

from app.formats import apart, plural, written
from app.schemas.configurations import FOUND, differing, part
from app.schemas.runs import RunOut
from app.storage.tables import Run
from trainer.config import TrainConfig

_LONGEST: Final = 90
"""Maximum length of a described configuration: a name has 100 characters, and its count needs some."""

_SHORT: Final = 4
"""Significant digits of numbers that are too long for a name."""

_DEFAULTS: Final = {name: field.default for name, field in TrainConfig.model_fields.items()}
_IN_ORDER: Final = {
    "width": "width {}",
    "optimizer": "{}",
    "momentum": "momentum {}",
    "lr": "lr {}",
    "schedule": "{}",
    "batch_size": "batch {}",
    "weight_decay": "weight decay {}",
    "dropout": "dropout {}",
    "epochs": "",
    "patience": "patience {}",
    "precision": "{}",
    "device": "{}",
    "dataset": "dataset {}",
}
_COUNTED: Final = {"depth": "layer", "epochs": "epoch"}
_WORDED: Final = _IN_ORDER | {
    name: f"{(field.title or name).lower()} {{}}"
    for name, field in TrainConfig.model_fields.items()
    if name not in (*_IN_ORDER, *_COUNTED, "seed")
}
"""Words for non-default hyperparameters, in the order of a name; epochs are counted."""

_DIFFERING: Final = _WORDED | {"seed": "seed {}", "data_version": "data {}"}
"""Words for all values in which runs differ, including defaults."""

_OF_ONE: Final = select(func.max(Run.name_repeat)).where(col(Run.name_base) == bindparam("base"))
"""The highest count of one name: one step in the index for any number of runs."""

_OF_SEVERAL: Final = (
    select(Run.name_base, func.max(Run.name_repeat))
    .where(col(Run.name_base).in_(bindparam("bases", expanding=True)))
    .group_by(col(Run.name_base))
)
"""The same for several names; reads all of their runs in the index."""


def columns(session: Session, wanted: Sequence[tuple[TrainConfig, str | None]]) -> list[dict[str, Any]]:
    """Returns the name columns of new runs: the given name, or one made from the configuration.

    Made names are unique. The caller needs a write transaction, so that other callers wait for it.
    """
    bases = [described(config) if given is None else None for config, given in wanted]
    counted = _newest(session, {base for base in bases if base is not None})
    rows: list[dict[str, Any]] = []
    for base, (_, given) in zip(bases, wanted, strict=True):
        if base is None:
            rows.append({"name": given, "name_base": None, "name_repeat": None})
            continue
        counted[base] += 1
        name = base if counted[base] == 1 else f"{base} · {counted[base]}"
        rows.append({"name": name, "name_base": base, "name_repeat": counted[base]})
    return rows


def given(run: Run) -> str | None:
    """Returns the name that a person gave to a run; None if its name was made."""
    return run.name if run.name_base is None else None


def _newest(session: Session, bases: Collection[str]) -> Counter[str]:
    """Returns the highest count of each name."""
    counted = Counter[str]()
    if len(bases) == 1:
        (base,) = bases
        counted[base] = session.connection().execute(_OF_ONE, {"base": base}).scalar() or 0
    elif bases:
        for base, newest in session.connection().execute(_OF_SEVERAL, {"bases": list(bases)}):
            counted[base] = newest
    return counted


def renamed(session: Session, run: Run, given: str | None) -> dict[str, Any]:
    """Returns the columns of a new name, or with None of the made one; empty if the run already has it."""
    if given == run.name or (given is None and run.name_base == described(run.config)):
        return {}
    (row,) = columns(session, [(run.config, given)])
    return row


def described(config: TrainConfig) -> str:
    """Describes depth, non-default values and seed in at most 90 characters.

    If that is too long, it rounds numbers first, and then omits the last values.
    """
    first, last = plural(config.depth, "layer"), f"seed {config.seed}"
    exact = [*_differences(config, written)]
    parts = exact if _fits(first, exact, last) else [*_differences(config, _rounded)]
    if not _fits(first, parts, last):
        while not _fits(first, [*parts, "…"], last):
            parts.pop()
        parts.append("…")
    return ", ".join([first, *parts, last])


def _fits(first: str, parts: Sequence[str], last: str) -> bool:
    return len(", ".join([first, *parts, last])) <= _LONGEST


def _differences(config: TrainConfig, worded: Callable[[object], str]) -> Iterator[str]:
    for name, words in _WORDED.items():
        value = getattr(config, name)
        if value != _DEFAULTS[name]:
            yield plural(value, "epoch") if name == "epochs" else words.format(worded(value))


def _rounded(value: object) -> str:
    return apart([value], _SHORT)[value] if isinstance(value, float) else written(value)


def told_apart(runs: Iterable[RunOut]) -> dict[int, str]:
    """Returns the names of runs listed together, by id; a name that several runs have includes the id."""
    listed = list(runs)
    counted = Counter(run.name for run in listed)
    return {run.id: f"{run.name} (run {run.id})" if counted[run.name] > 1 else run.name for run in listed}


def differences(runs: Sequence[RunOut]) -> dict[int, list[str]]:
    """Returns the differences between these runs in the words of made names, by id.

    Values that a run has not recorded yet are omitted.
    """
    names = [*differing(runs), *(["seed"] if len({run.seed for run in runs}) > 1 else [])]
    return {
        run.id: [
            _differing(name, value)
            for name in names
            if (value := part(run, name)) is not None or name not in FOUND
        ]
        for run in runs
    }


def _differing(name: str, value: object) -> str:
    if name in _COUNTED:
        return plural(int(str(value)), _COUNTED[name])
    return f"no {name}" if value is None else _DIFFERING.get(name, "{}").format(written(value))
