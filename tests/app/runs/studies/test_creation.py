"""Grids of runs, more seeds, what is trained already, and looks."""

from typing import Any

import pytest
from sqlmodel import func, select

from app.queue import endings, run_rows
from app.queue.admission import QueueFull
from app.runs import studies
from app.runs.studies import NothingMatches, StudyNotFound, StudyTooLarge
from app.schemas.studies import MAX_GRID, MoreRuns, MoreSeeds
from app.storage.database import Database, newest_change
from app.storage.tables import Run, Study
from tests.app.queue.steps import retry
from tests.app.runs.grids import configurations, create, more_seeds, request
from tests.app.states import RESULTS, ROOM, claimed, finished_run, queue_run, row
from tests.backends import on_both
from trainer.config import TrainConfig


def runs_in(database: Database) -> int:
    with database.read() as session:
        return session.exec(select(func.count()).select_from(Run)).one()


@on_both
def test_a_grid_becomes_a_study_of_queued_runs(database: Database) -> None:
    study = create(database, depth=[1, 2], seed=[0, 1], tags=["t"], priority=4, note="n")
    assert configurations(database, study) == [(1, 0), (1, 1), (2, 0), (2, 1)]
    assert study.counts == {"queued": 4, "running": 0, "finished": 0, "failed": 0, "cancelled": 0}
    assert study.progress == 0
    assert study.eta_seconds is not None
    run = row(database, study.runs[0])
    assert (run.study_id, run.tags, run.priority, run.note) == (study.id, ["t"], 4, "n")
    assert run.name == "1 layer, 3 epochs, seed 0"


def test_the_name_of_a_study_is_not_given_to_its_runs(database: Database) -> None:
    study = create(database, depth=1, name="Mine")
    assert study.name == "Mine"
    assert row(database, study.runs[0]).name == "1 layer, 3 epochs, seed 0"


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ({"depth": 2}, "depth 2"),
        ({"depth": [1, 2, 3], "seed": [0, 1]}, "depth 1, 2, 3 × 2 seeds"),
        ({"depth": 1, "lr": [0.1, 0.5]}, "depth 1 × lr 0.1, 0.5"),
        ({"depth": 1, "lr": [0.3, 0.1 + 0.2, 1.0]}, "depth 1 × lr 0.3, 0.30000000000000004, 1"),
        ({"depth": 1, "lr": [0.1 + k / 3 for k in range(6)]}, "depth 1 × lr 6 values"),
        ({"depth": 1, "batch_size": list(range(1, 8))}, "depth 1 × batch_size 7 values"),
    ],
)
def test_the_default_name_of_a_study_has_its_varying_hyperparameters(
    database: Database, body: dict[str, Any], name: str
) -> None:
    assert create(database, **body).name == name


def test_a_finished_run_is_repeated_unless_reuse_is_set(database: Database) -> None:
    done = finished_run(database, seed=1)
    again = create(database, depth=1, seed=[1, 2])
    assert done not in again.runs
    assert len(again.runs) == 2
    reusing = create(database, depth=1, seed=[1, 2], reuse=True)
    assert done in reusing.runs
    assert configurations(database, reusing) == [(1, 1), (1, 2)]
    assert (reusing.counts["finished"], reusing.counts["queued"]) == (1, 1)
    assert row(database, done).study_id is None


def test_a_study_that_reuses_everything_trains_nothing(database: Database) -> None:
    done = finished_run(database)
    study = create(database, depth=1, reuse=True)
    assert study.runs == [done]
    assert (study.progress, study.eta_seconds) == (1, None)
    assert runs_in(database) == 1


@on_both
def test_the_newest_of_several_identical_runs_is_reused(database: Database) -> None:
    finished_run(database)
    newest = finished_run(database)
    assert create(database, depth=1, reuse=True).runs == [newest]


@pytest.mark.parametrize("other", [{"epochs": 4}, {"lr": 0.06}, {"batch_size": 512}, {"device": "cpu"}])
def test_identical_runs_have_equal_hyperparameters(database: Database, other: dict[str, Any]) -> None:
    finished_run(database, **other)
    with database.read() as session:
        assert studies.preview(session, request(depth=1)).duplicates == 0


