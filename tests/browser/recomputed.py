"""The figures of a comparison once more, from its CSV and the stored predictions alone.

Nothing here uses the application: NumPy and SciPy compute the expected values.
"""

import csv
import io
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file
from scipy import stats

Values = NDArray[np.float64]
SPACE = "\N{NO-BREAK SPACE}"
IMAGES = 60_000


def percent(value: float) -> str:
    """A fraction as the page displays it."""
    return f"{100 * value:.2f}{SPACE}%"


def points(value: float) -> str:
    """A difference of fractions in points, without a plus sign."""
    return f"{100 * value:.2f}".replace("-", "\N{MINUS SIGN}")


class Run:
    """One run's lines of the CSV."""

    def __init__(self, lines: Sequence[dict[str, str]]) -> None:
        self.first = lines[0]
        self.id = int(self.first["run_id"])
        self.depth = int(self.first["run_depth"])
        self.lines = lines

    def epochs(self, name: str) -> Values:
        """A column by epoch."""
        return np.array([float(line[name]) for line in self.lines])

    def layers(self, name: str) -> Values:
        """A column of lists as (epochs, layers)."""
        return np.array([json.loads(line[name]) for line in self.lines])

    def final(self, name: str) -> float:
        """A value of the whole run."""
        return float(self.first[f"run_{name}"])

    @property
    def spent(self) -> dict[str, Values]:
        """The cost up to the end of each epoch."""
        epoch = self.epochs("epoch")
        sizes = json.loads(self.first["run_layer_sizes"])
        products = [2 * a * b for a, b in pairwise(sizes)]
        return {
            "epoch": epoch,
            "seconds": self.epochs("seconds").cumsum(),
            "updates": epoch * math.ceil(IMAGES / int(self.first["run_batch_size"])),
            "flops": epoch * IMAGES * (3 * sum(products) - products[0]),
        }

    @property
    def seconds_to_97(self) -> float | None:
        """Seconds until the first epoch with 97 % test accuracy."""
        reached = np.flatnonzero(self.epochs("test_accuracy") >= 0.97)
        return float(self.spent["seconds"][reached[0]]) if len(reached) else None


def read(text: str) -> dict[int, list[Run]]:
    """The runs of a CSV by depth."""
    lines: dict[str, list[dict[str, str]]] = {}
    for line in csv.DictReader(io.StringIO(text, newline="")):
        lines.setdefault(line["run_id"], []).append(line)
    found: dict[int, list[Run]] = {}
    for each in lines.values():
        run = Run(each)
        found.setdefault(run.depth, []).append(run)
    return dict(sorted(found.items()))


def interval(values: Values) -> tuple[float, float]:
    """The 95 % interval of the mean."""
    low, high = stats.t.interval(0.95, len(values) - 1, values.mean(), stats.sem(values))
    return float(low), float(high)


@dataclass(frozen=True)
class Contrast:
    """The second of two groups minus the first: its mean and the variances of that mean.

    `seeds` are variances over seeds with degrees of freedom: one of each group, or two if runs pair.
    `images` is the variance over test images.
    """

    mean: float
    seeds: list[tuple[float, float]]
    images: float

    def half(self, tail: float, *, images: bool = True) -> float:
        """Half of Howe's interval, which each end misses with the probability `tail`."""
        over_seeds = sum(variance for variance, _ in self.seeds)
        freedom = over_seeds**2 / sum(variance**2 / (own + 1) for variance, own in self.seeds) - 1
        t, z = stats.t.isf(tail, freedom), stats.norm.isf(tail)
        return float(np.sqrt(t**2 * over_seeds + z**2 * self.images * images))

    def interval(self, tail: float, *, images: bool = True) -> tuple[float, float]:
        """Both ends, with or without the error over images."""
        half = self.half(tail, images=images)
        return self.mean - half, self.mean + half


