"""The words for a contrast."""

import pytest

from app.compare.wording import Wording
from app.schemas.compare.comparison import ClaimStatus, Contrast, Receipt

FINAL = Wording("final", 0.0025)
BETTER = Contrast(
    difference=0.018,
    interval=(0.016, 0.02),
    new_images=True,
    answer="better",
    exceeds_margin=True,
    trend="steady",
    improvement=1.0,
    untested=None,
)


def test_an_interval_in_percentage_points() -> None:
    assert FINAL.bracketed((0.016, 0.02)) == "[+1.60, +2.00]"
    assert FINAL.bracketed((-0.02, 0.0)) == "[−2.00, 0.00]"


@pytest.mark.parametrize(
    ("interval", "shown"),
    [
        ((0.00004, 0.0031), "[+0.004, +0.310]"),
        ((-0.00001, 0.00001), "[−0.001, +0.001]"),
        ((0.00252, 0.004), "[+0.252, +0.400]"),
        ((-0.0024999, 0.001), "[−0.2500, +0.1000]"),
    ],
)
def test_bounds_have_enough_digits_to_show_their_side_of_zero_and_of_the_margin(
    interval: tuple[float, float], shown: str
) -> None:
    assert FINAL.bracketed(interval) == shown


def test_a_margin_is_shown_as_it_was_given() -> None:
    assert FINAL.shown_margin == "0.25 pp"
    assert Wording("final", 0.00255).shown_margin == "0.255 pp"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "better by more than the margin"),
        ({"answer": "worse"}, "worse by more than the margin"),
        ({"exceeds_margin": False, "interval": (0.001, 0.004)}, "better"),
        ({"exceeds_margin": False, "interval": (0.001, 0.002)}, "better, by less than the margin"),
        ({"answer": "equivalent", "exceeds_margin": False}, "equivalent"),
        ({"answer": "undecided", "exceeds_margin": False}, "undecided"),
        ({"trend": "improving"}, "better by more than the margin, still improving"),
        ({"trend": "changing"}, "better by more than the margin, still changing"),
        ({"trend": "unknown"}, "better by more than the margin, trend unknown"),
        ({"trend": "unclear"}, "better by more than the margin"),
    ],
)
def test_what_an_interval_shows(changes: dict[str, object], words: str) -> None:
    assert FINAL.judged(BETTER.model_copy(update=changes)) == words


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("provisional", "better so far by more than the margin"),
        ("exploratory", "seems better by more than the margin"),
    ],
)
def test_estimates_are_not_worded_as_conclusions(status: ClaimStatus, words: str) -> None:
    wording = Wording(status, 0.0025)
    assert wording.judged(BETTER) == words
    assert wording.judged(BETTER.model_copy(update={"answer": "undecided"})) == "undecided"


def test_a_receipt_is_a_sentence_with_its_price() -> None:
    receipt = Receipt(
        **BETTER.model_dump(), label="+ layer 2", ids=("depth=1", "depth=2"), parameters=399_200, seconds=3.1
    )
    assert FINAL.in_words(receipt).replace("\N{NO-BREAK SPACE}", " ") == (
        "+ layer 2: +1.80 pp [+1.60, +2.00], better by more than the margin; "
        "costs 399,200 more parameters and about 3 s more training time."
    )
    nothing = receipt.model_copy(update={"interval": None, "answer": None, "untested": "why"})
    assert FINAL.in_words(nothing) == "+ layer 2: +1.80 pp (why)."
