"""Numbers, durations and times in words."""

import math
from datetime import UTC, datetime

import pytest

from app import formats


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "–"),
        (0.44, "0.4 s"),
        (12, "12 s"),
        (59.7, "1 min"),
        (125, "2 min 5 s"),
        (3600, "1 h"),
        (7500, "2 h 5 min"),
        (90_000, "1 d 1 h"),
    ],
)
def test_a_duration_has_its_two_largest_units(seconds: float | None, words: str) -> None:
    assert formats.duration(seconds).replace("\N{NO-BREAK SPACE}", " ") == words


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 bytes"), (999, "999 bytes"), (31_400, "31.4 kB"), (2_303_000, "2.3 MB")]
)
def test_a_size_has_the_unit_that_fits(count: int, words: str) -> None:
    assert formats.size(count).replace("\N{NO-BREAK SPACE}", " ") == words


def test_ratios_have_three_digits() -> None:
    assert formats.ratio(0.1948353907) == "×\N{NO-BREAK SPACE}0.195"


def test_numbers_stay_with_their_units_and_signs() -> None:
    said = "2 layers against 1: +5.10 pp (95 % CI +4.87 pp to +5.33 pp; p < 0.001): stop 1 p too"
    kept = "2 layers against 1: +5.10_pp (95_% CI +4.87_pp to +5.33_pp; p_<_0.001): stop 1 p too"
    assert formats.unbroken(said).replace("\N{NO-BREAK SPACE}", "_") == kept


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "under 1 s"), (45, "about 45 s"), (360, "about 6 min"), (9000, "about 2.5 h")],
)
def test_an_estimate_has_one_unit(seconds: float, words: str) -> None:
    assert formats.about(seconds).replace("\N{NO-BREAK SPACE}", " ") == words


@pytest.mark.parametrize(
    ("time", "words"),
    [("11:59:55", "just now"), ("11:59:30", "30 s ago"), ("11:57:00", "3 min ago"), ("09:00:00", "3 h ago")],
)
def test_a_time_is_shown_as_its_age(time: str, words: str) -> None:
    noon = datetime(2026, 1, 31, 12, tzinfo=UTC)
    assert formats.ago(f"2026-01-31T{time}.000Z", noon).replace("\N{NO-BREAK SPACE}", " ") == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "–"),
        (0, "0.0000"),
        (2.30259, "2.3026"),
        (12.34567, "12.3457"),
        (0.09999999, "0.1000"),
        (0.012345, "0.01235"),
        (0.00012345, "0.0001234"),
        (0.00004, "4.000e-5"),
        (12345.678, "12345.6780"),
        (102_800_711_600_359.8281, "1.028e14"),
        (64_733_088_222_760_264_531_968.0, "6.473e22"),
        (-3e20, "-3.000e20"),
        (1.03125, "1.0313"),
        (5e-324, "4.941e-324"),
        (math.inf, "∞"),
        (-math.inf, "−∞"),
        (math.nan, "NaN"),
    ],
)
def test_a_loss_keeps_four_significant_digits(value: float | None, words: str) -> None:
    assert formats.loss(value) == words


@pytest.mark.parametrize(
    ("difference", "words"),
    [
        (0.012345, "+0.0123"),
        (-0.5, "−0.5000"),
        (0, "+0.0000"),
        (-2e-6, "−2.000e-6"),
        (6.5e22, "+6.500e22"),
    ],
)
def test_differences_of_losses_are_shown_with_few_but_enough_digits(difference: float, words: str) -> None:
    assert formats.signed_loss(difference) == words


def test_small_times_are_not_shown_as_zero() -> None:
    assert formats.seconds(0.0123) == "0.012"
    assert formats.seconds(0.00123) == "0.0012"
    assert formats.seconds(3e6) == "3.0e6"
    assert formats.duration(0.04) == "40\N{NO-BREAK SPACE}ms"
    assert formats.duration(1e-5) == "under 1\N{NO-BREAK SPACE}ms"
    assert formats.duration(0.0) == "0.0\N{NO-BREAK SPACE}s"


def test_numbers_are_rounded_half_up() -> None:
    assert formats.ratio(1.234e14) == "×\N{NO-BREAK SPACE}1.23e14"
    assert formats.significant(1234.5, 3) == "1235"
    assert formats.percent(0.03125) == "3.13\N{NO-BREAK SPACE}%"
    assert formats.signed_points(-0.0007) == "\N{MINUS SIGN}0.07\N{NO-BREAK SPACE}pp"
    assert formats.signed_points(0.00001) == "0.00\N{NO-BREAK SPACE}pp"


def test_numbers_have_sensible_digits() -> None:
    assert formats.percent(0.98261) == "98.26\N{NO-BREAK SPACE}%"
    assert formats.points(-0.00001) == "0.00"
    assert formats.points(-0.0007) == "\N{MINUS SIGN}0.07"
    assert formats.whole(535_818) == "535,818"
    assert formats.decimal(0.05) == "0.05"
    assert formats.plural(1, "crash", "crashes") == "1 crash"
    assert formats.plural(15, "run") == "15 runs"


def test_places_have_their_ending() -> None:
    wanted = {1: "1st", 2: "2nd", 3: "3rd", 4: "4th", 11: "11th", 13: "13th", 21: "21st", 1112: "1,112th"}
    assert {number: formats.ordinal(number) for number in wanted} == wanted
