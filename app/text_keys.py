"""Keys for case-insensitive search and natural sort order."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any, Final, TypeVar

_Value = TypeVar("_Value", bound=Any)

BETWEEN: Final = "\x1f"
"""Separates the texts of a search key. Names, tags and notes can't contain it, so no match spans two."""

_TURKISH: Final = str.maketrans({"\N{LATIN SMALL LETTER DOTLESS I}": "i"})
_MARKS: Final = re.compile("[\u0300-\u036f]")
_NUMBER: Final = re.compile(
    r"(?P<version>(?<![^\W\d_])v(?=[0-9]))?"
    r"(?P<whole>[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+)"
    r"(?P<rest>(?:\.[0-9]+)*)"
    r"(?:e(?P<exponent>[+-]?[0-9]{1,3})(?![a-z0-9]))?"
)
_ZERO: Final = "0000"
_MIDDLE: Final = 5000
"""Added to the power of ten in a number's key, so that negative powers sort first."""


def folded(text: str) -> str:
    """Returns a text for comparison: without case, and with one spelling for characters that look alike.

    This is Unicode's compatibility caseless match (NFKC and full case folding: `GRÖSSE` is `größe`, `Σ` is
    `ς`). In addition, Turkish i without or with a dot, small or capital, is `i`.
    """
    once = unicodedata.normalize("NFKC", unicodedata.normalize("NFD", text).casefold())
    twice = unicodedata.normalize("NFKC", once.casefold())
    return twice.replace("i\N{COMBINING DOT ABOVE}", "i").translate(_TURKISH)


def natural(text: str) -> str:
    """Returns a key whose code points sort naturally: 2 before 10, ä beside a, case and zeros ignored.

    It recognizes numbers as in `seed 2`, `1,000 epochs`, `lr 0.05` and `1e-05`. In versions and dates, which
    have two points or more or a leading `v` (`v1.10`), each part counts separately.
    """
    words = "".join(_plain_digit(character) for character in folded(text))
    bare = _MARKS.sub("", unicodedata.normalize("NFD", words))
    key = _NUMBER.sub(_counted, bare)
    return key if bare == words else f"{key}{BETWEEN}{words}"


def of_run(name: str, tags: Sequence[str], note: str) -> dict[str, str]:
    """Returns the keys of a run for search in its name, tags and note, and for sorting by its name."""
    return {"name_key": natural(name), "search_key": BETWEEN.join(map(folded, (name, *tags, note)))}


def sought(text: str) -> str:
    """Returns the text to look for in search keys; a text with the separator matches none."""
    return folded(text).replace(BETWEEN, 2 * BETWEEN)


def spellings(text: str) -> list[str]:
    """Returns a text in each Unicode normal form of its accents; all of them look the same."""
    return list(dict.fromkeys([text, *(unicodedata.normalize(form, text) for form in ("NFC", "NFD"))]))


def ascending(values: Iterable[_Value]) -> list[_Value]:
    """Sorts values of one kind; texts in natural order."""
    return sorted(values, key=lambda value: natural(value) if isinstance(value, str) else value)


def _plain_digit(character: str) -> str:
    value = unicodedata.decimal(character, None)
    return character if value is None else str(value)


def _counted(number: re.Match[str]) -> str:
    whole, rest = number["whole"].replace(",", ""), number["rest"]
    if number["version"] or rest.count(".") > 1:
        tail = f"e{number['exponent']}" if number["exponent"] else ""
        parts = ".".join(_decimal(part, "", 0) for part in (whole + rest).split("."))
        return (number["version"] or "") + parts + tail
    return _decimal(whole, rest[1:], int(number["exponent"] or 0))


def _decimal(whole: str, fraction: str, exponent: int) -> str:
    """A number as its power of ten and its digits, followed by a space, which sorts before any digit."""
    digits = (whole + fraction).lstrip("0")
    if not digits:
        return f"{_ZERO} "
    power = len(whole) - (len(whole + fraction) - len(digits)) + exponent
    return f"{_MIDDLE + power:04d}{digits.rstrip('0')} "
