"""What conclusions need besides results: predictions and the last epochs."""

import numpy as np
import pytest

from app.compare.inference.trend import ENDED
from app.compare.measured import measured
from tests.app.compare.judged import group, lr, nested, of_depth

RISING = [0.90, 0.91, 0.92, 0.93]


def test_accuracies_and_images_are_in_order_of_seeds() -> None:
    """Runs of one family pair one by one, whatever the order in which they were trained."""
    of_seeds = group({"depth": 1}, [0.93, 0.91, 0.92], seeds=[2, 0, 1], id=[4, 5, 6])
    (found,) = measured([of_seeds], {}, nested([of_seeds]))
    assert found.sample.accuracies == [0.91, 0.92, 0.93]
    assert found.sample.correct is not None
    assert found.sample.correct.mean(axis=1).tolist() == pytest.approx([0.91, 0.92, 0.93])


def test_runs_of_one_architecture_and_seeds_are_of_one_family() -> None:
    one, other = measured([lr("a", [0.9, 0.91], [0, 1]), lr("b", [0.92, 0.93], [1, 0])], {}, {})
    assert one.sample.pairs_with(other.sample)
    apart = measured([lr("a", [0.9, 0.91], [0, 1]), lr("b", [0.92, 0.93], [1, 2])], {}, {})
    assert not apart[0].sample.pairs_with(apart[1].sample)
    assert not measured([of_depth(1, [0.9]), of_depth(2, [0.9])], {}, {})[0].sample.pairs_with(other.sample)


def test_a_group_has_predictions_only_if_all_its_runs_have_them() -> None:
    groups = [of_depth(depth, [0.9, 0.91]) for depth in (1, 2)]
    correct = nested(groups)
    del correct[groups[0].runs[1].id]
    found = measured(groups, {}, correct)
    assert [each.sample.correct is None for each in found] == [True, False]


def test_predictions_for_different_images_are_left_out() -> None:
    one = of_depth(1, [0.9, 0.9])
    first, second = (run.id for run in one.runs)
    correct = {first: np.ones(100, np.bool_), second: np.ones(99, np.bool_)}
    assert measured([one], {}, correct)[0].sample.correct is None


def test_slopes_are_those_of_the_recent_epochs() -> None:
    one = of_depth(1, [0.93, 0.93])
    first, second = (run.id for run in one.runs)
    (found,) = measured([one], {first: RISING, second: [0.93] * 4}, {})
    assert found.slope is not None
    assert found.slope.value == pytest.approx(0.005)
    assert found.slope.horizon == 4


@pytest.mark.parametrize(
    ("schedule", "is_known"), [("constant", True), ("cosine", False), ("onecycle", False)]
)
def test_no_trend_is_carried_on_where_the_learning_rate_has_decayed_to_0(
    schedule: str, *, is_known: bool
) -> None:
    one = of_depth(1, [0.93, 0.93], schedule=[schedule] * 2)
    (found,) = measured([one], dict.fromkeys((run.id for run in one.runs), RISING), {})
    assert (found.slope is not ENDED) is is_known


def test_runs_without_epochs_have_no_trend() -> None:
    (found,) = measured([of_depth(1, [0.93, 0.93])], {}, {})
    assert found.slope is None
