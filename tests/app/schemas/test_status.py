"""The states of a run and of its attempts."""

from typing import get_args

from sqlalchemy import CheckConstraint

from app.schemas.status import DIVERGED, ENDED, STATUSES, Outcome, Status, has_diverged
from app.storage.tables import Run
from trainer.training.loop import Diverged


def test_an_ended_run_has_no_forecast() -> None:
    assert get_args(Status) == STATUSES
    assert set(STATUSES) - ENDED == {"queued", "running"}


def test_outcomes_of_attempts_are_the_ends_of_runs_and_two_more() -> None:
    assert set(get_args(Outcome)) - ENDED == {"lost", "released"}
    assert set(get_args(Outcome)) >= ENDED


def test_the_error_of_the_trainer_begins_with_the_word_that_tells_a_divergence() -> None:
    reasons = [str(Diverged(3, what)) for what in ("loss", "gradient")]
    assert {reason.split(":")[0] for reason in reasons} == {DIVERGED}
    assert all(has_diverged("failed", reason) for reason in reasons)
    assert not has_diverged("finished", reasons[0])
    assert not has_diverged("failed", "out of memory")
    assert not has_diverged("failed", None)


def test_the_table_allows_the_same_states() -> None:
    (rule,) = (
        constraint
        for constraint in Run.__table__.constraints  # type: ignore[attr-defined]
        if isinstance(constraint, CheckConstraint) and constraint.name == "run_status"
    )
    assert str(rule.sqltext) == f"status IN {STATUSES}"
