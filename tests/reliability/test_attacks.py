"""Servers killed, streams broken and workers put to sleep, in a small size."""

import os

import pytest

from app.settings import Settings
from app.storage.database import Database
from tests.forked import Fork, Forks
from tests.reliability import SCALE
from tests.reliability.acknowledged import kill_while_posting
from tests.reliability.reconnects import reconnect
from tests.reliability.server import Start
from tests.reliability.stale import STEPS, write_too_late
from tests.reliability.woken import wake_too_late

BACKENDS = ("sqlite", "postgresql")


@pytest.fixture
def depthboard(forks: Forks) -> Start:
    """Starts `depthboard` as a fork: what it does to be killed is the same, and it answers at once."""

    def start(*words: str) -> Fork:
        with open(os.devnull, "wb") as nothing:  # noqa: PTH123
            return forks.start("app.cli", *words, outputs=[nothing, nothing])

    return start


def test_acknowledged_runs_survive_any_number_of_kills_of_the_server(
    settings: Settings, depthboard: Start
) -> None:
    found = kill_while_posting(settings, kills=2 * SCALE, start=depthboard)
    assert (found.missing, found.double) == (0, 0)
    assert found.runs >= 10 * found.kills


def test_an_interrupted_stream_sends_each_event_once(settings: Settings, depthboard: Start) -> None:
    found = reconnect(settings, connections=30 * SCALE, server_kills=1 * SCALE, start=depthboard)
    assert (found.missing, found.double, found.out_of_order) == (0, 0, 0)
    assert found.connections >= 30 * SCALE
    assert found.epochs > 0


def test_every_step_of_the_queue_rejects_writes_of_an_expired_claim(database: Database) -> None:
    found = write_too_late(database, rounds=4 * SCALE)
    assert (found.written, found.attempted) == (0, found.claims * len(STEPS))


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)  # as workers on several machines have it
def test_a_worker_that_wakes_after_its_lease_writes_nothing(settings: Settings) -> None:
    found = wake_too_late(settings, attempts=2 * SCALE, together=2)
    assert found.written == 0
    assert found.workers >= found.attempted >= 2 * SCALE
