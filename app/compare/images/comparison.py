"""Compares groups and runs image by image, from stored predictions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from app.compare.comparison import NotComparable
from app.compare.groups import finished
from app.compare.images import paired, pictures, shares
from app.compare.images.correct import correct_of
from app.compare.images.paired import Labels
from app.compare.images.stored import stored
from app.formats import plural
from app.prose import in_points, listed, probability
from app.schemas.compare.comparison import Findings, GroupRow, Pair
from app.schemas.compare.images import (
    GroupDigits,
    ImageAnswer,
    ImageComparison,
    ImagePair,
    ImageStep,
    RunDigits,
    StepImage,
    StepImages,
)
from app.schemas.runs import RunOut
from app.settings import Settings
from app.statistics import SIGNIFICANCE
from trainer.files.predictions import Predictions


@dataclass(frozen=True)
class Answers:
    """The predictions of compared runs of one data set for its test images.

    `found` is the comparison, which says which runs count for which group. Runs that a later one replaces can
    be compared in pairs, but do not count.
    """

    found: Findings
    dataset: str
    labels: Labels
    by_run: Mapping[int, Predictions]
    missing: list[int]
    warnings: list[str]

    @classmethod
    def of(cls, found: Findings, settings: Settings) -> "Answers":
        """Read the predictions of the finished runs; only runs with the first run's data are included.

        Raises:
            NotComparable: no run has finished, or the test images can't be read.
        """
        ended = finished(found.runs)
        if not ended:
            raise NotComparable("no run has finished, so there are no predictions to compare")
        first = ended[0]
        same = [run for run in ended if _data(run) == _data(first)]
        try:
            labels = pictures.labels(first.dataset, settings.data_dir)
        except pictures.NoPictures as error:
            raise NotComparable(f"the test images of {first.dataset} can't be read: {error}") from error
        predictions = stored(same, settings.artifacts)
        by_run = {
            run.id: predicted
            for run in same
            if (predicted := predictions.get(run.id)) and correct_of(run, predicted, labels) is not None
        }
        counted = [run.id for run in same if run.id not in found.repeats]
        warnings = []
        if len(same) < len(ended):
            others = [run.id for run in ended if run not in same]
            warnings.append(
                f"{plural(len(others), 'run')} used other test images than run {first.id} and can't be "
                f"compared with it: {', '.join(map(str, others))}."
            )
        warnings += _changed(
            first.dataset, [run_id for run_id in counted if run_id in predictions.keys() - by_run]
        )
        missing = [run_id for run_id in counted if run_id not in predictions]
        return cls(found, first.dataset, labels, by_run, missing, warnings)

    @cached_property
    def groups(self) -> dict[str, GroupRow]:
        """The groups with predictions, by id."""
        return {row.id: row for row in self.found.groups if self.runs_of(row)}

    def runs_of(self, row: GroupRow) -> list[int]:
        """The ids of a group's runs with predictions."""
        return [run_id for run_id in row.runs if run_id in self.by_run]

    def of_group(self, row: GroupRow) -> list[Predictions]:
        """The predictions of a group's runs."""
        return [self.by_run[run_id] for run_id in self.runs_of(row)]

    @cached_property
    def seeds(self) -> dict[int, int]:
        """The seed of each run."""
        return {run.id: run.seed for run in self.found.runs}


def _data(run: RunOut) -> str:
    """What identifies a run's images: the same for copies of a data set under several names."""
    return run.data_version or run.dataset


def _changed(dataset: str, run_ids: Sequence[int]) -> list[str]:
    """A sentence on runs whose predictions are for other images than the data set has now, if any."""
    if not run_ids:
        return []
    named = listed([f"run {run_id}" for run_id in run_ids])
    were, them = ("was", "it") if len(run_ids) == 1 else ("were", "them")
    what = f"{named[0].upper()}{named[1:]} {were} tested on other images than {dataset} has now"
    return [f"{what}: train {them} again to compare images."]


def overview(answers: Answers) -> ImageComparison:
    """Compare class by class, run by run, and each group with its neighbor."""
    groups = answers.groups
    confusions = {
        run_id: paired.confusion(answers.labels, answers.by_run[run_id].classes)
        for row in groups.values()
        for run_id in answers.runs_of(row)
    }
    return ImageComparison(
        status=answers.found.verdict.status,
        dataset=answers.dataset,
        images=len(answers.labels),
        groups=[
            GroupDigits(
                id=row.id,
                label=row.label,
                runs=answers.runs_of(row),
                of=row.n,
                seeds=_seeds(answers, row),
                per_digit=_mean([paired.per_digit(confusions[run_id]) for run_id in answers.runs_of(row)]),
            )
            for row in groups.values()
        ],
        runs=[
            RunDigits(id=run_id, group=row.id, confusion=confusions[run_id].tolist())
            for row in groups.values()
            for run_id in answers.runs_of(row)
        ],
        steps=[_step(answers, pair) for pair in _neighbors(answers)],
        missing=answers.missing,
        warnings=answers.warnings,
    )


def _mean(shares_of_runs: Sequence[Sequence[float | None]]) -> list[float | None]:
    """Each class's mean share over runs."""
    return [
        None if known[0] is None else float(np.mean([each or 0.0 for each in known]))
        for known in zip(*shares_of_runs, strict=True)
    ]


def _seeds(answers: Answers, row: GroupRow) -> int:
    """How many different seeds a group's runs with predictions have."""
    return len({answers.seeds[run_id] for run_id in answers.runs_of(row)})


