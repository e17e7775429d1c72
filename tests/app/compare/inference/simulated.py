"""Simulated studies whose truth is known: test images, seeds and runs drawn from a population."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from app.compare.groups import Group
from app.compare.inference import looks
from app.compare.inference.conclusions import Conclusions, Measured
from app.compare.inference.differences import Sample
from app.compare.inference.needs import needs
from app.compare.inference.standing import Standing
from tests.app.compare.judged import group, of_depth

IMAGES: Final = 1_000
"""Test images, all of them hard. Differences are ten times those of MNIST, where about a tenth is hard."""
MARGIN: Final = 0.025
ACCURACY: Final = 0.78
SPREAD: Final = 0.05
"""The spread of a group's skill over seeds: about 1.4 percentage points of accuracy."""
MOST_LOOKS: Final = 8
"""Looks after which offers are no longer followed."""
MOST_RUNS: Final = 400
_IMAGE, _GROUP, _RUN = 1.0, 0.3, 0.3
"""Spreads of an image's difficulty: for every network, for a group's networks, for a single network."""
_SHARED: Final = 0.8
"""The correlation between paired runs is the square of this."""


@dataclass(frozen=True)
class Truth:
    """A population: each group's accuracy over all images and seeds, and its spread of skill over seeds.

    A run dips with probability `dips`: its accuracy falls by about 13 percentage points.
    """

    accuracies: Sequence[float]
    spreads: Sequence[float]
    dips: float = 0.0
    _depth_of_dip: float = 0.4

    def dip(self, group: int) -> float:
        """How much skill a dip costs."""
        return self._depth_of_dip * self._total(group)

    def skill(self, group: int) -> float:
        """The mean skill at which the group has its accuracy, by bisection."""
        low, high = -8.0, 8.0
        for _ in range(60):
            skill = (low + high) / 2
            share = (1 - self.dips) * ndtr(skill) + self.dips * ndtr(skill - self._depth_of_dip)
            low, high = (skill, high) if share < self.accuracies[group] else (low, skill)
        return low * self._total(group)

    def _total(self, group: int) -> float:
        return math.sqrt(_IMAGE**2 + _GROUP**2 + _RUN**2 + self.spreads[group] ** 2)


@dataclass
class SimulatedStudy:
    """One study; runs can be added to its groups. Runs of one seed are alike if `paired`."""

    truth: Truth
    chance: np.random.Generator
    paired: bool = False
    correct: list[list[NDArray[np.bool_]]] = field(init=False)

    def __post_init__(self) -> None:
        groups = len(self.truth.accuracies)
        difficulty = self._normal(IMAGES) * np.float32(_IMAGE)
        self._easiness = difficulty + np.float32(_GROUP) * self._normal(groups, IMAGES)
        self._skills = [self.truth.skill(group) for group in range(groups)]
        self._seeds: list[tuple[float, NDArray[np.float32]]] = []
        self.correct = [[] for _ in range(groups)]

    def _normal(self, *shape: int) -> NDArray[np.float32]:
        return self.chance.standard_normal(shape, dtype=np.float32)

    def add(self, place: int, count: int) -> None:
        """Train more runs of a group."""
        for _ in range(count):
            luck, own = self._run(len(self.correct[place]))
            skill = self._skills[place] + luck * self.truth.spreads[place]
            if self.chance.random() < self.truth.dips:
                skill -= self.truth.dip(place)
            score = self._easiness[place] + np.float32(_RUN) * own + np.float32(skill)
            self.correct[place].append(score > 0)

    def _run(self, seed: int) -> tuple[float, NDArray[np.float32]]:
        """A run's luck, and its own view of each image."""
        luck, own = float(self.chance.standard_normal()), self._normal(IMAGES)
        if not self.paired:
            return luck, own
        while len(self._seeds) <= seed:
            self._seeds.append((float(self.chance.standard_normal()), self._normal(IMAGES)))
        common_luck, common = self._seeds[seed]
        rest = math.sqrt(1 - _SHARED**2)
        return (
            _SHARED * common_luck + rest * luck,
            np.float32(_SHARED) * common + np.float32(rest) * own,
        )

    def conclusions(self, look: int, margin: float = MARGIN) -> Conclusions:
        """What a comparison of these runs concludes at a look, with this margin."""
        accuracies = [[int(run.sum()) / IMAGES for run in runs] for runs in self.correct]
        groups = [self._group(place, values) for place, values in enumerate(accuracies)]
        measured = [
            Measured(Sample(values, np.array(runs), each.family))
            for values, runs, each in zip(accuracies, self.correct, groups, strict=True)
        ]
        return Conclusions(groups, measured, Standing("final", look, looks.level(look)), margin)

    def _group(self, place: int, values: Sequence[float]) -> Group:
        return (
            group({"lr": place}, values, label=f"lr {place}") if self.paired else of_depth(place + 1, values)
        )


