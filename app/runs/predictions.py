"""One run's predictions for the test images: confusion matrix, accuracy per class, most confident errors.

The page of every finished run shows them, so nothing here needs NumPy, which takes 0.1 s to import.
"""

import struct
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

from app.schemas.predictions import ClassAccuracy, RunPredictions, WrongImage
from app.schemas.runs import RunOut
from app.settings import Settings
from app.storage import artifacts
from trainer.config import CLASSES
from trainer.data.folder import TEST_LABELS_FILE, DataFolder, Stamp, shown
from trainer.data.idx_stream import LABELS, IdxError, opened
from trainer.files import raw_tensors
from trainer.files.durable import is_local
from trainer.files.raw_tensors import TensorFileError

_KEPT: Final = 64
"""How many files are cached; predictions for 10,000 images take 30 KB."""

_ROUNDING: Final = 0.5
"""An accuracy times the number of images is within this of the number of images classified correctly."""

_SHADES: Final = 9
_DIGITS: Final = 4
"""Decimals of a confidence: half-precision numbers near 1 are 0.0005 apart."""


class NoPredictions(Exception):
    """A run has no predictions that can be shown; the message says why and what to do."""


class _Answers(NamedTuple):
    """The predicted class of each image, and its softmax probability; None if the file lacks it."""

    classes: bytes
    confidence: tuple[float, ...] | None


def of_run(run: RunOut, settings: Settings, most: int) -> RunPredictions:
    """What a finished run predicts for the test images, with its `most` most confident errors.

    Raises:
        NoPredictions: it has not finished, its file is missing, or the test images have changed.
        StoreUnusable: the location of the artifacts is a URL that can't be used here.
    """
    if run.status != "finished":
        raise NoPredictions(f"run {run.id} has no predictions: it is {run.status}")
    answers = _answers_of(run, settings.artifacts)
    labels = _labels_of(run.dataset, settings.data_dir)
    pairs = Counter(zip(labels, answers.classes, strict=False))
    correct = sum(pairs[each, each] for each in range(CLASSES))
    recorded = (run.test_accuracy or 0.0) * len(labels)
    if len(labels) != len(answers.classes) or abs(correct - recorded) >= _ROUNDING:
        raise NoPredictions(
            f"run {run.id} was tested on other images than {run.dataset} has now: train it again to see its "
            "predictions"
        )
    confusion = [[pairs[label, answer] for answer in range(CLASSES)] for label in range(CLASSES)]
    wrong = _by_confidence(labels, answers)
    return RunPredictions(
        run_id=run.id,
        dataset=run.dataset,
        images=len(labels),
        correct=correct,
        confusion=confusion,
        classes=[_class(confusion, each) for each in range(CLASSES)],
        has_confidence=answers.confidence is not None,
        wrong=[_wrong(labels, answers, index) for index in wrong[:most]],
    )


def heat(confusion: Sequence[Sequence[int]]) -> list[list[int]]:
    """The shade of each cell of a confusion matrix: from 0, as on the diagonal, to 9 for the most errors."""
    errors = [
        [0 if label == answer else count for answer, count in enumerate(row)]
        for label, row in enumerate(confusion)
    ]
    most = max(map(max, errors)) or 1
    return [[-(-_SHADES * count // most) for count in row] for row in errors]


def _class(confusion: Sequence[Sequence[int]], digit: int) -> ClassAccuracy:
    images, correct = sum(confusion[digit]), confusion[digit][digit]
    others = [each for each in range(CLASSES) if each != digit]
    return ClassAccuracy(
        label=digit,
        images=images,
        correct=correct,
        accuracy=correct / images if images else None,
        predicted=sum(row[digit] for row in confusion),
        confused_with=max(others, key=confusion[digit].__getitem__) if images > correct else None,
    )


def _by_confidence(labels: bytes, answers: _Answers) -> list[int]:
    """The indices of wrongly classified images, the most confident first; ties by index."""
    wrong = [
        index
        for index, (label, given) in enumerate(zip(labels, answers.classes, strict=True))
        if label != given
    ]
    sure = answers.confidence
    return wrong if sure is None else sorted(wrong, key=lambda index: -sure[index])


def _wrong(labels: bytes, answers: _Answers, index: int) -> WrongImage:
    return WrongImage(
        index=index,
        label=labels[index],
        predicted=answers.classes[index],
        confidence=round(answers.confidence[index], _DIGITS) if answers.confidence else None,
    )


def _answers_of(run: RunOut, location: str) -> _Answers:
    path = artifacts.of_run(location, run.id).predictions(run.attempt)
    why = f"the predictions of run {run.id} are missing or damaged: train it again to see them"
    try:
        return _read(path, path.stat().st_mtime_ns if is_local(path) else run.finished_at)
    except (OSError, TensorFileError) as error:
        raise NoPredictions(why) from error
    except Exception as error:
        if is_local(path):
            raise
        raise NoPredictions(why) from error  # clients of stores raise errors of their own


@lru_cache(maxsize=_KEPT)
def _read(path: Path, _version: int | str | None) -> _Answers:
    tensors = raw_tensors.read(path)
    confidence = tensors.get("confidence")
    try:
        return _Answers(
            tensors["classes"].content,
            None if confidence is None else struct.unpack(f"<{confidence.shape[0]}e", confidence.content),
        )
    except (KeyError, struct.error) as error:
        raise TensorFileError(f"{path} has no predictions: {error}") from error


def _labels_of(dataset: str, data_dir: Path) -> bytes:
    folder = DataFolder.of(dataset, data_dir)
    try:
        return _read_labels(folder, folder.stamp)
    except IdxError as error:
        raise NoPredictions(f"the test images of {dataset} can't be read: {error}") from error


@lru_cache(maxsize=_KEPT)
def _read_labels(folder: DataFolder, _stamp: Stamp) -> bytes:
    path = folder.file(TEST_LABELS_FILE)
    if path is None:
        raise NoPredictions(f"{TEST_LABELS_FILE} is missing in {shown(folder.path)}")
    with opened(path, LABELS) as stream:
        return b"".join(stream.payload())