def _neighbors(answers: Answers) -> list[Pair]:
    """The pairs of the bill with predictions; if there are none, each group that has them and the next."""
    found = answers.found.verdict
    groups = answers.groups
    wanted = [receipt.ids for receipt in found.bill if groups.keys() >= set(receipt.ids)]
    pairs = {pair.ids: pair for pair in found.pairs}
    return [pairs[ids] for ids in wanted or pairwise(groups)]


def _step(answers: Answers, pair: Pair) -> ImageStep:
    first, second = (answers.groups[group_id] for group_id in pair.ids)
    change = shares.differences(answers.labels, answers.of_group(first), answers.of_group(second))
    fixed, broken = int(np.count_nonzero(change > 0)), int(np.count_nonzero(change < 0))
    partial = [row for row in (first, second) if len(answers.runs_of(row)) < row.n]
    return ImageStep(
        ids=pair.ids,
        groups=pair.groups,
        depths=pair.depths,
        fixed=fixed,
        broken=broken,
        difference=None if partial else pair.difference,
        sentence=_in_words(answers, pair, fixed, broken, partial),
    )


def _in_words(answers: Answers, pair: Pair, fixed: int, broken: int, partial: Sequence[GroupRow]) -> str:
    """The counts of a step, and the difference in the verdict if it is of the same runs."""
    found = answers.found.verdict
    status = "" if found.status == "final" else f"{found.status.capitalize()}: "
    rows = [answers.groups[group_id] for group_id in pair.ids]
    units = [_unit(row) for row in rows]
    unit = "seed" if set(units) == {"seed"} else "run"
    sizes = [len(answers.runs_of(row)) for row in rows]
    each = f"{plural(sizes[0], unit)} each" if sizes[0] == sizes[1] else f"{sizes[0]} and {sizes[1]} {unit}s"
    are = "is" if fixed == 1 else "are"
    said = (
        f"{status}{'of' if status else 'Of'} {plural(len(answers.labels), 'test image')}, {fixed:,} {are} "
        f"classified correctly more often with {pair.groups[1]} than with {pair.groups[0]}, and {broken:,} "
        f"less often ({each})."
    )
    if partial:
        missing = " and ".join(
            [f"{len(answers.runs_of(row))} of {plural(row.n, _unit(row))} of {row.label}" for row in partial]
        )
        return f"{said} Only {missing} have predictions."
    why = f" ({pair.untested})" if pair.untested else ""
    return f"{said} Difference of mean test accuracy: {in_points(pair.difference)}{why}."


def _unit(row: GroupRow) -> str:
    """What the runs of a group are called: seeds, unless some share a seed."""
    return "seed" if row.seeds == row.n else "run"


def step_images(answers: Answers, first: str, second: str) -> StepImages:
    """The images that two groups, named by their ids, classify correctly in different shares of their runs.

    Images are in descending order of the difference, then of the confidence of the correct predictions.

    Raises:
        NotComparable: one of the groups has no predictions.
    """
    for group_id in (first, second):
        if group_id not in answers.groups:
            raise NotComparable(f"no finished run of a group {group_id} has stored predictions")
    labels = answers.labels
    one, other = (answers.of_group(answers.groups[group_id]) for group_id in (first, second))

    def shown(images: shares.Counts) -> list[StepImage]:
        both = zip(_of_group(labels, one, images), _of_group(labels, other, images), strict=True)
        return [
            StepImage(index=index, label=int(labels[index]), first=before, second=after)
            for index, (before, after) in zip(images.tolist(), both, strict=True)
        ]

    return StepImages(
        dataset=answers.dataset,
        ids=(first, second),
        fixed=shown(shares.more_often(labels, one, other)),
        broken=shown(shares.more_often(labels, other, one)),
    )


def _of_group(labels: Labels, runs: Sequence[Predictions], images: shares.Counts) -> list[ImageAnswer]:
    """How the runs of a group classify these images."""
    correct = shares.correct_runs(labels, runs)[images]
    found = shares.most_frequent(runs, images)
    return [
        ImageAnswer(runs=len(runs), correct=right, digit=digit, given=given, confidence=round(confidence, 4))
        for right, digit, given, confidence in zip(
            correct.tolist(),
            found.digits.tolist(),
            found.runs.tolist(),
            found.confidence.tolist(),
            strict=True,
        )
    ]


def pair(answers: Answers, first: int, second: int) -> ImagePair:
    """McNemar's test of two networks.

    Raises:
        NotComparable: one of the runs has no predictions for these images.
    """
    for run_id in (first, second):
        if run_id not in answers.by_run:
            raise NotComparable(
                f"run {run_id} has no stored predictions for these images: it has not finished, used other "
                "images, or its file is missing; train it again"
            )
    found = paired.mcnemar(answers.labels, answers.by_run[first].classes, answers.by_run[second].classes)
    images = len(answers.labels)
    net = (found.gained - found.lost) / images
    judged = (
        "a significant difference between these two networks"
        if found.p < SIGNIFICANCE
        else "no significant difference"
    )
    depths = {run.depth for run in answers.found.runs if run.id in (first, second)}
    scope = "depths" if len(depths) > 1 else "configurations"
    sentence = (
        f"Of {images:,} images, run {second} classifies {found.gained:,} correctly that run {first} "
        f"gets wrong, and gets {found.lost:,} wrong that run {first} classifies correctly: {in_points(net)} "
        f"(McNemar's exact test, {probability(found.p)}), {judged}. "
        f"This compares two networks, not two {scope}."
    )
    return ImagePair(
        first=first,
        second=second,
        gained=found.gained,
        lost=found.lost,
        difference=net,
        p=found.p,
        sentence=sentence,
    )
