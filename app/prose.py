"""Numbers and names in the sentences of a comparison."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from app import formats
from app.formats import plural
from app.statistics import SIGNIFICANCE

_NAMED: Final = 6
"""How many names a sentence lists."""
_UNBROKEN: Final = "\N{NO-BREAK SPACE}"
_SMALLEST_P: Final = 0.001
"""The smallest p value that is shown; smaller ones are shown as below it."""


@dataclass(frozen=True, slots=True)
class Noun:
    """A noun for groups in singular and plural: `depth`, `depths`."""

    one: str
    many: str


DEPTHS: Final = Noun("depth", "depths")


def seeds(count: int) -> str:
    """A number of seeds in words."""
    return plural(count, "seed")


def in_percent(fraction: float) -> str:
    """A fraction as a percentage with two decimals."""
    return formats.percent(fraction).replace(_UNBROKEN, " ")


def in_points(fraction: float) -> str:
    """A difference of fractions in percentage points with its sign; no sign if it is 0.00."""
    return formats.signed_points(fraction).replace(_UNBROKEN, " ")


def probability(p: float) -> str:
    """A p value with enough digits to show on which side of 0.05 it is."""
    if p < _SMALLEST_P:
        return f"p < {_SMALLEST_P}"
    shown = f"{p:.2g}" if p < SIGNIFICANCE else f"{p:.2f}"
    digits = 3
    while float(shown) == SIGNIFICANCE != p and digits < 17:  # noqa: PLR2004  # a float has no more
        shown = f"{p:.{digits}g}"
        digits += 1
    return f"p = {shown}"


def listed(labels: Sequence[str]) -> str:
    """Names in a sentence, depths as `1, 2 and 3 layers`; an empty text without names."""
    if not labels:
        return ""
    shown = [*labels[:_NAMED], f"{len(labels) - _NAMED} more"] if len(labels) > _NAMED else list(labels)
    if len(shown) > 1 and all(label.endswith((" layer", " layers")) for label in shown):
        shown = [label.partition(" ")[0] for label in shown[:-1]] + [shown[-1]]
    if len(shown) == 1:
        return shown[0]
    if any("," in label for label in labels):  # a name that contains a list itself
        return f"{'; '.join(shown[:-1])}; and {shown[-1]}"
    return f"{', '.join(shown[:-1])} and {shown[-1]}"
