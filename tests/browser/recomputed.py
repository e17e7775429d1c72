"""The figures of a comparison once more, from its CSV and the stored predictions alone.

Nothing here uses the application: NumPy and SciPy compute the expected values.
"""

import csv
import io
import json
import math
from collections.abc import Sequence
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file
from scipy import optimize, special, stats

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


def welch(first: Values, second: Values) -> tuple[float, float, float, float]:
    """The difference, the ends of its 95 % interval, and p."""
    found = stats.ttest_ind(second, first, equal_var=False)
    bounds = found.confidence_interval(0.95)
    return float(second.mean() - first.mean()), float(bounds.low), float(bounds.high), float(found.pvalue)


def holm(samples: Sequence[Values]) -> dict[tuple[int, int], float]:
    """Holm-adjusted p values of all pairs of samples, by their positions."""
    raw = {(a, b): welch(samples[a], samples[b])[3] for a, b in combinations(range(len(samples)), 2)}
    ordered = sorted(raw, key=lambda pair: raw[pair])
    adjusted = np.maximum.accumulate([raw[pair] * (len(raw) - rank) for rank, pair in enumerate(ordered)])
    return dict(zip(ordered, np.minimum(1, adjusted).tolist(), strict=True))


def probability_best(samples: Sequence[Values], most_borrowed: float, in_reach: float) -> Values:
    """The probability that each true mean is the highest, from a normal hierarchical model.

    It is computed by other steps and with other random draws than in the application. Variances are Smyth's
    moderated variances. The spread of true means has the uniform shrinkage prior and is estimated only from
    the means that are within reach of the highest.
    """
    d = len(samples[0]) - 1
    variances = np.array([sample.var(ddof=1) for sample in samples])
    logs = np.log(variances) - special.digamma(d / 2) + math.log(d / 2)
    excess = logs.var(ddof=1) - special.polygamma(1, d / 2)
    prior = most_borrowed
    if excess > 0:
        root = optimize.brentq(lambda x: special.polygamma(1, x) - excess, 1e-3, 1e3)
        prior = min(most_borrowed, 2 * root)
    shared = math.exp(logs.mean() + special.digamma(prior / 2) - math.log(prior / 2))
    errors = (prior * shared + d * variances) / (prior + d) / (d + 1)
    freedom = prior + d
    means = np.array([sample.mean() for sample in samples])
    best = means.argmax()
    close = means[best] - means <= in_reach * np.sqrt(errors + errors[best])
    chance = np.random.default_rng(20)
    drawn = means[:, None] + np.sqrt(errors)[:, None] * chance.standard_t(freedom, (len(samples), 200_000))
    if close.sum() > 1:
        drawn[close] = _drawn_together(means[close], errors[close], freedom, chance)
    found: Values = np.bincount(drawn.argmax(axis=0), minlength=len(samples)) / 200_000
    return found


def _drawn_together(means: Values, errors: Values, freedom: float, chance: np.random.Generator) -> Values:
    """Draws of true means that are normal around a common mean, 200 for each of 1,000 values of τ."""
    kept = (np.arange(1000) + 0.5) / 1000
    tau2 = errors.mean() * (1 - kept) / kept
    densities, drawn = [], []
    for variance in tau2:
        precision = 1 / (errors + variance)
        centre, width = (precision * means).sum() / precision.sum(), 1 / math.sqrt(precision.sum())
        standardized = (means - centre) * np.sqrt(precision)
        density = np.sqrt(precision) * (1 + standardized**2 / freedom) ** (-(freedom + 1) / 2)
        densities.append(density.prod() * width)
        common = chance.normal(centre, width, 200)
        own = variance / (variance + errors)[:, None]
        spreads = np.sqrt(errors[:, None] * own) * chance.standard_t(freedom, (len(means), 200))
        drawn.append((1 - own) * common + own * means[:, None] + spreads)
    weights = np.array(densities) / np.sum(densities)
    chosen = chance.choice(1000, 200_000, p=weights)
    found: Values = np.array(drawn)[chosen, :, chance.integers(0, 200, 200_000)].T
    return found


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

    def majority(self, runs: Sequence[int]) -> NDArray[np.int64]:
        """The majority prediction of these runs; ties go to the higher summed confidence."""
        one_hot = np.eye(10)
        votes = sum(one_hot[self.classes[run]] for run in runs)
        surely = sum(one_hot[self.classes[run]] * self.confidence[run][:, None] for run in runs)
        order = np.lexsort((np.asarray(surely), np.asarray(votes)), axis=1)
        winners: NDArray[np.int64] = order[:, -1]
        return winners

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
