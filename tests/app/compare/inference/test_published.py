"""The published experiment, cut short: what fewer epochs claim, the whole study must not contradict."""

import pytest

from app.compare.verdict import verdict
from tests.app.compare.inference.published import CUTS, after

MARGINS = (0.001, 0.0025, 0.005)


@pytest.mark.parametrize("margin", MARGINS)
@pytest.mark.parametrize("epochs", CUTS[:-1])
def test_no_cut_claims_what_the_whole_study_contradicts_unless_it_says_still_improving(
    epochs: int, margin: float
) -> None:
    early, whole = after(epochs, margin), after(200, margin)
    for before, in_the_end in zip(early.pairs, whole.pairs, strict=True):
        if before.trend in {"improving", "changing"}:
            continue
        answers = {before.answer, in_the_end.answer}
        assert answers != {"better", "worse"}
        if "equivalent" in answers and len(answers) > 1:
            assert not before.exceeds_margin
            assert not in_the_end.exceeds_margin
    if not early.still_changing:
        assert set(early.best) >= set(whole.best), "no group is excluded that may be the best in the end"


def test_a_lead_of_several_points_is_not_called_unsettled() -> None:
    """One layer is behind by two to five percentage points, which no further rise makes up for."""
    for epochs in CUTS[1:]:
        assert [pair.trend for pair in after(epochs).pairs if "depth=1" in pair.ids] == ["steady"] * 4


def test_twenty_epochs_are_said_to_be_too_few() -> None:
    found = verdict(after(20))
    assert found.still_improving
    assert found.answer[0].endswith("Still improving at this budget: more epochs could change this.")


def test_the_whole_study_says_what_each_layer_brings() -> None:
    found = verdict(after(200))
    assert found.bill[0].answer == found.bill[1].answer == "better"
    assert "depth=1" not in found.best
    assert "depth=2" not in found.best
