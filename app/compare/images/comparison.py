"""Compares runs image by image, from stored predictions."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np

from app.compare.comparison import NotComparable
from app.compare.images import paired, pictures
from app.compare.images.paired import Labels
from app.formats import plural
from app.prose import in_points, probability
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
from app.schemas.configurations import differing, repeats, titles
from app.settings import Settings
from app.statistics import SIGNIFICANCE
from app.storage import artifacts
from trainer.files.predictions import Predictions, load
from trainer.files.tensor_file import TensorFileError

_KEPT_FILES: Final = 500
"""Number of prediction files cached in memory; each takes 30 KB."""

_KEPT_VOTES: Final = 50
"""Number of majority votes cached in memory; each is as large as a file."""


@dataclass(frozen=True)
class Answers:
    """The predictions of finished runs of one data set for its test images.

    `repeats` are the ids of repeats: they can be compared in pairs, but do not vote.
    """

    dataset: str
    labels: Labels
    by_run: dict[int, Predictions]
    runs: Sequence[RunOut]
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
        by_run = {run.id: found for run in same if (found := _stored(run, settings.artifacts, len(labels)))}
        again = frozenset(run.id for run in repeats(same))
        warnings = []
        if len(same) < len(finished):
            others = [run.id for run in finished if run not in same]
            warnings.append(
                f"{plural(len(others), 'run')} used other test images than run {first.id} and can't be "
                f"compared with it: {', '.join(map(str, others))}."
            )
        warnings += _mixed([run for run in same if run.id not in again])
        missing = [run.id for run in same if run.id not in by_run and run.id not in again]
        return cls(first.dataset, labels, by_run, same, again, missing, warnings)

    def by_depth(self) -> dict[int, list[int]]:
        """The runs with predictions that are not repeats, by depth."""
        found: dict[int, list[int]] = defaultdict(list)
        for run in sorted(self.runs, key=lambda run: (run.depth, run.id)):
            if run.id in self.by_run and run.id not in self.repeats:
                found[run.depth].append(run.id)
        return found

    def of_depth(self, run_ids: Sequence[int]) -> Predictions:
        """The majority vote of these runs."""
        return _voted(tuple(self.by_run[run_id] for run_id in run_ids))


@lru_cache(maxsize=_KEPT_VOTES)
def _voted(several: tuple[Predictions, ...]) -> Predictions:
    return paired.majority(several)


def _data(run: RunOut) -> tuple[str, str | None]:
    return run.dataset, run.data_version


def _mixed(runs: Sequence[RunOut]) -> list[str]:
    """A sentence on fields other than the seed in which runs of one depth differ, if any."""
    found = [differing([run for run in runs if run.depth == depth]) for depth in {run.depth for run in runs}]
    if names := sorted({name for each in found for name in each}):
        why = f"Runs of one depth differ in {titles(names)}"
        return [f"{why}, so their majority vote mixes different configurations."]
    return []


def _stored(run: RunOut, location: str, images: int) -> Predictions | None:
    """A run's predictions; None if missing, damaged or for another number of images."""
    path: Path = artifacts.of_run(location, run.id).predictions(run.attempt)
    try:
        status = path.stat()
        found = _loaded(path, status.st_size, status.st_mtime)
    except (OSError, TensorFileError):
        return None
    return found if len(found.classes) == images else None


@lru_cache(maxsize=_KEPT_FILES)
def _loaded(path: Path, size: int, changed_at: float) -> Predictions:  # noqa: ARG001  # a new file has others
    """Cached until the file changes, because an open page reads all files again whenever a run ends."""
    return load(path)


def overview(answers: Answers) -> ImageComparison:
    """Compare digit by digit, run by run, and each depth with the next."""
    depths = answers.by_depth()
    voted = {depth: answers.of_depth(run_ids) for depth, run_ids in depths.items()}
    return ImageComparison(
        dataset=answers.dataset,
        images=len(answers.labels),
        depths=[
            DepthDigits(
                depth=depth,
                runs=run_ids,
                per_digit=_mean(
                    [paired.per_digit(answers.labels, answers.by_run[each].classes) for each in run_ids]
                ),
            )
            for depth, run_ids in depths.items()
        ],
        runs=[
            RunDigits(
                id=run_id,
                depth=depth,
                confusion=paired.confusion(answers.labels, answers.by_run[run_id].classes).tolist(),
            )
            for depth, run_ids in depths.items()
            for run_id in run_ids
        ],
        steps=[
            _step(answers.labels, (shallow, voted[shallow]), (deep, voted[deep]))
            for shallow, deep in pairwise(depths)
        ],
        missing=answers.missing,
        warnings=answers.warnings,
    )


def _mean(shares: Sequence[Sequence[float | None]]) -> list[float | None]:
    """Each digit's mean share over runs."""
    return [
        None if known[0] is None else float(np.mean([each or 0.0 for each in known]))
        for known in zip(*shares, strict=True)
    ]


def _step(labels: Labels, before: tuple[int, Predictions], after: tuple[int, Predictions]) -> ImageStep:
    found = paired.mcnemar(labels, before[1].classes, after[1].classes)
    return ImageStep(shallow=before[0], deep=after[0], fixed=found.gained, broken=found.lost, p=found.p)


def step_images(answers: Answers, shallow: int, deep: int) -> StepImages:
    """The images that only one of two depths classifies correctly, by majority over seeds.

    Images are in descending order of the correct answer's confidence.

    Raises:
        NotComparable: one of the depths has no predictions.
    """
    depths = answers.by_depth()
    for depth in (shallow, deep):
        if depth not in depths:
            raise NotComparable(f"no finished run of {plural(depth, 'layer')} has stored predictions")
    before, after = answers.of_depth(depths[shallow]), answers.of_depth(depths[deep])

    def shown(indices: Sequence[int]) -> list[StepImage]:
        return [
            StepImage(
                index=index,
                label=int(answers.labels[index]),
                shallow=_answer(before, index),
                deep=_answer(after, index),
            )
            for index in indices
        ]

    return StepImages(
        dataset=answers.dataset,
        shallow=shallow,
        deep=deep,
        fixed=shown(paired.fixed(answers.labels, before, after).tolist()),
        broken=shown(paired.fixed(answers.labels, after, before).tolist()),
    )


def _answer(predicted: Predictions, index: int) -> ImageAnswer:
    return ImageAnswer(
        digit=int(predicted.classes[index]), confidence=round(float(predicted.confidence[index]), 4)
    )


def pair(answers: Answers, first: int, second: int) -> ImagePair:
    """McNemar's test of two runs.

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
    sentence = (
        f"Of {images:,} images, run {second} classifies {found.gained:,} correctly that run {first} "
        f"gets wrong, and gets {found.lost:,} wrong that run {first} classifies correctly: {in_points(net)} "
        f"(McNemar's exact test, {probability(found.p)}), {judged}."
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