def test_a_preview_counts_and_creates_nothing(database: Database) -> None:
    done = finished_run(database, seed=0)
    with database.write() as session:
        run = run_rows.get(session, done)
        run.started_at, run.finished_at = 1000, 1030
    before = runs_in(database)
    with database.read() as session:
        change = newest_change(session)
        again = studies.preview(session, request(depth=1, seed=[0, 1, 2]))
        reusing = studies.preview(session, request(depth=1, seed=[0, 1, 2], reuse=True))
        alone = studies.preview(session, request(depth=1, seed=0, reuse=True))
    assert (again.runs, again.duplicates) == (reusing.runs, reusing.duplicates) == (3, 1)
    assert again.seconds >= reusing.seconds > alone.seconds == 0
    assert runs_in(database) == before
    with database.read() as session:
        assert newest_change(session) == change
        assert session.exec(select(Study)).all() == []


def test_more_seeds_fill_the_gaps_for_every_configuration(database: Database) -> None:
    study = create(database, depth=[1, 2], seed=[0, 2])
    larger = more_seeds(database, study.id, 2)
    assert configurations(database, larger)[4:] == [(1, 1), (1, 3), (2, 1), (2, 3)]
    assert larger.counts["queued"] == 8
    assert row(database, larger.runs[-1]).study_id == study.id


def test_more_seeds_keep_the_other_hyperparameters(database: Database) -> None:
    study = create(database, depth=1, lr=[0.1, 0.2], batch_size=64)
    added = [row(database, run_id) for run_id in more_seeds(database, study.id, 1).runs[2:]]
    assert [(run.lr, run.batch_size, run.epochs, run.seed) for run in added] == [
        (0.1, 64, 3, 1),
        (0.2, 64, 3, 1),
    ]


@on_both
def test_more_seeds_can_be_limited_to_some_configurations(database: Database) -> None:
    study = create(database, depth=[1, 2, 3], seed=[0, 1])
    with database.write() as session:
        only = MoreRuns.model_validate({"seeds": 2, "only": {"depth": [2, 3], "lr": [0.05]}})
        larger = studies.add_seeds(session, study.id, only.wanted, limit=ROOM)
    assert configurations(database, larger)[6:] == [(2, 2), (2, 3), (3, 2), (3, 3)]
    with (
        pytest.raises(NothingMatches, match="no configuration of the study has depth 4"),
        database.read() as session,
    ):
        studies.more_seeds(session, study.id, 2, {"depth": [4]})


def test_a_study_does_not_grow_beyond_a_thousand_runs(database: Database) -> None:
    study = create(database, depth=[1, 2, 3, 4, 5], seed=list(range(200)))
    assert len(study.runs) == MAX_GRID
    with pytest.raises(StudyTooLarge, match="1,005 runs"):
        more_seeds(database, study.id, 1)
    assert runs_in(database) == MAX_GRID


@on_both
def test_cancelling_a_study_cancels_queued_runs_and_requests_it_for_running_ones(database: Database) -> None:
    study = create(database, depth=1, seed=[0, 1, 2])
    done, running = claimed(database), claimed(database)
    with database.write() as session:
        endings.finish(session, done, RESULTS)
        cancelled = studies.cancel_study(session, study.id)
    assert cancelled.counts == {"queued": 0, "running": 1, "finished": 1, "failed": 0, "cancelled": 1}
    assert row(database, running.run_id).cancel_requested


@pytest.mark.parametrize(
    "step",
    [
        studies.cancel_study,
        lambda session, study_id: studies.add_seeds(session, study_id, [MoreSeeds(seeds=1)], limit=ROOM),
    ],
)
def test_an_unknown_study_is_not_found(database: Database, step: Any) -> None:
    with pytest.raises(StudyNotFound, match="no study 9"), database.write() as session:
        step(session, 9)
    with database.read() as session:
        assert studies.find_study(session, 9) is None


@on_both
def test_identical_finished_runs_are_found(database: Database) -> None:
    done = finished_run(database, depth=2, seed=7)
    queue_run(database, depth=2, seed=8)
    wanted = [TrainConfig(depth=2, epochs=3, seed=seed) for seed in (7, 8, 9)]
    with database.read() as session:
        assert studies.finished_identical(session, wanted) == {wanted[0]: done}


# Looks


def look(database: Database, study_id: int) -> int:
    with database.read() as session:
        study = session.get(Study, study_id)
        assert study
        return study.look


def finish(database: Database) -> None:
    """Let the next run finish."""
    claim = claimed(database)
    with database.write() as session:
        assert endings.finish(session, claim, RESULTS)


def fail(database: Database) -> int:
    """Let the next run fail; returns its id."""
    claim = claimed(database)
    with database.write() as session:
        assert endings.fail(session, claim, "it broke")
    return claim.run_id


@on_both
def test_a_new_study_is_at_its_first_look_however_often_it_grows_before_a_result(database: Database) -> None:
    study = create(database, depth=[1, 2])
    assert look(database, study.id) == 1
    more_seeds(database, study.id, 1)
    claimed(database)
    more_seeds(database, study.id, 1)
    assert look(database, study.id) == 1, "nobody has seen a result"


