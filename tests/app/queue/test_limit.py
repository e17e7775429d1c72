"""How many runs may wait, and how long a client is told to wait itself."""

import pytest

from app.queue import limit, run_queue
from app.queue.limit import LONGEST_WAIT, QueueFull
from app.storage.database import Database
from tests.app.states import add_worker, claimed, finished_run, queue_run


def test_only_runs_that_wait_are_counted(database: Database) -> None:
    finished_run(database)
    queue_run(database)
    claimed(database)
    for seed in range(2):
        queue_run(database, seed=seed)
    with database.read() as session:
        assert limit.count_waiting(session) == 2


def test_as_many_as_may_wait_pass_and_one_more_is_refused_with_what_to_do(database: Database) -> None:
    for seed in range(3):
        queue_run(database, seed=seed)
    with database.read() as session:
        limit.check(session, 3)
        with pytest.raises(QueueFull) as caught:
            limit.check(session, 2)
    assert str(caught.value) == (
        "3 runs would wait, and at most 2 may (DEPTHBOARD_QUEUE_LIMIT); "
        "try again when some have ended, or cancel some that wait"
    )
    assert caught.value.headers == {"Retry-After": str(caught.value.retry_after)}


def test_a_client_is_told_to_wait_until_there_is_room_from_a_second_to_an_hour(database: Database) -> None:
    add_worker(database)

    def told() -> int:
        with database.read() as session, pytest.raises(QueueFull) as caught:
            limit.check(session, 1)
        return caught.value.retry_after

    for seed in range(2):
        queue_run(database, epochs=1, seed=seed)
    assert told() == 1
    for seed in range(2):
        queue_run(database, depth=5, epochs=10_000, seed=seed)
    assert told() == 1, "the first in the queue makes room"
    with database.write() as session:
        run_queue.remove(session, 1)
        run_queue.remove(session, 2)
    assert told() == LONGEST_WAIT