def contrast(first: NDArray[np.bool_], second: NDArray[np.bool_], *, paired: bool = False) -> Contrast:
    """Two groups by which images each run classifies correctly: (runs, images); paired runs are in order.

    The variance of an image's difference of shares contains the variance that the choice of seeds causes,
    which is estimated image by image and subtracted.
    """
    difference = second.mean(axis=0) - first.mean(axis=0)
    accuracies = [group.mean(axis=1) for group in (first, second)]
    if paired:
        changes = second.astype(float) - first
        by_seeds = changes.var(axis=0, ddof=1).mean() / len(changes)
        of_runs = changes.mean(axis=1)
        noise, own = float(by_seeds) / len(difference), len(of_runs) - 1
        rest = max(0.0, float(of_runs.var(ddof=1)) / len(of_runs) - noise)
        seeds: list[tuple[float, float]] = [(rest, own), (noise, 2 * own)]
    else:
        by_seeds = sum(group.var(axis=0, ddof=1).mean() / len(group) for group in (first, second))
        least = [group.var(axis=0, ddof=1).mean() / group.size for group in (first, second)]
        seeds = [
            (max(float(each.var(ddof=1)) / len(each), float(noise)), len(each) - 1)
            for each, noise in zip(accuracies, least, strict=True)
        ]
    images = max(0.0, float(difference.var(ddof=1) - by_seeds)) / len(difference)
    return Contrast(float(difference.mean()), seeds, images)


def pareto(costs: Values, accuracies: Values) -> list[int]:
    """The positions of the points that no other of the same or lower cost equals or beats, cheapest first."""
    front = [
        place
        for place in range(len(costs))
        if not any(
            costs[other] <= costs[place] and accuracies[other] >= accuracies[place]
            for other in range(len(costs))
            if other != place
        )
    ]
    return sorted(front, key=lambda place: float(costs[place]))


class Answers:
    """The predictions of each run for the test images."""

    def __init__(self, files: dict[int, Path], labels: NDArray[np.uint8]) -> None:
        self.labels = labels
        stored = {run: load_file(path) for run, path in files.items()}
        self.classes = {run: tensors["classes"].astype(int) for run, tensors in stored.items()}
        self.confidence = {run: tensors["confidence"].astype(float) for run, tensors in stored.items()}

    def correct(self, runs: Sequence[int]) -> NDArray[np.bool_]:
        """Which images each of these runs classifies correctly: (runs, images)."""
        return np.array([self.classes[run] == self.labels for run in runs])

    def confidence_if_correct(self, runs: Sequence[int], images: NDArray[np.int64]) -> NDArray[np.float64]:
        """The mean confidence of these runs' correct predictions of these images."""
        sure = np.array([self.confidence[run][images] for run in runs])
        mean: NDArray[np.float64] = np.nanmean(np.where(self.correct(runs)[:, images], sure, np.nan), axis=0)
        return mean

    def most_frequent(self, runs: Sequence[int], image: int) -> tuple[int, int]:
        """The most frequent prediction of an image and how many runs give it; ties go to the surer runs."""
        digits = [int(self.classes[run][image]) for run in runs]
        sure = dict.fromkeys(digits, 0.0)
        for run, digit in zip(runs, digits, strict=True):
            sure[digit] += self.confidence[run][image]
        best = max(sure, key=lambda digit: (digits.count(digit), sure[digit]))
        return best, digits.count(best)

    def mcnemar(self, first: Any, second: Any) -> tuple[int, int, float]:  # arrays of answers
        """Images that only the second, and only the first, classifies correctly, and the exact p."""
        gained = int(((first != self.labels) & (second == self.labels)).sum())
        lost = int(((first == self.labels) & (second != self.labels)).sum())
        p = float(stats.binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0
        return gained, lost, p

    def confusion(self, run: int) -> NDArray[np.int64]:
        """The confusion matrix: digits (rows) and predictions (columns)."""
        found = np.zeros((10, 10), np.int64)
        np.add.at(found, (self.labels, self.classes[run]), 1)
        return found
