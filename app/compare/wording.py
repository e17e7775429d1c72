"""The words for a contrast: its interval, and what that shows."""

from dataclasses import dataclass
from typing import Final

from app.formats import about, whole
from app.prose import in_points
from app.schemas.compare.comparison import ClaimStatus, Contrast, Interval, Receipt

_DIGITS: Final = range(2, 5)
_SO_FAR: Final = {"final": "{}", "provisional": "{} so far", "exploratory": "seems {}"}


@dataclass(frozen=True, slots=True)
class Wording:
    """Words that depend on how far statements can be trusted, and on the margin."""

    status: ClaimStatus
    margin: float

    @property
    def shown_margin(self) -> str:
        """The margin with its unit: `0.25 pp`."""
        return f"{100 * self.margin:.10g} pp"

    def in_words(self, receipt: Receipt) -> str:
        """A receipt as a sentence.

        `+ layer 2: +1.82 pp [+1.60, +2.00], better by more than the margin; costs 399,200 more parameters.`
        A receipt without an interval says why it has none.
        """
        claim = f"{receipt.label}: {in_points(receipt.difference)}"
        if receipt.interval is None:
            return f"{claim} ({receipt.untested})."
        costs = []
        if receipt.parameters:
            costs.append(f"{whole(receipt.parameters)} more parameters")
        if receipt.seconds and receipt.seconds > 0:
            costs.append(f"{about(receipt.seconds)} more training time")
        price = f"; costs {' and '.join(costs)}" if costs and receipt.answer == "better" else ""
        return f"{claim} {self.bracketed(receipt.interval)}, {self.judged(receipt)}{price}."

    def judged(self, contrast: Contrast) -> str:
        """What the interval of a pair shows; estimates are worded as such."""
        if contrast.answer in {None, "undecided"}:
            words = str(contrast.answer)
        else:
            words = _SO_FAR[self.status].format(contrast.answer)
        if contrast.answer in {"better", "worse"}:
            words += self._against_margin(contrast)
        if contrast.trend in {"improving", "changing"}:
            words += f", still {contrast.trend}"
        elif contrast.trend == "unknown":
            words += ", trend unknown"
        return words

    def _against_margin(self, contrast: Contrast) -> str:
        if contrast.exceeds_margin:
            return " by more than the margin"
        low, high = contrast.interval or (0.0, 0.0)
        return ", by less than the margin" if -self.margin < low and high < self.margin else ""

    def bracketed(self, interval: Interval) -> str:
        """An interval in percentage points without its unit: [+1.60, +2.00].

        It has as many digits as it takes to show on which side of 0 and of the margin its bounds lie.
        """
        digits = next((each for each in _DIGITS if self._is_exact(interval, each)), _DIGITS[-1])
        low, high = (_signed(bound, digits) for bound in interval)
        return f"[{low}, {high}]"

    def _is_exact(self, interval: Interval, digits: int) -> bool:
        edges = (0.0, self.margin, -self.margin)
        return all(
            (bound < edge) == (round(100 * bound, digits) < round(100 * edge, digits))
            and (bound > edge) == (round(100 * bound, digits) > round(100 * edge, digits))
            for bound in interval
            for edge in edges
        )


def _signed(bound: float, digits: int) -> str:
    words = f"{100 * bound:+.{digits}f}"
    is_zero = not words.strip("+-0.")
    return words[1:] if is_zero else words.replace("-", "\N{MINUS SIGN}")
