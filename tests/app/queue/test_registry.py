"""The workers' table: who is alive, and what each offers."""

import pytest

from app.queue import endings, registry
from app.storage.database import Database
from tests.app.queue.steps import reap, retire
from tests.app.states import add_worker, claimed, queue_run, row

BACKENDS = ("sqlite", "postgresql")


def test_live_workers_are_listed_with_the_runs_that_each_trains(database: Database) -> None:
    add_worker(database, "first", slots=2)
    add_worker(database, "second")
    add_worker(database, "silent", lease_seconds=-1)
    runs = [queue_run(database, seed=seed) for seed in range(3)]
    assert [claimed(database, name).run_id for name in ("first", "second", "first")] == runs
    with database.read() as session:
        found = registry.list_workers(session)
    assert [(worker.id, worker.runs) for worker in found] == [("first", [1, 3]), ("second", [2])]
    assert [device.name for device in found[0].devices] == ["a CPU"]
    assert 0 <= found[0].heartbeat_age_seconds < 60


def test_a_worker_without_a_ready_slot_has_no_kinds(database: Database) -> None:
    add_worker(database)
    with database.write() as session:
        registry.register(session, "new", "there", registry.Offer(1, 1), lease_seconds=60)
        registry.register(session, "silent", "there", registry.Offer(1, 1), lease_seconds=-1)
    with database.read() as session:
        assert sorted(registry.live_kinds(session), key=str) == sorted([frozenset({"cpu"}), None], key=str)


@pytest.mark.parametrize(
    ("devices", "kinds"),
    [([], set()), (["cpu"], {"cpu"}), (["cuda:0", "cuda:1", "cpu"], {"cuda", "cpu"}), (["mps"], {"mps"})],
)
def test_devices_that_differ_only_in_their_number_are_of_one_kind(
    devices: list[str], kinds: set[str]
) -> None:
    assert registry.kinds([{"device": device} for device in devices]) == kinds


def test_a_heartbeat_renews_only_the_leases_of_its_worker(database: Database) -> None:
    mine, theirs = queue_run(database), queue_run(database)
    claimed(database, "w1", lease_seconds=-1)
    claimed(database, "w2", lease_seconds=-1)
    add_worker(database, "w1", lease_seconds=-1)
    with database.write() as session:
        assert registry.heartbeat(session, "w1", 60)
    assert reap(database) == [theirs]
    assert row(database, mine).status == "running"


def test_the_heartbeat_of_an_unknown_worker_returns_false(database: Database) -> None:
    with database.write() as session:
        assert not registry.heartbeat(session, "unknown", 60)


def test_runs_of_a_dead_worker_are_reclaimed_before_their_lease_ends(database: Database) -> None:
    dead, alive = queue_run(database), queue_run(database)
    claimed(database, "w1")
    claimed(database, "w2")
    add_worker(database, "w1")
    assert retire(database, "w1") == [dead]
    assert (row(database, dead).status, row(database, dead).worker_losses) == ("queued", 1)
    assert row(database, alive).status == "running"
    with database.read() as session:
        assert registry.list_workers(session) == []


def test_a_claim_with_a_lost_response_is_released_despite_an_older_known_attempt(
    database: Database,
) -> None:
    run_id = queue_run(database)
    first = claimed(database)
    with database.write() as session:
        endings.release(session, first)
    second = claimed(database)
    with database.write() as session:
        assert registry.disown(session, "w", {(run_id, first.attempt), (run_id, second.attempt)}) == []
        assert registry.disown(session, "w", {(run_id, first.attempt)}) == [run_id]
    assert row(database, run_id).status == "queued"
