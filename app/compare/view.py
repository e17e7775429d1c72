"""Texts and choices of the compare page and the report, besides figures."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from app.compare import offers
from app.compare.groups import AXES, marks_of_runs, noun
from app.compare.outcomes import diverged, failed
from app.compare.reference import are_comparable
from app.compare.wording import Wording
from app.formats import NOTHING, duration, signed_loss, whole, written
from app.prose import in_points, listed
from app.runs import advice
from app.schemas.compare.comparison import Findings, GroupRow, Members, Pair, Receipt, Verdict
from app.schemas.configurations import shown_apart, title_of
from app.schemas.hyperparameters import HYPERPARAMETERS
from app.schemas.runs import RunOut
from app.schemas.status import ENDED
from app.text_keys import ascending
from trainer.config import TrainConfig

_PUBLISHED_SETTINGS: Final = {
    name: field.default
    for name, field in TrainConfig.model_fields.items()
    if name not in ("depth", "seed", "device")
}
"""Defaults are the settings of the published runs."""
_VALUES: Final = 3
"""How many values of a setting a sentence lists."""
_MATRIX: Final = 12
"""The maximum number of groups in the matrix of pairs."""
_NARROW: Final = 10
"""The maximum number of groups in a narrower comparison: 45 pairs."""
_MANY: Final = 30
"""Tables of runs with more rows than this are folded."""
_ROWS: Final = 50
"""How many rows a page shows of a table of runs."""
_GROUPS: Final = 16
"""How many rows a page shows of the table of groups."""


def view(comparison: Findings, baseline: str | None, *, every_row: bool = True) -> dict[str, Any]:
    """The context of the templates; `baseline` is the id of the baseline.

    URLs of earlier versions contain its label instead. Without `every_row`, long tables show only their first
    rows.
    """
    named = [row for row in comparison.groups if baseline in (row.id, row.label)]
    pinned = named[0] if named else None
    return {
        "comparison": comparison,
        "title": title(comparison.by),
        "members": comparison.members,
        "bare": advice.without_epochs(comparison.runs),
        "over": all(run.status in ("failed", "cancelled") for run in comparison.runs),
        "marks": {group.id: group for group in comparison.members},
        "marks_of_runs": marks_of_runs(comparison.members),
        "table": table(comparison),
        "baseline": pinned,
        "versus": versus(comparison.verdict, pinned),
        "headline": Headline.of(comparison),
        "matrix": matrix(comparison),
        "narrower": narrower(comparison),
        "scope": scope(comparison.verdict),
        "devices": devices(comparison.runs),
        "words": Wording(comparison.verdict.status, comparison.verdict.margin),
        "cost": cost,
        "extent": Extent.of(comparison, every_row=every_row),
        "parameters": Parameters.of(comparison.runs),
        "unlike_published": unlike_published(comparison.runs),
        "shows_published": are_comparable(comparison.runs),
        "offer_words": offers.in_words,
        "signed_points": in_points,
        "signed_loss": signed_loss,
    }


def title(by: Sequence[str]) -> str:
    """The heading of a comparison, which names the grouping."""
    return f"Comparison by {listed([title_of(name).lower() for name in by])}"


@dataclass(frozen=True, slots=True)
class Headline:
    """The answer of a comparison, and what limits it.

    `badge` is its status in a word, empty if it is final, and `reason` says why. `details` are the sentences
    below the headline, `open` those on open questions.
    """

    badge: str
    reason: str
    text: str
    details: Sequence[str]
    open: Sequence[str]

    @classmethod
    def of(cls, comparison: Findings) -> "Headline":
        """The headline of a comparison. The badge replaces the status at the start of the answer."""
        found = comparison.verdict
        first, *details = found.answer
        if found.status == "final" or not comparison.groups:
            return cls("", "", first, details, found.outlook)
        badge = found.status.capitalize()
        text = first.removeprefix(f"{badge}: ")
        reason, *others = found.outlook
        return cls(badge, reason, f"{text[:1].upper()}{text[1:]}", details, others)

    @property
    def parts(self) -> tuple[str, str]:
        """The shared settings with their colon, empty if there are none, and the claim."""
        settings, colon, claim = self.text.partition(": ")
        return (f"{settings}:", claim) if colon and settings.startswith("With ") else ("", self.text)


class TableRow(NamedTuple):
    """A row of the table of groups.

    `results` are those of its finished runs, None if it has none. `lost` are the shares of its ended runs
    that diverged or failed, in words; empty if none did.
    """

    group: Members
    results: GroupRow | None
    lost: str


def table(comparison: Findings) -> list[TableRow]:
    """The groups with finished or failed runs."""
    results = {row.id: row for row in comparison.groups}
    ended = {
        run.id: run for run in comparison.runs if run.status in ENDED and run.id not in comparison.repeats
    }
    rows = []
    for group in comparison.members:
        runs = [ended[run_id] for run_id in group.runs if run_id in ended]
        shares = [
            f"{len(lost)} of {len(runs)} {how}"
            for lost, how in ((diverged(runs), "diverged"), (failed(runs), "failed"))
            if lost
        ]
        rows.append(TableRow(group, results.get(group.id), ", ".join(shares)))
    return [row for row in rows if row.results or row.lost]


def matrix(comparison: Findings) -> list[tuple[GroupRow, list[Pair | None]]]:
    """Each group against every group, itself excepted; empty if there are too many groups for a table."""
    groups = comparison.groups
    if not 1 < len(groups) <= _MATRIX:
        return []
    found = {pair.ids: pair for pair in comparison.verdict.pairs}
    found |= {turned(pair).ids: turned(pair) for pair in comparison.verdict.pairs}
    return [(row, [found.get((other.id, row.id)) for other in groups]) for row in groups]


def narrower(comparison: Findings) -> list[GroupRow]:
    """The groups that a narrower comparison keeps: the best ones, or those with the highest means.

    Empty if there are few groups, or if they can't be ranked.
    """
    groups, best = comparison.groups, comparison.verdict.best
    if len(groups) <= _NARROW or not best:
        return []
    if 1 < len(best) <= _NARROW:
        return [row for row in groups if row.id in best]
    ranked = sorted(groups, key=lambda row: (row.id not in best, -row.test_accuracy.mean))
    kept = {row.id for row in ranked[:_NARROW]}
    return [row for row in groups if row.id in kept]


def scope(found: Verdict) -> str:
    """What the intervals of a verdict hold for; empty without intervals."""
    tested = [pair for pair in found.pairs if pair.interval]
    if not tested:
        return ""
    general = [pair for pair in tested if pair.new_images]
    if len(general) == len(tested):
        return "new images of the same kind"
    if not general:
        return "these test images only"
    return "new images of the same kind (where predictions are missing: for these test images only)"


def cost(receipt: Receipt) -> str:
    """What the second group costs more than the first, with signs; empty if it is unknown or nothing."""
    parts = []
    if receipt.parameters:
        parts.append(f"{_sign(receipt.parameters)}{whole(abs(receipt.parameters))} parameters")
    if receipt.seconds:
        parts.append(f"{_sign(receipt.seconds)}{duration(abs(receipt.seconds))} training")
    return ", ".join(parts)


def _sign(number: float) -> str:
    return "\N{MINUS SIGN}" if number < 0 else "+"


def devices(runs: Sequence[RunOut]) -> str:
    """The devices that these runs trained on; empty if none has started."""
    return listed(ascending({run.device_used for run in runs if run.device_used}))


@dataclass(frozen=True, slots=True)
class Extent:
    """How much of its tables a page shows: how many `runs` and `groups`, and whether runs are `folded`."""

    runs: int
    groups: int
    folded: bool

    @classmethod
    def of(cls, comparison: Findings, *, every_row: bool) -> "Extent":
        """All rows if asked; otherwise the first ones of long tables."""
        runs, groups = len(comparison.runs), len(comparison.members)
        if every_row:
            return cls(runs, groups, folded=False)
        return cls(min(runs, _ROWS), min(groups, _GROUPS), folded=runs > _MANY)


@dataclass(frozen=True, slots=True)
class Versus:
    """A group's test accuracy minus the baseline's, with its interval and what that shows."""

    difference: str
    interval: str


_TURNED: Final = {"better": "worse", "worse": "better"}
"""What an answer becomes when the groups of a pair change places."""


def versus(found: Verdict, baseline: GroupRow | None) -> dict[str, Versus]:
    """Every other group's difference from the baseline, by group id."""
    if baseline is None:
        return {}
    wording = Wording(found.status, found.margin)
    return {
        pair.ids[1] if pair.ids[0] == baseline.id else pair.ids[0]: _versus(
            pair if pair.ids[0] == baseline.id else turned(pair), wording
        )
        for pair in found.pairs
        if baseline.id in pair.ids
    }


def _versus(pair: Pair, wording: Wording) -> Versus:
    shown = wording.judged(pair) if pair.answer else pair.untested or ""
    interval = wording.bracketed(pair.interval) if pair.interval else ""
    return Versus(f"{in_points(pair.difference)}, {shown}", interval)


def turned(pair: Pair) -> Pair:
    """The same pair as the first group minus the second."""
    swapped = {
        name: tuple(reversed(value)) if (value := getattr(pair, name)) else None
        for name in ("depths", "groups", "ids")
    }
    bounds = {
        name: (-value[1], -value[0]) if (value := getattr(pair, name)) else None
        for name in ("interval", "of_these_images")
    }
    answer = _TURNED.get(str(pair.answer), pair.answer)
    return pair.model_copy(
        update=swapped
        | bounds
        | {"difference": -pair.difference, "answer": answer, "improvement": 1 - pair.improvement}
    )


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
