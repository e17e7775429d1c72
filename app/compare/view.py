"""Texts and choices of the compare page and the report, besides figures."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from app.compare.groups import AXES, marks_of_runs, noun
from app.compare.reference import are_comparable
from app.compare.ties import equal
from app.formats import NOTHING, signed_loss, written
from app.prose import in_points, listed
from app.runs import advice
from app.schemas.answers import RunOut
from app.schemas.comparison import Findings, GroupRow, Verdict
from app.schemas.configurations import shown_apart, title_of
from app.schemas.hyperparameters import HYPERPARAMETERS
from app.text_keys import ascending
from trainer.config import TrainConfig

_PUBLISHED_SETTINGS: Final = {
    name: field.default
    for name, field in TrainConfig.model_fields.items()
    if name not in ("depth", "seed", "device")
}
"""Defaults are the settings of the published runs."""
_JUDGED: Final = {True: "significant", False: "not significant", None: "not tested"}
"""Judgements of a pair by `Pair.different`."""
_EQUAL: Final = "equal"
"""The judgement of a pair whose displayed means are equal."""
_VALUES: Final = 3
"""How many values of a setting a sentence lists."""


def view(comparison: Findings, baseline: str | None) -> dict[str, Any]:
    """The context of the templates; `baseline` is the id of the baseline.

    URLs of earlier versions contain its label instead.
    """
    named = [row for row in comparison.groups if baseline in (row.id, row.label)]
    pinned = named[0] if named else None
    return {
        "comparison": comparison,
        "title": title(comparison.by),
        "members": comparison.members,
        "bare": advice.without_epochs(comparison.runs),
        "marks": {group.id: group for group in comparison.members},
        "marks_of_runs": marks_of_runs(comparison.members),
        "baseline": pinned,
        "versus": versus(comparison.verdict, pinned, comparison.groups),
        "parameters": Parameters.of(comparison.runs),
        "unlike_published": unlike_published(comparison.runs),
        "shows_published": are_comparable(comparison.runs),
        "signed_points": in_points,
        "signed_loss": signed_loss,
    }


def title(by: Sequence[str]) -> str:
    """The heading of a comparison, which names the grouping."""
    return f"Comparison by {listed([title_of(name).lower() for name in by])}"


@dataclass(frozen=True, slots=True)
class Versus:
    """A group's test accuracy minus the baseline's, the judgement, and the interval of this pair alone."""

    difference: str
    interval: str


def versus(judged: Verdict, baseline: GroupRow | None, groups: Sequence[GroupRow]) -> dict[str, Versus]:
    """Every other group's difference from the baseline, by group id."""
    if baseline is None:
        return {}
    found = {}
    means = {group.id: group.test_accuracy.mean for group in groups}
    for pair in judged.pairs:
        if baseline.id not in pair.ids:
            continue
        first, second = pair.ids
        sign = 1 if first == baseline.id else -1
        interval = ""
        if pair.ci95:
            low, high = sorted(sign * bound for bound in pair.ci95)
            interval = f"{in_points(low)} to {in_points(high)}".replace(" pp", "")
        other = second if first == baseline.id else first
        judgement = _EQUAL if equal(means[first], means[second]) else _JUDGED[pair.different]
        difference = f"{in_points(sign * pair.difference)}, {judgement}"
        found[other] = Versus(difference, interval)
    return found


@dataclass(frozen=True)
class Axes:
    """Fields to group runs by: those in which the runs differ, and the others."""

    differing: Sequence[str]
    same: Sequence[str]

    @classmethod
    def of(cls, comparison: Findings) -> "Axes":
        """Split the fields; those that the comparison is grouped by count as differing."""
        differs = {
            name: name in comparison.by or len({getattr(run, name) for run in comparison.runs}) > 1
            for name in AXES
        }
        return cls([name for name in AXES if differs[name]], [name for name in AXES if not differs[name]])


@dataclass(frozen=True)
class Parameters:
    """The hyperparameters of compared runs: the names of those that differ, and the values of the others."""

    differing: Sequence[str]
    same: dict[str, str]

    @classmethod
    def of(cls, runs: Sequence[RunOut]) -> "Parameters":
        """Split the hyperparameters of these runs."""
        names = [*(name for name in HYPERPARAMETERS if name != "device"), "device_used"]
        found = {name: {getattr(run, name) for run in runs} - {None} for name in names}
        return cls(
            [name for name, values in found.items() if len(values) > 1],
            {name: _shown(values.pop()) for name, values in found.items() if len(values) == 1},
        )

    @staticmethod
    def shown(run: RunOut, name: str) -> str:
        """A run's value in words."""
        return _shown(getattr(run, name))


def unlike_published(compared: Sequence[RunOut]) -> str:
    """The settings that differ from the published runs, in a sentence; empty if there are none."""
    differing = []
    for name, published in _PUBLISHED_SETTINGS.items():
        values = ascending({getattr(run, name) for run in compared})
        if values != [published]:
            words = shown_apart([*values, published])
            shown = [words[value] for value in values[:_VALUES]] + ["others"] * bool(values[_VALUES:])
            differing.append(f"{_of(name, shown)} instead of {words[published]}")
    return f"Not comparable with the published runs: {'; '.join(differing)}." if differing else ""


def _of(name: str, shown: Sequence[str]) -> str:
    """The values of a setting with its label: "3 epochs", "learning rates 0.05 and 90"."""
    if name == "epochs":
        return f"{listed(shown)} epoch{'' if list(shown) == ['1'] else 's'}"
    label = noun((name,)).many if len(shown) > 1 else title_of(name).lower()
    return f"{label} {listed(shown)}"


def _shown(value: object) -> str:
    return NOTHING if value is None else written(value)
