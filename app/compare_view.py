"""What the compare page and the exported report show of a comparison, beyond its figures."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from app.answers import RunOut
from app.compare_answers import Findings, GroupRow, Verdict
from app.formats import NOTHING, decimal
from app.groups import AXES, BY_DEPTH
from app.requests import HYPERPARAMETERS
from app.wording import points
from trainer.config import TrainConfig

_PUBLISHED_SETTINGS: Final = {
    name: field.default
    for name, field in TrainConfig.model_fields.items()
    if name not in ("depth", "seed", "device")
}
"""The defaults are those of the published runs."""
VIEW: Final = (
    "baseline",
    "cost",
    "epoch",
    "hide",
    "inside",
    "layer",
    "lines",
    "log",
    "logx",
    "metric",
    "parameters",
    "reference",
    "scale",
    "smooth",
    "x",
)
"""What an address says of how a comparison is shown, besides what is compared."""
_JUDGED: Final = {True: "differs", False: "may be luck", None: "not tested"}
"""What the verdict says of a pair, by `Pair.different`."""
_VALUES: Final = 3
"""How many values of a setting a sentence names."""


def view(comparison: Findings, baseline: str | None) -> dict[str, Any]:
    """The context of the templates; `baseline` is the label of the group that others are held against."""
    pinned = next((row for row in comparison.groups if row.label == baseline), None)
    return {
        "comparison": comparison,
        "title": title(comparison.by),
        "members": comparison.members,
        "shades": {group.label: group.shade for group in comparison.members},
        "baseline": pinned,
        "versus": versus(comparison.verdict, pinned),
        "parameters": Parameters.of(comparison.runs),
        "unlike_published": unlike_published(comparison.runs),
        "signed_points": points,
        "signed_loss": lambda difference: f"{difference:+.4f}".replace("-", "\N{MINUS SIGN}"),
    }


def title(by: Sequence[str]) -> str:
    """The heading: what was bought by the thing that the comparison is by."""
    return "What depth bought" if tuple(by) == BY_DEPTH else f"What {' and '.join(by)} bought"


@dataclass(frozen=True, slots=True)
class Versus:
    """A group's test accuracy minus the baseline's and the judgement, and the interval of that pair alone."""

    difference: str
    interval: str


def versus(judged: Verdict, baseline: GroupRow | None) -> dict[str, Versus]:
    """Every other group against the baseline, by label."""
    if baseline is None:
        return {}
    found = {}
    for pair in judged.pairs:
        if baseline.label not in pair.groups:
            continue
        first, second = pair.groups
        sign = 1 if first == baseline.label else -1
        interval = ""
        if pair.ci95:
            low, high = sorted(sign * bound for bound in pair.ci95)
            interval = f"{points(low)} to {points(high)}".replace(" pp", "")
        label = second if first == baseline.label else first
        difference = f"{points(sign * pair.difference)}, {_JUDGED[pair.different]}"
        found[label] = Versus(difference, interval)
    return found


@dataclass(frozen=True)
class Axes:
    """What runs can be grouped by: the names of what differs among them, and of what does not."""

    differing: Sequence[str]
    same: Sequence[str]

    @classmethod
    def of(cls, comparison: Findings) -> "Axes":
        """Tell them apart; what the comparison is by stands with what differs."""
        differs = {
            name: name in comparison.by or len({getattr(run, name) for run in comparison.runs}) > 1
            for name in AXES
        }
        return cls([name for name in AXES if differs[name]], [name for name in AXES if not differs[name]])


@dataclass(frozen=True)
class Parameters:
    """The hyperparameters of compared runs: names of those that differ, values of those that don't."""

    differing: Sequence[str]
    same: dict[str, str]

    @classmethod
    def of(cls, runs: Sequence[RunOut]) -> "Parameters":
        """Tell apart what differs between these runs and what does not."""
        names = [*(name for name in HYPERPARAMETERS if name != "device"), "device_used"]
        known = {name: [run for run in runs if getattr(run, name) is not None] for name in names}
        values = {name: {cls.shown(run, name) for run in found} for name, found in known.items()}
        return cls(
            [name for name, found in values.items() if len(found) > 1],
            {name: found.pop() for name, found in values.items() if len(found) == 1},
        )

    @staticmethod
    def shown(run: RunOut, name: str) -> str:
        """A run's value in words."""
        return _shown(getattr(run, name))


def unlike_published(compared: Sequence[RunOut]) -> str:
    """Which settings of the runs are not those of the published figures; empty if all agree."""
    differing = []
    for name, published in _PUBLISHED_SETTINGS.items():
        values = sorted({getattr(run, name) for run in compared})
        if values != [published]:
            shown = ", ".join(map(_shown, values[:_VALUES])) + (", …" if values[_VALUES:] else "")
            differing.append(f"{name} {shown} (published: {_shown(published)})")
    return f"Trained unlike the published runs: {'; '.join(differing)}." if differing else ""


def _shown(value: object) -> str:
    if value is None:
        return NOTHING
    return decimal(value) if isinstance(value, float) else str(value)
