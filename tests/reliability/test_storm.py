"""A storm of kills in a small size: every kind of process once, before chance decides.

On PostgreSQL and on a Ray cluster it is for larger sizes: there, the end-to-end tests kill each kind of
process.
"""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from app.queue.endings import MAX_CRASHES
from app.settings import Settings
from tests.postgres import PostgreSQL
from tests.processes import Engine
from tests.reliability import SCALE
from tests.reliability.storm import VICTIMS, Victim, dashboard, kill_one_run, storm

BACKENDS = ("sqlite", "postgresql") if SCALE > 1 else ("sqlite",)


@pytest.fixture(scope="module")
def victim(
    backend: str,
    engine: Engine,
    migrated: Path,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[Victim]:
    """One dashboard for both attacks."""
    folder = tmp_path_factory.mktemp("victim")
    with ExitStack() as stack:
        url = None
        if backend == "postgresql":
            server: PostgreSQL = request.getfixturevalue("postgresql")
            url = stack.enter_context(server.database())
        else:
            shutil.copy(migrated, folder)
        settings = Settings(data_dir=folder, database_url=url)
        yield stack.enter_context(dashboard(settings, slots=1, engine=engine))


def test_random_kills_harm_no_run(victim: Victim) -> None:
    kills = len(VICTIMS) * SCALE
    harm = storm(victim, kills=kills, runs=2 * SCALE)
    assert harm.none, harm
    assert (harm.kills.total(), harm.compared) == (kills, harm.runs)
    assert harm.kills.keys() == VICTIMS.keys()
    assert harm.attempts > harm.runs


def test_a_run_killed_many_times_ends_with_the_weights_of_an_uninterrupted_run(
    victim: Victim,
) -> None:
    harm = kill_one_run(victim, kills=MAX_CRASHES * SCALE)
    assert harm.none, harm
    assert (harm.kills.total(), harm.attempts) == (MAX_CRASHES * SCALE, MAX_CRASHES * SCALE + 1)
    assert harm.compared == 1
