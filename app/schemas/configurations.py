"""Configurations of runs without their seeds, and in which fields runs differ."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from app.formats import apart, written
from app.schemas.answers import RunOut
from app.schemas.hyperparameters import HYPERPARAMETERS
from app.text_keys import ascending
from trainer.config import Hyperparameters

FOUND: Final = ("device_used", "data_version")
"""What nobody chose and every run notes: the device that trained it and the contents of its data set."""

_TITLES: Final = {
    **{name: field.title or name for name, field in Hyperparameters.model_fields.items()},
    "device_used": "Device used",
    "data_version": "Data version",
}

PARTS: Final = (*(name for name in HYPERPARAMETERS if name not in ("seed", "device")), *FOUND)
"""What makes a configuration; the device that was asked for says less than the one that was used."""


def title_of(name: str) -> str:
    """The label of a hyperparameter, or of what a run notes: `Learning rate` for `lr`."""
    return _TITLES[name]


def part(run: RunOut, name: str) -> Any:  # noqa: ANN401  # as many types as parts
    """A part of a run's configuration; of its device only the kind, for `cuda:0` and `cuda:1` are alike."""
    value = getattr(run, name)
    return value.partition(":")[0] if name == "device_used" and value else value


def identity(key: Mapping[str, Any]) -> str:
    """Parts and their values as one text that no other values have, fit for an address: `depth=3,lr=0.1`."""
    parts = (name if value is None else f"{name}={quote(written(value))}" for name, value in key.items())
    return ",".join(parts)


def shown_apart(values: Iterable[Any]) -> dict[Any, str]:
    """Values of one part that stand beside each other, in words that differ where the values do."""
    different = set(values)
    floats = apart(value for value in different if isinstance(value, float))
    return {value: floats[value] if isinstance(value, float) else str(value) for value in different}


def differing(runs: Sequence[RunOut], besides: Sequence[str] = ()) -> dict[str, list[Any]]:
    """The parts in which these runs differ, with their values in ascending order; unknown ones don't count.

    Data sets of different names have different contents anyway: a version counts only beside another of
    the same name.
    """
    values_of = {
        name: ascending({part(run, name) for run in runs if getattr(run, name) is not None})
        for name in PARTS
        if name not in besides and name != "data_version"
    }
    if "data_version" not in besides:
        values_of["data_version"] = _versions(runs)
    return {name: values for name, values in values_of.items() if len(values) > 1}


def _versions(runs: Sequence[RunOut]) -> list[str]:
    """The versions of data sets of which there is more than one."""
    by_name: dict[str, set[str]] = {}
    for run in runs:
        if run.data_version is not None:
            by_name.setdefault(run.dataset, set()).add(run.data_version)
    return sorted(version for versions in by_name.values() if len(versions) > 1 for version in versions)


def datasets_by_content(runs: Iterable[RunOut]) -> dict[str, str]:
    """The data set that each one's name stands for: the first by name of those that have the same contents.

    A name of which a run noted no contents, or of which runs read several, stands for itself.
    """
    versions: dict[str, set[str | None]] = {}
    for run in runs:
        versions.setdefault(run.dataset, set()).add(run.data_version)
    first: dict[str, str] = {}
    stands_for = {}
    for name in ascending(versions):
        version = next(iter(versions[name])) if len(versions[name]) == 1 else None
        stands_for[name] = name if version is None else first.setdefault(version, name)
    return stands_for


def repeats(runs: Iterable[RunOut]) -> list[RunOut]:
    """Those of the runs that a later one repeats, with the same configuration and the same seed.

    A run is a function of both, so its repetition says nothing new of the spread over seeds.
    """
    kept: dict[tuple[Any, ...], list[RunOut]] = {}
    repeated = []
    for run in sorted(runs, key=lambda run: -run.id):
        alike = kept.setdefault(tuple(getattr(run, name) for name in (*PARTS[: -len(FOUND)], "seed")), [])
        if any(_may_be_same(run, other) for other in alike):
            repeated.append(run)
        else:
            alike.append(run)
    return repeated[::-1]


def _may_be_same(one: RunOut, other: RunOut) -> bool:
    """Whether both had the same device and data, as far as they noted it."""
    values = ((part(one, name), part(other, name)) for name in FOUND)
    return all(a == b or a is None or b is None for a, b in values)
