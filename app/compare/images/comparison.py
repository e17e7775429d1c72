"""Compares runs image by image, from stored predictions."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from app.compare.comparison import NotComparable
from app.compare.images import paired, pictures, shares
from app.compare.images.correct import correct_of
from app.compare.images.paired import Labels
from app.compare.images.stored import stored
from app.formats import plural
from app.prose import in_points, listed, probability
from app.schemas.answers import RunOut
from app.schemas.comparison import (
    DepthDigits,
    ImageAnswer,
    ImageComparison,
    ImagePair,
    ImageStep,
    RunDigits,
    StepImage,
    StepImages,
)
from app.schemas.configurations import differing, repeats
from app.settings import Settings
from app.statistics import SIGNIFICANCE
from trainer.files.predictions import Predictions


@dataclass(frozen=True)
class Answers:
    """The predictions of finished runs of one data set for its test images.

    `repeats` are the ids of repeats: they can be compared in pairs, but do not count for their depth.
    """

    dataset: str
    labels: Labels
    by_run: dict[int, Predictions]
    runs: dict[int, RunOut]
    repeats: frozenset[int]
    missing: list[int]
    warnings: list[str]

    @classmethod
    def of(cls, finished: Sequence[RunOut], settings: Settings) -> "Answers":
        """Read the predictions of these finished runs; only runs with the first run's data are included.

        Raises:
            NotComparable: no run has finished, or the test images can't be read.
        """
        if not finished:
            raise NotComparable("no run has finished, so there are no predictions to compare")
        first = finished[0]
        same = [run for run in finished if _data(run) == _data(first)]
        try:
            labels = pictures.labels(first.dataset, settings.data_dir)
        except pictures.NoPictures as error:
            raise NotComparable(f"the test images of {first.dataset} can't be read: {error}") from error
        predictions = stored(same, settings.artifacts)
        by_run = {
            run.id: found
            for run in same
            if (found := predictions.get(run.id)) and correct_of(run, found, labels) is not None
        }
        again = frozenset(run.id for run in repeats(same))
        counted = [run for run in same if run.id not in again]
        warnings = []
        if len(same) < len(finished):
            others = [run.id for run in finished if run not in same]
            warnings.append(
                f"{plural(len(others), 'run')} used other test images than run {first.id} and can't be "
                f"compared with it: {', '.join(map(str, others))}."
            )
        warnings += _changed(
            first.dataset, [run.id for run in counted if run.id in predictions.keys() - by_run]
        )
        warnings += _mixed(counted)
        missing = [run.id for run in counted if run.id not in predictions]
        return cls(first.dataset, labels, by_run, {run.id: run for run in same}, again, missing, warnings)

    def by_depth(self) -> dict[int, list[RunOut]]:
        """The runs with predictions that are not repeats, by depth."""
        found: dict[int, list[RunOut]] = defaultdict(list)
        for run in sorted(self.runs.values(), key=lambda run: (run.depth, run.id)):
            if run.id in self.by_run and run.id not in self.repeats:
                found[run.depth].append(run)
        return found

    def of_runs(self, runs: Sequence[RunOut]) -> list[Predictions]:
        """The predictions of these runs."""
        return [self.by_run[run.id] for run in runs]


def _data(run: RunOut) -> tuple[str, str | None]:
    return run.dataset, run.data_version


def _changed(dataset: str, run_ids: Sequence[int]) -> list[str]:
    """A sentence on runs whose predictions are for other images than the data set has now, if any."""
    if not run_ids:
        return []
    named = listed([f"run {run_id}" for run_id in run_ids])
    were, them = ("was", "it") if len(run_ids) == 1 else ("were", "them")
    what = f"{named[0].upper()}{named[1:]} {were} tested on other images than {dataset} has now"
    return [f"{what}: train {them} again to compare images."]


def _mixed(runs: Sequence[RunOut]) -> list[str]:
    """A sentence on fields other than the seed in which runs of one depth differ, if any."""
    found = [differing([run for run in runs if run.depth == depth]) for depth in {run.depth for run in runs}]
    if names := sorted({name for each in found for name in each}):
        why = f"Runs of one depth differ in {' and '.join(names)}"
        return [f"{why}, so the results of a depth mix different configurations."]
    return []


def overview(answers: Answers) -> ImageComparison:
    """Compare digit by digit, run by run, and each depth with the next."""
    depths = answers.by_depth()
    confusions = {
        run.id: paired.confusion(answers.labels, answers.by_run[run.id].classes)
        for runs in depths.values()
        for run in runs
    }
    return ImageComparison(
        dataset=answers.dataset,
        images=len(answers.labels),
        depths=[
            DepthDigits(
                depth=depth,
                runs=[run.id for run in runs],
                seeds=len({run.seed for run in runs}),
                per_digit=_mean([paired.per_digit(confusions[run.id]) for run in runs]),
            )
            for depth, runs in depths.items()
        ],
        runs=[
            RunDigits(id=run.id, depth=depth, confusion=confusions[run.id].tolist())
            for depth, runs in depths.items()
            for run in runs
        ],
        steps=[_step(answers, shallow, deep) for shallow, deep in pairwise(depths.items())],
        missing=answers.missing,
        warnings=answers.warnings,
    )


def _mean(shares_of_runs: Sequence[Sequence[float | None]]) -> list[float | None]:
    """Each digit's mean share over runs."""
    return [
        None if known[0] is None else float(np.mean([each or 0.0 for each in known]))
        for known in zip(*shares_of_runs, strict=True)
    ]


def _step(
    answers: Answers, shallow: tuple[int, Sequence[RunOut]], deep: tuple[int, Sequence[RunOut]]
) -> ImageStep:
    (before, first), (after, second) = shallow, deep
    found = shares.differences(answers.labels, answers.of_runs(first), answers.of_runs(second))
    return ImageStep(
        shallow=before,
        deep=after,
        fixed=int(np.count_nonzero(found > 0)),
        broken=int(np.count_nonzero(found < 0)),
        difference=int(found.sum()) / (len(first) * len(second) * len(found)),
    )


def step_images(answers: Answers, shallow: int, deep: int) -> StepImages:
    """The images that two depths classify correctly in different shares of their runs.

    Images are in descending order of the difference, then of the confidence of the correct predictions.

    Raises:
        NotComparable: one of the depths has no predictions.
    """
    depths = answers.by_depth()
    for depth in (shallow, deep):
        if depth not in depths:
            raise NotComparable(f"no finished run of {plural(depth, 'layer')} has stored predictions")
    labels, first, second = answers.labels, *(answers.of_runs(depths[depth]) for depth in (shallow, deep))

    def shown(images: shares.Counts) -> list[StepImage]:
        both = zip(_of_depth(labels, first, images), _of_depth(labels, second, images), strict=True)
        return [
            StepImage(index=index, label=int(labels[index]), shallow=before, deep=after)
            for index, (before, after) in zip(images.tolist(), both, strict=True)
        ]

    return StepImages(
        dataset=answers.dataset,
        shallow=shallow,
        deep=deep,
        fixed=shown(shares.more_often(labels, first, second)),
        broken=shown(shares.more_often(labels, second, first)),
    )


def _of_depth(labels: Labels, runs: Sequence[Predictions], images: shares.Counts) -> list[ImageAnswer]:
    """How the runs of a depth classify these images."""
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
    scope = "depths" if answers.runs[first].depth != answers.runs[second].depth else "configurations"
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
