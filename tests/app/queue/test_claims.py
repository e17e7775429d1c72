"""Claims: who gets which run, and what is recorded under a claim."""

from random import Random

import pytest
import sqlalchemy
from sqlmodel import select

from app.queue import claims, endings, registry, run_rows
from app.schemas.bodies import Labels
from app.schemas.runs import RunOut
from app.storage.database import Database, newest_change
from app.storage.tables import Run
from app.web import events
from tests.app.queue.steps import epochs_of, lease_of, lose, release, start
from tests.app.states import CPU, RESULTS, claimed, figures, measured, queue_run, record, row, shown, take

BACKENDS = ("sqlite", "postgresql")


def test_an_empty_queue_gives_nothing(database: Database) -> None:
    with database.read() as session:
        assert not claims.anything_to_claim(session, CPU)
    assert take(database) is None


def test_a_claim_assigns_the_run_to_its_worker(database: Database) -> None:
    run_id = queue_run(database, depth=2, seed=5)
    claim = claimed(database, "w1")
    run = row(database, run_id)
    assert (claim.run_id, claim.attempt, claim.threads) == (run_id, 1, 1)
    assert (claim.config.depth, claim.config.seed) == (2, 5)
    assert (run.status, run.worker_id, run.attempt) == ("running", "w1", 1)
    assert run.started_at is not None
    assert lease_of(database, run_id) == pytest.approx(run.started_at + 60, abs=0.01)


def test_a_claimed_run_is_not_given_again(database: Database) -> None:
    queue_run(database)
    claimed(database)
    assert take(database, "another") is None


def test_claims_follow_priority_then_position_then_id(database: Database) -> None:
    first, second = queue_run(database), queue_run(database)
    urgent = queue_run(database, Labels(priority=1))
    moved = queue_run(database)
    deferred = queue_run(database, Labels(priority=-1))
    with database.write() as session:
        run_rows.get(session, moved).position = -1.0
    order = [claimed(database).run_id for _ in range(5)]
    assert order == [urgent, moved, first, second, deferred]


def test_all_forms_of_the_order_of_claims_agree(database: Database) -> None:
    chosen = Random(0)
    ids = [queue_run(database, Labels(priority=chosen.randint(-2, 2))) for _ in range(30)]
    with database.write() as session:
        for run_id in ids:
            run_rows.get(session, run_id).position = chosen.choice([-1.5, 0.0, 0.25, 2.0])
    with database.read() as session:
        runs = session.exec(select(Run).order_by(*claims.order_of_claims())).all()
        ahead = [session.exec(select(Run.id).where(claims.is_ahead_of(run))).all() for run in runs]
    assert sorted(ids) == sorted(run.id or 0 for run in runs)
    keys = [claims.order_key(run.priority, run.position, run.id or 0) for run in runs]
    assert keys == sorted(keys)
    assert [len(found) for found in ahead] == [*range(30)]
    assert all(run.id not in found for run, found in zip(runs, ahead, strict=True))
    assert [claimed(database).run_id for _ in range(5)] == [run.id for run in runs[:5]]


@pytest.mark.parametrize(
    ("device", "kinds", "fits"),
    [
        ("auto", {"cpu"}, True),
        ("auto", {"cuda"}, True),
        ("cpu", {"cpu", "cuda"}, True),
        ("cuda", {"cpu"}, False),
        ("cuda", {"cpu", "cuda"}, True),
        ("mps", {"cpu", "cuda"}, False),
    ],
)
def test_a_worker_is_given_only_runs_for_devices_it_has(
    database: Database, device: str, kinds: set[str], *, fits: bool
) -> None:
    queue_run(database, device=device)
    with database.read() as session:
        assert claims.anything_to_claim(session, kinds) is fits
    assert (take(database, kinds=frozenset(kinds)) is not None) is fits


