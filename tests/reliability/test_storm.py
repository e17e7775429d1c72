"""A storm of kills in a small size: every kind of process once, before chance decides.

On PostgreSQL it is for larger sizes: there the end-to-end tests kill each kind of process.
"""

from app.queue.endings import MAX_CRASHES
from app.settings import Settings
from tests.reliability import SCALE
from tests.reliability.storm import VICTIMS, kill_one_run, storm

BACKENDS = ("sqlite", "postgresql") if SCALE > 1 else ("sqlite",)


def test_a_storm_of_kills_harms_no_run(settings: Settings) -> None:
    kills = len(VICTIMS) * SCALE
    harm = storm(settings, kills=kills, runs=2 * SCALE, slots=1)
    assert harm.none, harm
    assert (harm.kills.total(), harm.compared) == (kills, harm.runs)
    assert harm.kills.keys() == VICTIMS.keys()
    assert harm.attempts > harm.runs


def test_a_run_that_is_killed_again_and_again_and_gets_on_ends_at_the_weights_of_one_left_alone(
    settings: Settings,
) -> None:
    harm = kill_one_run(settings, kills=MAX_CRASHES * SCALE)
    assert harm.none, harm
    assert (harm.kills.total(), harm.attempts) == (MAX_CRASHES * SCALE, MAX_CRASHES * SCALE + 1)
    assert harm.compared == 1
