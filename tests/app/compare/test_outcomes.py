"""How runs ended besides their accuracy."""

from collections.abc import Sequence
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.compare.groups import Group
from app.compare.outcomes import dip_sentences, dips, diverged, improvement, outcomes
from app.queue import endings, run_rows
from app.schemas.runs import RunOut
from app.storage.database import Database
from tests.app.compare.findings import compared
from tests.app.compare.judged import of_depth
from tests.app.states import claimed, failed_run, finished_run, queue_run

ACCURACIES = st.lists(st.integers(90, 99).map(lambda percent: percent / 100), min_size=1, max_size=6)


def ended(*accuracies: float) -> Sequence[RunOut]:
    """Finished runs with ids from 100."""
    return of_depth(1, accuracies).runs


# Dips


@pytest.mark.parametrize(
    ("final", "recent", "is_dip"),
    [
        (0.97, [0.980, 0.981, 0.980, 0.981], True),
        (0.9755, [0.980, 0.981, 0.980, 0.981], False),  # half a point below the median is not enough
        (0.9754, [0.980, 0.980, 0.980], False),
        (0.9749, [0.980, 0.980, 0.980], True),
        (0.95, [0.98, 0.94, 0.97, 0.93], False),  # as restless as the epochs before
        (0.99, [0.98, 0.98, 0.98], False),  # a rise is no dip
        (0.10, [0.98, 0.98], False),  # too few epochs to tell
        (0.10, [], False),
    ],
)
def test_a_dip_is_a_last_epoch_far_below_those_before(
    final: float, recent: list[float], *, is_dip: bool
) -> None:
    (run,) = ended(final)
    assert dips([run], {run.id: [*recent, final]}) == ([run.id] if is_dip else [])


def test_runs_whose_epochs_are_unknown_or_that_have_no_result_have_no_dip() -> None:
    (run,) = ended(0.1)
    assert dips([run], {}) == []
    waiting = run.model_copy(update={"test_accuracy": None})
    assert dips([waiting], {run.id: [0.9, 0.9, 0.9, 0.9]}) == []


# Probability of improvement


@given(ACCURACIES, ACCURACIES)
def test_improvement_is_the_share_of_pairs_with_ties_as_halves(
    first: list[float], second: list[float]
) -> None:
    wins = [1.0 if b > a else 0.5 if b == a else 0.0 for a, b in product(first, second)]
    found = improvement(first, second)
    assert found == pytest.approx(sum(wins) / len(wins))
    assert found + improvement(second, first) == pytest.approx(1)


def test_improvement_by_hand() -> None:
    assert improvement([0.9, 0.9], [0.95, 0.95, 0.95]) == 1.0
    assert improvement([0.9], [0.9]) == 0.5
    assert improvement([0.90, 0.92], [0.91, 0.90]) == pytest.approx((1 + 0 + 0.5 + 0) / 4)


# Sentences


def by_label(*groups: Group) -> dict[str, Sequence[RunOut]]:
    return {group.label: group.runs for group in groups}


def test_runs_that_diverged_are_told_from_other_failures() -> None:
    one, other = of_depth(
        1, [0.9, 0.9], status=["failed"] * 2, reason=["diverged: loss is nan", "it broke"]
    ).runs
    assert diverged([one, other]) == [one]
    finished = one.model_copy(update={"status": "finished"})
    assert diverged([finished]) == []


def test_without_anything_special_nothing_is_said() -> None:
    runs = ended(0.9, 0.91)
    assert outcomes(runs, {"1 layer": runs}) == []


def test_how_many_of_the_ended_runs_diverged_or_guess_is_said_with_their_groups() -> None:
    one = of_depth(
        1, [0.9, 0.9, 0.9], status=["finished", "failed", "running"], reason=[None, "diverged: nan", None]
    )
    two = of_depth(2, [0.1, 0.1], guessing=["constant", "constant"])
    assert outcomes([*one.runs, *two.runs], by_label(one, two)) == [
        "1 of 4 runs diverged (1 layer).",
        "2 of 4 runs are not significantly above guessing (2 layers).",
    ]
    both = of_depth(3, [0.9, 0.1], status=["failed"] * 2, reason=["diverged: nan", "diverged: inf"])
    assert (
        outcomes([*one.runs, *both.runs], by_label(one, both))[0] == "3 of 4 runs diverged (1 and 3 layers)."
    )


def test_dips_are_named_by_run() -> None:
    assert dip_sentences([7]) == [
        "Run 7 ends in a dip: the final test accuracy is far below that of the epochs before."
    ]
    assert dip_sentences([7, 9])[0].startswith("Runs 7 and 9 end in a dip: ")


def test_a_comparison_counts_diverged_runs_in_their_group(database: Database) -> None:
    runs = [finished_run(database, 0.92 + seed / 1000, seed=seed) for seed in range(2)]
    runs.append(queue_run(database, seed=2))
    claim = claimed(database)
    with database.write() as session:
        assert endings.fail(session, claim, "diverged: the loss became nan in epoch 2")
    runs.append(failed_run(database, seed=3))
    found = compared(database, *runs)
    (row,) = found.groups
    assert (row.n, row.diverged, row.dips) == (2, 1, [])
    assert "1 of 4 runs diverged (1 layer)." in found.verdict.answer


def test_a_comparison_names_runs_that_end_in_a_dip(database: Database) -> None:
    """Epochs of test runs reach 0.93 and more from the ninth on."""
    dipped = finished_run(database, 0.5, epochs=20)
    usual = finished_run(database, 0.97, epochs=20, seed=1)
    found = compared(database, dipped, usual)
    assert found.groups[0].dips == [dipped]
    assert found.groups[0].median == pytest.approx(0.735)
    assert [each for each in found.verdict.outlook if "dip" in each] == [
        f"Run {dipped} ends in a dip: the final test accuracy is far below that of the epochs before."
    ]
    with database.read() as session:
        assert run_rows.get(session, dipped).status == "finished"