def test_a_run_that_needs_more_memory_than_there_is_is_not_claimed(database: Database) -> None:
    large = queue_run(database, depth=5, batch_size=60_000)
    small = queue_run(database)
    with database.write() as session:

        def claim(memory: int | None) -> int | None:
            found = claims.claim(session, "w", CPU, threads=1, lease_seconds=60, memory=memory)
            return found.run_id if found else None

        assert claim(2**30) == small
        assert not claims.anything_to_claim(session, CPU, 2**30)
        assert claim(2**30) is None
        assert claims.anything_to_claim(session, CPU, 2**31)
        assert claim(2**31) == large


def test_runs_of_any_number_of_sizes_may_need_more_memory_than_there_is(database: Database) -> None:
    many = 3_000
    queue_run(database, depth=5, batch_size=60_000)
    with database.write() as session:
        columns = [column.name for column in run_rows.TABLE.columns if column.name not in ("id", "name_base")]
        large = sqlalchemy.select(*(run_rows.TABLE.c[name] for name in columns))
        (values,) = session.connection().execute(large).mappings()
        rows = [{**values, "batch_size": 60_000 - number} for number in range(1, many)]
        session.connection().execute(sqlalchemy.insert(run_rows.TABLE), rows)
    small = queue_run(database)
    with database.write() as session:
        assert claims.anything_to_claim(session, CPU, 2**30)
        found = claims.claim(session, "w", CPU, threads=1, lease_seconds=60, memory=2**30)
        assert found is not None
        assert found.run_id == small
        assert not claims.anything_to_claim(session, CPU, 2**30)


def test_a_run_for_an_unavailable_device_is_not_claimed(database: Database) -> None:
    queue_run(database, device="cuda")
    second = queue_run(database, device="cpu")
    assert claimed(database).run_id == second


def test_later_attempts_use_the_thread_count_of_the_first(database: Database) -> None:
    queue_run(database)
    first = take(database, threads=3)
    assert first is not None
    release(database, first)
    second = take(database, threads=8)
    assert second is not None
    assert (first.threads, second.threads) == (3, 3)


def test_an_epoch_that_is_recorded_twice_is_there_once(database: Database) -> None:
    run_id = queue_run(database)
    claim = claimed(database)
    assert record(database, claim, 1, 2)
    before = row(database, run_id)
    assert record(database, claim, 2)
    assert record(database, claim, 1)
    assert epochs_of(database, run_id) == [(1, 1), (1, 2)]
    assert row(database, run_id).train_seconds == before.train_seconds
    lose(database, claim)
    assert not record(database, claim, 2)


def test_an_epoch_cannot_leave_out_the_one_before(database: Database) -> None:
    run_id = queue_run(database)
    claim = claimed(database)
    record(database, claim, 1)
    with pytest.raises(ValueError, match="received epoch 3, but only 1 epochs are recorded"):
        record(database, claim, 3)
    assert epochs_of(database, run_id) == [(1, 1)]


@pytest.mark.parametrize("reclaimed", [False, True])
def test_an_ended_attempt_writes_nothing(database: Database, *, reclaimed: bool) -> None:
    run_id = queue_run(database)

    def apart_from_the_eta() -> RunOut:  # which falls while time goes by
        return shown(database, run_id).model_copy(update={"eta_seconds": None})

    stale = claimed(database)
    record(database, stale, 1)
    lose(database, stale)
    if reclaimed:
        claimed(database, "another")
    before = apart_from_the_eta(), epochs_of(database, run_id), row(database, run_id).lease_expires
    with database.write() as session:
        assert not claims.report_start(session, stale, "mps", {}, 0)
        assert not claims.record_epoch(session, stale, measured(2))
        assert not endings.finish(session, stale, RESULTS)
        assert not endings.fail(session, stale, "too late")
        assert not endings.confirm_cancel(session, stale)
        assert not endings.release(session, stale)
        assert not endings.lose(session, stale, "too late")
        registry.heartbeat(session, "w", 1000)
    after = apart_from_the_eta(), epochs_of(database, run_id), row(database, run_id).lease_expires
    assert after == before


