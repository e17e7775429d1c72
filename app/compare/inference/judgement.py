"""What the interval of a difference shows: which group is better, or that both are equivalent."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from app.compare.inference.differences import Difference
from app.schemas.compare.comparison import Answer, Pair

MARGIN: Final = 0.0025
"""The default margin, as a fraction: smaller differences of test accuracy do not matter."""


@dataclass(frozen=True, slots=True)
class Rule:
    """How differences are judged: `level` is the error probability of all `pairs` together."""

    level: float
    pairs: int
    margin: float = MARGIN

    @property
    def of_pair(self) -> float:
        """The error probability of one interval, by Bonferroni's correction for the pairs."""
        return self.level / max(1, self.pairs)

    def interval(self, difference: Difference) -> tuple[float, float] | None:
        """The simultaneous interval of a difference; None if nothing is known about its error."""
        if difference.variance == 0 and difference.images is None:
            return None
        return difference.interval(self.of_pair)

    def answer(self, interval: tuple[float, float]) -> Answer:
        """What an interval shows of the second group against the first.

        Better or worse: the interval excludes 0. Equivalent: it lies within the margin on both sides of 0,
        as in two one-sided tests (D. J. Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics 15,
        1987).
        """
        low, high = interval
        if low > 0:
            return "better"
        if high < 0:
            return "worse"
        return "equivalent" if -self.margin < low and high < self.margin else "undecided"

    def distance(self, interval: tuple[float, float]) -> float:
        """How far an interval that decides has to move before it shows something else."""
        low, high = interval
        if low > 0 or high < 0:
            return max(low, -high)
        return self.margin - max(-low, high)

    def exceeds_margin(self, interval: tuple[float, float]) -> bool:
        """Whether the whole interval lies beyond the margin."""
        low, high = interval
        return low > self.margin or high < -self.margin


def unbeaten(groups: Iterable[str], pairs: Iterable[Pair]) -> list[str]:
    """The groups, by id, that no other is better than."""
    beaten = {
        pair.ids[0 if pair.answer == "better" else 1] for pair in pairs if pair.answer in ("better", "worse")
    }
    return [group for group in groups if group not in beaten]
