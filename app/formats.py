"""Formats numbers, durations and times; `static/js/format.js` formats them in the same way in the browser."""

import math
import re
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Final

NOTHING: Final = "–"
_SPACE: Final = "\N{NO-BREAK SPACE}"
_PLAIN: Final = range(-4, 5)
"""Powers of ten of numbers without an exponent; smaller and larger ones get one, like 4.000e-5."""
_MINUTE: Final = 60
_HOUR: Final = 3600
_DAY: Final = 86_400
_NOT_FINITE: Final = {math.inf: "∞", -math.inf: "\N{MINUS SIGN}∞"}
_EXACT: Final = Context(prec=400)
"""Enough digits to round every float exactly to a few decimals."""
_SMALLEST_DIFFERENCE: Final = 0.00005
_LARGEST_DIFFERENCE: Final = 100_000


def as_utf8(text: str) -> str:
    r"""Returns a text as UTF-8; bytes of file names that are not UTF-8 are written like \udcff."""
    return text.encode(errors="backslashreplace").decode()


def _fixed(value: float, decimals: int) -> str:
    """A number to `decimals` decimals; halves are rounded away from 0, as in the browser."""
    return f"{Decimal(value).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP, _EXACT):f}"


def _scientific(value: float, digits: int) -> tuple[str, int]:
    """Mantissa and exponent to `digits` significant digits; halves are rounded away from 0."""
    mantissa, _, exponent = f"{_digits(digits).create_decimal(value):.{digits - 1}e}".partition("e")
    return mantissa, int(exponent)


def figure(value: float | None, decimals: int, digits: int) -> str:
    """A measured number with at least `decimals` decimals and `digits` significant digits.

    It has an exponent if it needs more than five digits before the point or four zeros after it.
    """
    if value is None:
        return NOTHING
    if not math.isfinite(value):
        return _NOT_FINITE.get(value, "NaN")
    if not value:
        return _fixed(0, decimals)
    mantissa, magnitude = _scientific(value, digits)
    if magnitude not in _PLAIN:
        return f"{mantissa}e{magnitude}"
    return _fixed(value, max(decimals, digits - 1 - magnitude))


def significant(value: float | None, digits: int) -> str:
    """A number to `digits` significant digits without trailing zeros; whole numbers keep all digits."""
    if value is None or not math.isfinite(value):
        return figure(value, 0, digits)
    mantissa, exponent, power = figure(value, 0, digits).partition("e")
    return (mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa) + exponent + power


def percent(fraction: float | None, digits: int = 2) -> str:
    """A fraction as percent: 0.9826 is 98.26 %."""
    return NOTHING if fraction is None else f"{_fixed(fraction * 100, digits)}{_SPACE}%"


def points(fraction: float | None) -> str:
    """A difference or spread of fractions in percentage points, without its unit: 0.0007 is 0.07."""
    if fraction is None:
        return NOTHING
    words = _fixed(fraction * 100, 2)
    return "0.00" if words == "-0.00" else words.replace("-", "\N{MINUS SIGN}")


def signed_points(fraction: float) -> str:
    """A difference of fractions in percentage points with its sign and unit; no sign if it is 0.00."""
    words = points(fraction)
    sign = "" if words.startswith("\N{MINUS SIGN}") or words == "0.00" else "+"
    return f"{sign}{words}{_SPACE}pp"


def whole(number: int | None) -> str:
    """A whole number with thousands separators and a minus sign: 535,818."""
    return NOTHING if number is None else f"{number:,}".replace("-", "\N{MINUS SIGN}")


def size(count: int) -> str:
    """A number of bytes with its unit: 2.3 MB."""
    for power, unit in ((9, "GB"), (6, "MB"), (3, "kB")):
        if count >= 10**power:
            return f"{count / 10**power:.1f}{_SPACE}{unit}"
    return f"{count}{_SPACE}bytes"


def decimal(number: float | None) -> str:
    """A setting such as a learning rate, in the fewest digits that parse to the same number."""
    return NOTHING if number is None else repr(number).removesuffix(".0")


def written(value: object) -> str:
    """A hyperparameter as text that parses to exactly the same value."""
    return decimal(value) if isinstance(value, float) else str(value)


def apart(numbers: Iterable[float], digits: int = 10) -> dict[float, str]:
    """Settings shown side by side, by value: rounded, but no two look alike.

    Each has at most `digits` significant digits; those that would look alike get more.
    """
    counts = dict.fromkeys(numbers, digits)
    while True:
        shown = {
            number: min(decimal(number), f"{number:.{count}g}", key=len) for number, count in counts.items()
        }
        used = Counter(shown.values())
        alike = [number for number, text in shown.items() if used[text] > 1]
        if not alike:
            return shown
        for number in alike:
            counts[number] += 1


def ratio(number: float | None) -> str:
    """A ratio to three significant digits: × 0.195."""
    return NOTHING if number is None else f"×{_SPACE}{significant(number, 3)}"


def unbroken(sentence: str) -> str:
    """A sentence with no-break spaces between numbers and their units and signs."""
    return re.sub(r"(?<=\d) (?=%|pp\b)|(?<=\bp) (?=[=<])|(?<=[=<]) (?=\d)", _SPACE, sentence)


def loss(value: float | None) -> str:
    """A cross-entropy in nats, with at least four significant digits and four decimals."""
    return figure(value, 4, 4)