def test_a_claim_keeps_and_counts_the_epochs_of_earlier_attempts(database: Database) -> None:
    run_id = queue_run(database)
    claim = claimed(database)
    assert claim.epochs_done == 0
    record(database, claim, 1, 2)
    lose(database, claim)
    assert claimed(database).epochs_done == 2
    run = row(database, run_id)
    assert (run.attempt, run.epochs_done, run.train_loss, run.train_seconds) == (2, 2, 1.0, 0.5)
    assert epochs_of(database, run_id) == [(1, 1), (1, 2)]


def test_an_attempt_from_scratch_deletes_earlier_epochs_and_records_a_reset(
    database: Database,
) -> None:
    run_id = queue_run(database)
    claim = claimed(database)
    record(database, claim, 1, 2)
    lose(database, claim)
    with database.read() as session:
        seen = newest_change(session)
    second = claimed(database)
    start(database, second, 0)
    run = row(database, run_id)
    assert (run.attempt, run.epochs_done, run.train_loss, run.test_accuracy) == (2, 0, None, None)
    assert (run.train_seconds, run.resumed_from) == (None, 0)
    assert epochs_of(database, run_id) == []
    record(database, second, 1)
    assert epochs_of(database, run_id) == [(2, 1)]
    with database.read() as session:
        told, _ = events.read_after(session, seen)
    assert [event.kind for event in told] == ["reset", "run", "epoch"]


def test_a_resumed_attempt_shows_the_results_of_its_last_kept_epoch(database: Database) -> None:
    run_id = queue_run(database, epochs=9)
    claim = claimed(database)
    start(database, claim, 0)
    record(database, claim, 1, 2, 3, 4)
    lose(database, claim)
    with database.read() as session:
        seen = newest_change(session)
    second = claimed(database)
    start(database, second, 2)
    run = row(database, run_id)
    assert (run.epochs_done, run.resumed_from, run.train_seconds) == (2, 2, 0.5)
    assert {name: getattr(run, name) for name in RESULTS} == {name: figures(2)[name] for name in RESULTS}
    with database.read() as session:
        told, _ = events.read_after(session, seen)
    assert [event.kind for event in told] == ["reset", "run"]
    record(database, second, 3)
    assert epochs_of(database, run_id) == [(1, 1), (1, 2), (2, 3)]
    assert row(database, run_id).train_seconds == 0.75


def test_the_best_epoch_is_the_first_with_the_highest_test_accuracy(database: Database) -> None:
    run_id = queue_run(database, epochs=9)
    claim = claimed(database)
    start(database, claim, 0)
    for epoch, accuracy in enumerate((0.0, 0.9, 0.95, 0.95, 0.8), 1):
        with database.write() as session:
            claims.record_epoch(session, claim, measured(epoch, test_accuracy=accuracy))
        if epoch == 1:
            assert (row(database, run_id).best_epoch, row(database, run_id).best_test_accuracy) == (1, 0.0)
    assert (row(database, run_id).best_epoch, row(database, run_id).best_test_accuracy) == (3, 0.95)
    lose(database, claim)
    second = claimed(database)
    start(database, second, 2)
    assert (row(database, run_id).best_epoch, row(database, run_id).best_test_accuracy) == (2, 0.9)
    lose(database, second)
    start(database, claimed(database), 0)
    assert (row(database, run_id).best_epoch, row(database, run_id).best_test_accuracy) == (None, None)


def test_an_attempt_that_keeps_all_epochs_records_no_reset(database: Database) -> None:
    queue_run(database)
    claim = claimed(database)
    record(database, claim, 1, 2)
    lose(database, claim)
    with database.read() as session:
        seen = newest_change(session)
    start(database, claimed(database), 2)
    with database.read() as session:
        told, _ = events.read_after(session, seen)
    assert [event.kind for event in told] == ["run"]


def test_a_first_attempt_resets_nothing(database: Database) -> None:
    queue_run(database)
    claimed(database)
    with database.read() as session:
        told, _ = events.read_after(session, 0)
    assert [event.kind for event in told] == ["run"]
