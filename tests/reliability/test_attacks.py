"""Attacks in a small size; `DEPTHBOARD_RELIABILITY=10` makes them ten times as large."""

import os

from app.db import Database
from app.settings import Settings
from tests.reliability.acknowledged import kill_while_posting
from tests.reliability.reconnects import reconnect
from tests.reliability.stale import STEPS, wake_too_late
from tests.reliability.storm import storm

BACKENDS = ("sqlite", "postgresql")
SCALE = int(os.environ.get("DEPTHBOARD_RELIABILITY", "1"))


def test_a_storm_of_kills_harms_no_run(settings: Settings) -> None:
    harm = storm(settings, kills=3 * SCALE, runs=2 * SCALE)
    assert harm.none, harm
    assert (harm.kills.total(), harm.compared) == (3 * SCALE, harm.runs)


def test_what_was_acknowledged_is_there_however_often_the_server_is_killed(settings: Settings) -> None:
    found = kill_while_posting(settings, kills=2 * SCALE)
    assert (found.missing, found.double) == (0, 0)
    assert found.runs >= 10 * found.kills


def test_a_stream_that_breaks_anywhere_tells_each_event_once(settings: Settings) -> None:
    found = reconnect(settings, connections=30 * SCALE, server_kills=1 * SCALE)
    assert (found.missing, found.double, found.out_of_order) == (0, 0, 0)
    assert found.connections >= 30 * SCALE
    assert found.epochs > 0


def test_a_worker_that_wakes_after_its_lease_writes_nothing(database: Database) -> None:
    found = wake_too_late(database, workers=4 * SCALE)
    assert (found.written, found.attempted) == (0, found.workers * len(STEPS))