def signed_loss(difference: float) -> str:
    """A difference of losses with its sign: four decimals, or an exponent if those can't show it."""
    size = abs(difference)
    plain = not size or _SMALLEST_DIFFERENCE <= size < _LARGEST_DIFFERENCE
    sign = "\N{MINUS SIGN}" if difference < 0 else "+"
    return f"{sign}{_fixed(size, 4) if plain else loss(size)}"


def seconds(value: float | None) -> str:
    """A measured time in seconds, without its unit, with at least two decimals and two significant digits."""
    return figure(value, 2, 2)


def duration(seconds: float | None) -> str:
    """A time span in its two largest units."""
    if seconds is None:
        return NOTHING
    if 0 < seconds < 0.0005:  # noqa: PLR2004  # would round to 0 ms
        return f"under 1{_SPACE}ms"
    if 0 < seconds < 0.05:  # noqa: PLR2004  # would round to 0.0 s
        return f"{_nearest(1000 * seconds)}{_SPACE}ms"
    if seconds < 10:  # noqa: PLR2004  # below 10 s, tenths matter
        return f"{_fixed(seconds, 1)}{_SPACE}s"
    total = _nearest(seconds)
    if total < _MINUTE:
        return f"{total}{_SPACE}s"
    for size, unit, smaller, smaller_unit in (
        (_DAY, "d", _HOUR, "h"),
        (_HOUR, "h", _MINUTE, "min"),
        (_MINUTE, "min", 1, "s"),
    ):
        if total >= size:
            rest = total % size // smaller
            tail = f" {rest}{_SPACE}{smaller_unit}" if rest else ""
            return f"{whole(total // size)}{_SPACE}{unit}{tail}"
    raise AssertionError


def about(seconds: float | None) -> str:
    """An estimated time span in one unit, as estimates are no more precise."""
    if seconds is None:
        return NOTHING
    if seconds < 1:
        return f"under 1{_SPACE}s"
    if seconds < 90:  # noqa: PLR2004  # in seconds up to 90 s
        return f"about {_nearest(seconds)}{_SPACE}s"
    if seconds < 90 * _MINUTE:
        return f"about {_nearest(seconds / _MINUTE)}{_SPACE}min"
    if seconds < 2 * _DAY:
        return f"about {_fixed(seconds / _HOUR, 1)}{_SPACE}h"
    return f"about {whole(_nearest(seconds / _DAY))}{_SPACE}days"


def between(span: tuple[float, float]) -> str:
    """The range of an estimated time span, in the unit of its upper bound: 40 to 60 s."""
    units = ((90, 1, "s"), (90 * _MINUTE, _MINUTE, "min"), (2 * _DAY, _HOUR, "h"), (math.inf, _DAY, "days"))
    scale, unit = next((scale, unit) for most, scale, unit in units if span[1] < most)
    low, high = (_two_digits(seconds / scale) for seconds in span)
    return f"{low} to {high}{_SPACE}{unit}" if low != high else f"{high}{_SPACE}{unit}"


def _two_digits(number: float) -> str:
    """An estimated number with about two digits: 0.4, 2.5, 14."""
    return _fixed(number, 1) if number < 9.95 else whole(_nearest(number))  # noqa: PLR2004  # rounds to 10


def moment(timestamp: str) -> datetime:
    """Parses the timestamp of a response."""
    return datetime.fromisoformat(timestamp)


def exact(timestamp: str) -> str:
    """A timestamp to the second, in UTC."""
    return moment(timestamp).strftime("%Y-%m-%d %H:%M:%S UTC")


def ago(timestamp: str, now: datetime) -> str:
    """The age of a timestamp in words: 5 min ago."""
    seconds = (now - moment(timestamp)).total_seconds()
    if seconds < 10:  # noqa: PLR2004
        return "just now"
    for size, unit in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min"), (1, "s")):
        if seconds >= size:
            return f"{int(seconds // size)}{_SPACE}{unit} ago"
    raise AssertionError


def since(timestamp: str, now: datetime) -> str:
    """The time span from a timestamp to now."""
    return duration(max(0.0, (now - moment(timestamp)).total_seconds()))


def plural(number: int, one: str, many: str | None = None) -> str:
    """A count with its noun: 1 run, 15 runs."""
    return f"{whole(number)} {one if number == 1 else many or one + 's'}"


def ordinal(number: int) -> str:
    """A place in a row: 1st, 2nd, 3rd, 11th."""
    teens = number % 100 in (11, 12, 13)
    return f"{whole(number)}{'th' if teens else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"


def sentence(words: object) -> str:
    """Words as a sentence: with a capital letter at the start and a period at the end."""
    text = str(words)
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '!', '?')) else '.'}"


def _digits(count: int) -> Context:
    return Context(prec=count, rounding=ROUND_HALF_UP)


def _nearest(number: float) -> int:
    """The nearest integer; halves are rounded up, as in the browser."""
    return math.floor(number + 0.5)


FILTERS: Final = {
    "percent": percent,
    "points": points,
    "whole": whole,
    "decimal": decimal,
    "apart": apart,
    "ratio": ratio,
    "unbroken": unbroken,
    "loss": loss,
    "seconds": seconds,
    "duration": duration,
    "about": about,
    "between": between,
    "exact": exact,
    "moment": moment,
    "ordinal": ordinal,
    "plural": plural,
    "size": size,
    "sentence": sentence,
}
