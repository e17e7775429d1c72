"""Configurations of runs without their seeds, and in which fields runs differ."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from app.formats import apart, written
from app.schemas.hyperparameters import HYPERPARAMETERS
from app.schemas.runs import RunOut
from app.text_keys import ascending
from trainer.config import Hyperparameters

FOUND: Final = ("device_used", "data_version")
"""Parts that each run records itself: the device that trained it and the contents of its data set."""

_TITLES: Final = {
    **{name: field.title or name for name, field in Hyperparameters.model_fields.items()},
    "device_used": "Device type",
    "data_version": "Data version",
}

PARTS: Final = (*(name for name in HYPERPARAMETERS if name not in ("seed", "device")), *FOUND)
"""The parts of a configuration; the device used replaces the requested one, which may be `auto`."""


def title_of(name: str) -> str:
    """Returns the label of a hyperparameter or of a recorded part: `Learning rate` for `lr`."""
    return _TITLES[name]


def titles(names: Iterable[str]) -> str:
    """Returns the labels of several parts in a sentence: `learning rate and epochs`."""
    return " and ".join(title_of(name).lower() for name in dict.fromkeys(names))


def part(run: RunOut, name: str) -> Any:  # noqa: ANN401  # each part has its type
    """Returns a part of a run's configuration; for the device only its kind: `cuda` for `cuda:1`."""
    value = getattr(run, name)
    return value.partition(":")[0] if name == "device_used" and value else value


def identity(key: Mapping[str, Any]) -> str:
    """Returns parts and values as a unique text that is safe in a URL: `depth=3,lr=0.1`."""
    parts = (name if value is None else f"{name}={quote(written(value))}" for name, value in key.items())
    return ",".join(parts)


def shown_apart(values: Iterable[Any]) -> dict[Any, str]:
    """Returns values of one part in words, so that different values have different words."""
    different = set(values)
    floats = apart(value for value in different if isinstance(value, float))
    return {value: floats[value] if isinstance(value, float) else str(value) for value in different}


def differing(runs: Sequence[RunOut], besides: Sequence[str] = ()) -> dict[str, list[Any]]:
    """Returns the parts in which runs differ, with ascending values; unknown values don't count.

    Data sets of different names have different contents anyway, so a version counts only if the runs have
    another version of the same name.
    """
    values_of = {
        name: ascending({part(run, name) for run in runs if getattr(run, name) is not None})
        for name in PARTS
        if name not in besides and name != "data_version"
    }
    if "data_version" not in besides:
        values_of["data_version"] = _versions(runs)
    return {name: values for name, values in values_of.items() if len(values) > 1}


def varied(runs: Sequence[RunOut]) -> list[str]:
    """Returns the hyperparameters in which runs differ, by which a study is grouped; depth without any."""
    return [name for name in differing(runs) if name not in FOUND] or ["depth"]


def _versions(runs: Sequence[RunOut]) -> list[str]:
    """Returns the versions of data sets with more than one version."""
    by_name: dict[str, set[str]] = {}
    for run in runs:
        if run.data_version is not None:
            by_name.setdefault(run.dataset, set()).add(run.data_version)
    return sorted(version for versions in by_name.values() if len(versions) > 1 for version in versions)


def datasets_by_content(runs: Iterable[RunOut]) -> dict[str, str]:
    """Maps each data set to the first, by name, of those with the same contents.

    A data set maps to itself if a run did not record its contents, or if runs recorded several.
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
    """Returns the runs that a later run repeats, with the same configuration and the same seed.

    Both determine a run, so a repetition adds nothing to the spread over seeds. A run that verifies another
    one is the repetition.
    """
    kept: dict[tuple[Any, ...], list[RunOut]] = {}
    repeated = []
    ordered = sorted(runs, key=lambda run: (run.verifies is not None, -run.id))
    ids = {run.id for run in ordered}
    for run in ordered:
        alike = kept.setdefault(tuple(getattr(run, name) for name in (*PARTS[: -len(FOUND)], "seed")), [])
        if run.verifies in ids or any(_may_be_same(run, other) for other in alike):
            repeated.append(run)
        else:
            alike.append(run)
    return sorted(repeated, key=lambda run: run.id)


def _may_be_same(one: RunOut, other: RunOut) -> bool:
    """Whether both have the same device and data, as far as recorded."""
    values = ((part(one, name), part(other, name)) for name in FOUND)
    return all(a == b or a is None or b is None for a, b in values)
