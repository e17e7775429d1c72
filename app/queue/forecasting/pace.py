"""The parts of a run's time, and their fit to past runs.

A run's time is a sum of parts: its start, the fixed cost of each epoch, the start of each operation of an
update (which dominates with small batches), the memory traffic of an update for each parameter, the passes
over activations, and the floating-point operations of the matrix products. The time per unit of each part
depends on the device; the fit determines it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from statistics import median
from types import MappingProxyType
from typing import Final, NamedTuple

from app.queue.forecasting.least_squares import Matrix, Vector, factors, form, product, weighted_median
from trainer.config import (
    TEST_IMAGES,
    TRAIN_IMAGES,
    TrainConfig,
    forward_flops_per_image,
    parameter_count,
    training_flops_per_image,
)

ASSUMED: Final[Mapping[str, Vector]] = MappingProxyType(
    {
        "cpu": (0.15, 0.005, 4.5e-6, 2e-10, 3.5e-10, 1.5e-11, 1.5e-11, 1.5e-11),
        "cuda": (0.5, 0.01, 2e-6, 4e-12, 2e-12, 5e-14, 2e-14, 1e-14),
        "mps": (0.3, 0.02, 2e-5, 4e-11, 2e-11, 5e-13, 5e-13, 5e-13),
    }
)
"""Seconds per unit of each part, without past runs: a start, an epoch, an operation, a pass over a parameter
or over a value of an image or activation, and a floating-point operation in fp32, tf32 and bf16."""

_PRECISIONS: Final = ("fp32", "tf32", "bf16")
_EVALUATION_BATCH: Final = 2_000
_LOSS_OPERATIONS: Final = 14
_THREADS_GAIN: Final = 0.8
"""Exponent of the speed-up with threads: twice as many take 0.57 of the time."""

_UNKNOWN_SPREAD: Final = 0.9
"""Standard deviation of the logarithm of a time estimated without past runs."""

_PART_SPREAD: Final = 0.6
"""Expected relative error of each part's assumed time, scaled to the device's speed, before the fit."""

_USUAL_SPREAD: Final = 0.15
_USUAL_WEIGHT: Final = 3.0
"""Relative error that the parts leave unexplained, and the weight of an expected error in runs."""

_FIRST_SPREAD: Final = 0.25
"""Relative error that is expected until past runs show it."""

_SMALLEST_SPREAD: Final = 0.05
_ROUNDS: Final = 6
_OUTLYING: Final = 2.4
"""Residuals beyond this many spreads get smaller and smaller weights (Cauchy's weights)."""

_NEIGHBORS: Final = 0.5
"""Similar past runs correct the fit for a configuration; this many apply half of the correction."""

_BELIEVED: Final = 0.7
"""A run whose time is off by e to this power corrects others with half the weight of its likeness."""

_IN_80_PERCENT: Final = 1.2816


@dataclass(frozen=True, slots=True)
class Work:
    """The properties of a training that its time depends on.

    With `starts` it includes loading, with `ends` the final evaluation of both whole splits.
    """

    depth: int
    width: int
    batch_size: int
    optimizer: str
    momentum: bool
    dropout: bool
    precision: str
    epochs: int
    layer_sizes: tuple[int, ...]
    train_images: int = TRAIN_IMAGES
    test_images: int = TEST_IMAGES
    threads: int = 1
    starts: bool = True
    ends: bool = True

    @classmethod
    def of(
        cls,
        config: TrainConfig,
        images: tuple[int, int] = (TRAIN_IMAGES, TEST_IMAGES),
        threads: int = 1,
        epochs: int | None = None,
        *,
        starts: bool = True,
        ends: bool = True,
    ) -> "Work":
        """A run on a data set with these numbers of training and test images; by default, all epochs."""
        return cls(
            depth=config.depth,
            width=config.width,
            batch_size=min(config.batch_size, max(1, images[0])),
            optimizer=config.optimizer,
            momentum=bool(config.momentum),
            dropout=bool(config.dropout),
            precision=config.precision,
            epochs=config.epochs if epochs is None else epochs,
            layer_sizes=config.layer_sizes,
            train_images=images[0],
            test_images=images[1],
            threads=1 if config.depth == 1 else threads,
            starts=starts,
            ends=ends,
        )

    @property
    def updates(self) -> int:
        """Updates per epoch."""
        return -(-self.train_images // self.batch_size)

    def amounts(self) -> tuple[float, ...]:
        """Units of each part, in the order of `ASSUMED`."""
        epoch, evaluation = self.of_training(), self._of_evaluation(self.test_images)
        after = self._of_evaluation(self.train_images + 2 * self.test_images) if self.ends else _NOTHING
        parts = [
            self.epochs * (one + other) + last
            for one, other, last in zip(epoch, evaluation, after, strict=True)
        ]
        return (float(self.starts), float(self.epochs), *parts[2:])

    def of_training(self) -> tuple[float, ...]:
        """Units of one epoch's training, without its evaluation."""
        hidden = self.depth - 1
        operations, passes = _UPDATE[self.rule]
        if self.precision == "bf16":
            operations, passes = operations + _ROUNDING[0], passes + _ROUNDING[1]
        return self._parts(
            operations=self.updates
            * (_LOSS_OPERATIONS + operations * self.depth + 3 * self.dropout * hidden),
            traffic=self.updates * passes * parameter_count(self.layer_sizes),
            values=self.train_images * sum(self.layer_sizes[:-1]) * (4 + 2 * self.dropout),
            flops=self.train_images * training_flops_per_image(self.layer_sizes),
        )

    def _of_evaluation(self, images: int) -> tuple[float, ...]:
        batches = -(-images // _EVALUATION_BATCH)
        return self._parts(
            operations=batches * (4 + 4 * self.depth),
            traffic=batches * parameter_count(self.layer_sizes),
            values=images * sum(self.layer_sizes[:-1]) * 3,
            flops=images * forward_flops_per_image(self.layer_sizes),
        )

    def _parts(self, *, operations: float, traffic: float, values: float, flops: float) -> tuple[float, ...]:
        shared = self.threads**_THREADS_GAIN
        products = [flops / shared if self.precision == precision else 0.0 for precision in _PRECISIONS]
        return (0.0, 0.0, operations, traffic / shared, values / shared, *products)

    @property
    def rule(self) -> str:
        """The kind of update, as far as kinds take different times."""
        if self.optimizer in ("adam", "adamw"):
            return "adam"
        return "momentum" if self.momentum else "sgd"

    def _distance(self, other: "Work") -> float:
        """Squared distance to the epochs of another run; beyond 4, neither says much about the other."""
        return (
            (math.log2(self.updates / other.updates) / 1.5) ** 2
            + math.log2(parameter_count(self.layer_sizes) / parameter_count(other.layer_sizes)) ** 2
            + (self.depth - other.depth) ** 2 / 2
            + (math.log2(max(1, self.epochs) / max(1, other.epochs)) / 8) ** 2
            + 2.0 * (self.rule != other.rule)
            + 4.0 * (self.precision != other.precision)
            + 1.0 * (self.threads != other.threads)
        )

    def likeness(self, other: "Work") -> float:
        """Similarity of another run's epochs to this one's, from 0 to 1."""
        return math.exp(-self._distance(other) / 2)


_NOTHING: Final = (0.0,) * 8
_UPDATE: Final[Mapping[str, tuple[int, int]]] = MappingProxyType(
    {"sgd": (8, 2), "momentum": (14, 10), "adam": (24, 30)}
)
"""By kind of update, per layer: operations of an update, and their passes over each parameter.

Measured on a CPU, where Adam's averages no longer fit into the cache that holds the weights."""

_ROUNDING: Final = (24, 8)
"""The same for the additional rounding and copying of bf16, on a CPU without bf16 instructions."""


class Observation(NamedTuple):
    """The measured seconds of some work, and their weight from 0 to 1."""

    work: Work
    seconds: float
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Guess:
    """The estimated seconds of some work; `spread` is the standard deviation of their logarithm.

    `support` is the number of similar past runs; 0 if none is similar, None without past runs.
    """

    seconds: float
    spread: float
    support: float | None

    @property
    def range(self) -> tuple[float, float]:
        """The interval in which 80 % of such runs end."""
        return around(self.seconds, self.spread)


def around(seconds: float, spread: float) -> tuple[float, float]:
    """The interval that contains 80 % of times if their logarithms are normal with this spread."""
    factor = math.exp(_IN_80_PERCENT * spread)
    return seconds / factor, seconds * factor


@dataclass(frozen=True)
class Pace:
    """The training speed of a kind of device.

    `units` are the seconds per unit of each part, and `covariance` is that of their errors. `past` has each
    past run with the logarithm of the ratio of its time to the sum of its parts.
    """

    units: Vector
    covariance: Matrix = ()
    past: tuple[tuple[Observation, float], ...] = ()

    def guess(self, work: Work) -> Guess:
        """Estimates the time of some work."""
        amounts = work.amounts()
        seconds = product(amounts, self.units)
        if not self.past:
            return Guess(seconds, _UNKNOWN_SPREAD, None)
        correction, support = self._correction(work)
        of_parts = max(0.0, form(self.covariance, amounts)) / seconds**2
        unexplained = _NEIGHBORS / (support + _NEIGHBORS)
        spread = math.sqrt(self.spread**2 + of_parts * unexplained)
        return Guess(seconds * math.exp(correction), spread, support)

    def total_over_training(self, work: Work) -> float:
        """The ratio of the time of some work to the training time of one of its epochs."""
        return product(work.amounts(), self.units) / product(work.of_training(), self.units)

    @cached_property
    def spread(self) -> float:
        """The relative error when each past run is estimated from the others."""
        squares = weights = 0.0
        for index, (run, residual) in enumerate(self.past):
            correction, _ = self._correction(run.work, without=index)
            error = max(-1.0, min(1.0, residual - correction))  # a suspended machine must not dominate
            squares += run.weight * error**2
            weights += run.weight
        return math.sqrt(
            (squares + _USUAL_WEIGHT * _FIRST_SPREAD**2) / (weights + _USUAL_WEIGHT) + _SMALLEST_SPREAD**2
        )

    def _correction(self, work: Work, without: int | None = None) -> tuple[float, float]:
        """The logarithmic correction from past runs similar to some work, and their weighted number."""
        near = [
            (residual, run.weight * work.likeness(run.work) / (1 + (residual / _BELIEVED) ** 2))
            for index, (run, residual) in enumerate(self.past)
            if index != without
        ]
        support = sum(weight for _, weight in near)
        if not support:
            return 0.0, 0.0
        middle = weighted_median(near)
        scale = _OUTLYING * _USUAL_SPREAD
        robust = [(residual, weight / (1 + ((residual - middle) / scale) ** 2)) for residual, weight in near]
        mean = sum(residual * weight for residual, weight in robust) / sum(weight for _, weight in robust)
        return mean * support / (support + _NEIGHBORS), support


@lru_cache(maxsize=32)
def fitted(kind: str, past: tuple[Observation, ...]) -> Pace:
    """Fits the pace to past runs on a kind of device.

    Minimizes the squared relative errors. Each part is held near its assumed time, scaled to the device's
    speed, more strongly the fewer runs determine it. No part is negative. Runs that took much longer or
    shorter than the others predict get little weight: their machine was suspended, or busy.
    """
    if not past:
        return Pace(ASSUMED.get(kind, ASSUMED["cpu"]))
    assumed = ASSUMED.get(kind, ASSUMED["cpu"])
    amounts = [run.work.amounts() for run in past]
    slowness = [math.log(run.seconds / product(row, assumed)) for run, row in zip(past, amounts, strict=True)]
    weights = [run.weight for run in past]
    middle = math.exp(weighted_median(list(zip(slowness, weights, strict=True))))
    units = [middle * unit for unit in assumed]
    rows = [
        [amount * unit / run.seconds for amount, unit in zip(row, units, strict=True)]
        for run, row in zip(past, amounts, strict=True)
    ]
    spread = _USUAL_SPREAD
    for _ in range(_ROUNDS):
        scales, inverse = factors(rows, weights, hold=(spread / _PART_SPREAD) ** 2)
        residuals = [-math.log(product(row, scales)) for row in rows]
        spread = max(_SMALLEST_SPREAD, 1.4826 * median(map(abs, residuals)), _USUAL_SPREAD / len(past))
        weights = [
            run.weight / (1 + (residual / (_OUTLYING * spread)) ** 2)
            for run, residual in zip(past, residuals, strict=True)
        ]
    covariance = [
        tuple(spread**2 * entry * one * other for entry, other in zip(row, units, strict=True))
        for row, one in zip(inverse, units, strict=True)
    ]
    return Pace(
        tuple(factor * unit for factor, unit in zip(scales, units, strict=True)),
        tuple(covariance),
        tuple(zip(past, residuals, strict=True)),
    )