@dataclass
class Seen:
    """What happened in many studies of one kind."""

    first: list[bool] = field(default_factory=list)
    ever: list[bool] = field(default_factory=list)
    covered: list[bool] = field(default_factory=list)
    answers: list[str | None] = field(default_factory=list)
    looks: list[int] = field(default_factory=list)

    def most(self, share: float) -> float:
        """A share plus two standard errors."""
        return share + 2 * math.sqrt(share * (1 - share) / len(self.ever))


def seen(
    truth: Truth, n: int, studies: int, *, margin: float = MARGIN, follow: bool = False, paired: bool = False
) -> Seen:
    """Simulated studies of this population with n seeds; offers of seeds are followed to their end or not."""
    chance = np.random.default_rng((n, len(truth.accuracies), round(1000 * truth.dips), follow, paired))
    found = Seen()
    for _ in range(studies):
        study = SimulatedStudy(truth, chance, paired)
        for place in range(len(truth.accuracies)):
            study.add(place, n)
        look, is_false = 1, False
        while True:
            concluded = study.conclusions(look, margin)
            wrong = any(_is_false(truth, pair.answer, pair.ids) for pair in concluded.pairs)
            is_false |= wrong
            if look == 1:
                found.first.append(wrong)
                found.answers.append(concluded.pairs[-1].answer)
                found.covered += _covered(truth, concluded)
            needed = needs(concluded) if follow and look < MOST_LOOKS else None
            if not needed or not needed.seeds or sum(map(len, study.correct)) > MOST_RUNS:
                break
            for place, each in enumerate(concluded.groups):
                study.add(place, max(0, needed.seeds.get(each.id, 0) - len(each.runs)))
            look += 1
        found.ever.append(is_false)
        found.looks.append(look)
    return found


def _places(ids: tuple[str, str]) -> tuple[int, int]:
    first, second = (int(each.partition("=")[2]) for each in ids)
    return (first, second) if ids[0].startswith("lr") else (first - 1, second - 1)


def _is_false(truth: Truth, answer: str | None, ids: tuple[str, str]) -> bool:
    first, second = _places(ids)
    real = truth.accuracies[second] - truth.accuracies[first]
    return (answer == "better" and real <= 0) or (answer == "worse" and real >= 0)


def _covered(truth: Truth, concluded: Conclusions) -> list[bool]:
    found = []
    for ids, difference in concluded.differences.items():
        first, second = _places(ids)
        low, high = difference.interval(0.05) if difference else (math.nan, math.nan)
        found.append(low <= truth.accuracies[second] - truth.accuracies[first] <= high)
    return found


def equal(groups: int) -> list[float]:
    """The same spread for each group."""
    return [SPREAD] * groups


def wide(groups: int) -> list[float]:
    """The same, but so large that seeds cause most of the error."""
    return [float(each) for each in SPREAD * np.geomspace(2 / 3, 6, groups)]


def unequal(groups: int) -> list[float]:
    """Spreads of which the extremes are a factor of nine apart."""
    return [float(each) for each in SPREAD * np.geomspace(1 / 3, 3, groups)]
