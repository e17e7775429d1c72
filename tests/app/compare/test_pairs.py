"""Every two samples: paired or not, corrected for their number, or not tested."""

import pytest
from scipy import stats

from app.compare.groups import Group
from app.compare.verdict import verdict
from tests.app.compare.judged import LEARNING_RATES, group, judge, lr


def test_groups_of_equal_values_are_not_tested() -> None:
    found = judge({1: [0.9, 0.9], 2: [0.8, 0.8]})
    assert found.probability_best is None
    assert "neither has any spread over its seeds, so no test is possible" in found.evidence[0]
    assert "the test accuracies of some depths do not vary over seeds" in found.outlook[0]


def test_every_pair_is_listed_and_corrected_for_their_number() -> None:
    samples = {1: [0.92, 0.93], 2: [0.95, 0.97], 3: [0.96, 0.98]}
    found = judge(samples)
    assert [pair.depths for pair in found.pairs] == [(1, 2), (1, 3), (2, 3)]
    alone = judge({2: samples[2], 3: samples[3]}).pairs[0]
    together = found.pairs[2]
    assert alone.p is not None
    assert together.p is not None
    assert together.p >= alone.p
    assert together.ci95 == alone.ci95


def test_the_same_architecture_and_seeds_are_compared_seed_by_seed() -> None:
    one = lr("lr 0.1", [0.90, 0.95, 0.93], [0, 1, 2])
    other = lr("lr 0.2", [0.94, 0.912, 0.961], [2, 0, 1])
    found = verdict([one, other], LEARNING_RATES)
    expected = stats.ttest_rel([0.912, 0.961, 0.94], [0.90, 0.95, 0.93])
    (pair,) = found.pairs
    assert pair.paired
    assert pair.p == pytest.approx(expected.pvalue)
    assert pair.ci95 == pytest.approx(expected.confidence_interval())
    assert ", seed by seed; p = " in " ".join(found.evidence)


@pytest.mark.parametrize(
    "other",
    [
        lr("lr 0.2", [0.94, 0.912, 0.961], [2, 0, 3]),
        lr("lr 0.2", [0.94, 0.912, 0.961], [0, 1, 2], (784, 512, 10)),
        lr("lr 0.2", [0.94, 0.912], [0, 1]),
        lr("lr 0.2", [0.94, 0.912, 0.961], [0, 1, 2], ()),
    ],
)
def test_other_seeds_or_architectures_are_not_paired(other: Group) -> None:
    one = lr("lr 0.1", [0.90, 0.95, 0.93], [0, 1, 2], other.architecture and (784, 10))
    (pair,) = verdict([one, other], LEARNING_RATES).pairs
    assert pair.p == pytest.approx(
        stats.ttest_ind(other.test_accuracies, one.test_accuracies, equal_var=False).pvalue
    )
    assert not pair.paired


def test_a_p_value_below_five_percent_is_not_enough_without_correction() -> None:
    samples = {
        1: [0.9780, 0.9790, 0.9800],
        2: [0.9800, 0.9812, 0.9820],
        3: [0.9790, 0.9800, 0.9806],
        4: [0.9789, 0.9801, 0.9803],
        5: [0.9792, 0.9800, 0.9805],
    }
    lone = judge({1: samples[1], 2: samples[2]}).pairs[0]
    assert lone.different is (lone.p is not None and lone.p < 0.05)
    assert judge(samples).pairs[0].different is False


def test_the_same_architecture_and_seeds_on_other_images_are_not_paired() -> None:
    ones, others = ([0.92, 0.93, 0.95], [0.82, 0.84, 0.85])
    groups = [
        group({"dataset": name}, values, datasets=[name])
        for name, values in (("clothes", others), ("mnist", ones))
    ]
    (pair,) = verdict(groups).pairs
    assert (pair.paired, pair.p, pair.ci95, pair.different) == (False, None, None, None)
    assert pair.untested == "they used different images, so no test is possible"
