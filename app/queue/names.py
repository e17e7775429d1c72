"""Default names of runs, numbered where they repeat."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any, Final

from sqlalchemy import bindparam
from sqlmodel import Session, col, func, select

from app.formats import apart, plural, written
from app.schemas.answers import RunOut
from app.schemas.configurations import FOUND, differing, part
from app.storage.tables import Run
from trainer.config import TrainConfig

_LONGEST: Final = 90
"""Characters that a configuration may take: a name has 100, and the count of a repetition needs some."""

_SHORT: Final = 4
"""Significant digits of numbers where their own are too many for a name."""

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
"""Hyperparameters in the order in which a name tells those that are not the default; epochs are counted."""

_DIFFERING: Final = _WORDED | {"seed": "seed {}", "data_version": "data {}"}
"""How the values of other things are told where runs differ in them, whether they are the default or not."""

_OF_ONE: Final = select(func.max(Run.name_repeat)).where(col(Run.name_base) == bindparam("base"))
"""How far the runs of one name are counted: one step in the index, however many there are."""

_OF_SEVERAL: Final = (
    select(Run.name_base, func.max(Run.name_repeat))
    .where(col(Run.name_base).in_(bindparam("bases", expanding=True)))
    .group_by(col(Run.name_base))
)
"""The same of several names, which reads all of their runs in the index."""


def stored(session: Session, wanted: Sequence[tuple[TrainConfig, str | None]]) -> list[dict[str, Any]]:
    """What new runs store of their names: each the given one, or one made from its configuration.

    No two made names are the same. The caller's transaction must write: others that make names wait for it.
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
    """The name that a person gave to a run; None if its name was made."""
    return run.name if run.name_base is None else None


def _newest(session: Session, bases: Collection[str]) -> Counter[str]:
    """How far the runs of each name are counted."""
    counted = Counter[str]()
    if len(bases) == 1:
        (base,) = bases
        counted[base] = session.connection().execute(_OF_ONE, {"base": base}).scalar() or 0
    elif bases:
        for base, newest in session.connection().execute(_OF_SEVERAL, {"bases": list(bases)}):
            counted[base] = newest
    return counted


def renamed(session: Session, run: Run, given: str | None) -> dict[str, Any]:
    """What a run stores that gets another name, or with None the one made for it; nothing if it has that."""
    if given == run.name or (given is None and run.name_base == described(run.config)):
        return {}
    (row,) = stored(session, [(run.config, given)])
    return row


def described(config: TrainConfig) -> str:
    """The depth, what differs from the defaults, and the seed, in at most 90 characters.

    Where that is too long, numbers are rounded first, and then the last of what differs is left out.
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
    """What runs that a page lists together are called, by id: where several have one name, with their ids."""
    listed = list(runs)
    counted = Counter(run.name for run in listed)
    return {run.id: f"{run.name} (run {run.id})" if counted[run.name] > 1 else run.name for run in listed}


def differences(runs: Sequence[RunOut]) -> dict[int, list[str]]:
    """In what each run differs from others of these, in the words of made names, by id.

    What a run has not noted yet is left out.
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