@on_both
def test_seeds_that_are_added_after_a_result_are_another_look(database: Database) -> None:
    study = create(database, depth=[1, 2])
    finish(database)
    assert look(database, study.id) == 1, "the result itself is the first look"
    more_seeds(database, study.id, 1)
    assert look(database, study.id) == 2
    more_seeds(database, study.id, 1)
    assert look(database, study.id) == 3


def test_a_failed_run_shows_no_result(database: Database) -> None:
    study = create(database, depth=1)
    fail(database)
    more_seeds(database, study.id, 1)
    assert look(database, study.id) == 1


def test_seeds_that_can_not_be_added_are_no_look(database: Database) -> None:
    study = create(database, depth=1)
    finish(database)
    only = MoreRuns.model_validate({"seeds": 1, "only": {"depth": [4]}})
    with pytest.raises(NothingMatches), database.write() as session:
        studies.add_seeds(session, study.id, only.wanted, limit=ROOM)
    with pytest.raises(QueueFull), database.write() as session:
        studies.add_seeds(session, study.id, [MoreSeeds(seeds=1)], limit=0)
    assert look(database, study.id) == 1


def test_a_study_of_runs_that_had_finished_starts_at_its_second_look(database: Database) -> None:
    finished_run(database)
    assert look(database, create(database, depth=[1, 2], reuse=True).id) == 2
    assert look(database, create(database, depth=[1, 2]).id) == 3, "the same seeds give the same results"
    assert look(database, create(database, depth=[3], reuse=True).id) == 1, "nothing to reuse"


def test_the_same_seeds_with_other_epochs_are_another_look_and_new_seeds_are_none(database: Database) -> None:
    finished_run(database, epochs=3)
    assert look(database, create(database, depth=1, epochs=6).id) == 2
    assert look(database, create(database, depth=1, epochs=6, seed=1).id) == 1
    assert look(database, create(database, depth=1, epochs=6, lr=0.5).id) == 1


@on_both
def test_a_study_that_follows_another_counts_its_looks_too(database: Database) -> None:
    study = create(database, depth=1)
    finish(database)
    more_seeds(database, study.id, 1)
    assert look(database, create(database, depth=1, epochs=6, follows=study.id).id) == 3
    with pytest.raises(StudyNotFound, match="there is no study 999"):
        create(database, depth=1, epochs=6, follows=999)


@on_both
def test_retries_after_a_complete_study_are_one_more_look(database: Database) -> None:
    study = create(database, depth=[1, 2, 3])
    finish(database)
    first = fail(database)
    retry(database, first)
    assert look(database, study.id) == 1, "its verdict was provisional: a run was still to come"
    failed = [fail(database), fail(database)]
    retry(database, failed[0])
    assert look(database, study.id) == 2
    retry(database, failed[1])
    assert look(database, study.id) == 2, "no verdict was final between them"


def test_parts_together_can_be_too_many(database: Database) -> None:
    rates = [place / 100 for place in range(1, 11)]
    study = create(database, depth=1, lr=rates)
    parts = [{"seeds": 100, "only": {"lr": [rate]}} for rate in rates]
    with pytest.raises(StudyTooLarge, match="would have 1,010 runs"), database.write() as session:
        studies.add_seeds(session, study.id, MoreRuns.model_validate({"parts": parts}).wanted, limit=10_000)


def test_parts_get_different_numbers_of_seeds_in_one_look(database: Database) -> None:
    study = create(database, depth=[1, 2, 3], seed=[0, 1])
    finish(database)
    body = {"parts": [{"seeds": 1, "only": {"depth": [1]}}, {"seeds": 2, "only": {"depth": [2, 3]}}]}
    with database.write() as session:
        larger = studies.add_seeds(session, study.id, MoreRuns.model_validate(body).wanted, limit=ROOM)
    assert configurations(database, larger)[6:] == [(1, 2), (2, 2), (2, 3), (3, 2), (3, 3)]
    assert look(database, study.id) == 2


def test_parts_that_overlap_queue_a_run_once(database: Database) -> None:
    study = create(database, depth=[1, 2], seed=[0])
    body = {"parts": [{"seeds": 1}, {"seeds": 2, "only": {"depth": [2]}}]}
    with database.write() as session:
        larger = studies.add_seeds(session, study.id, MoreRuns.model_validate(body).wanted, limit=ROOM)
    assert configurations(database, larger)[2:] == [(1, 1), (2, 1), (2, 2)]
