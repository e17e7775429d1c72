"""How often a study was looked at, and the error probability that each look may spend."""

from typing import Final

FIRST: Final = 0.03
"""Probability that the first look at a study makes any false claim."""
LATER: Final = 0.02
"""Probability that any later look does."""


def level(look: int) -> float:
    """The error probability of a look, counted from 1: 0.03, then 0.02 / 2^(look - 1).

    All looks together spend at most 0.05, the sum, whatever their dependence (Boole's inequality).
    """
    return FIRST if look == 1 else LATER / 2 ** (look - 1)
