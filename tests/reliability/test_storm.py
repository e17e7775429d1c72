"""A storm of kills in a small size: every kind of process once, before chance decides.

On PostgreSQL it is for larger sizes: there the end-to-end tests kill each kind of process.
"""

from app.settings import Settings
from tests.reliability import SCALE
from tests.reliability.storm import VICTIMS, storm

BACKENDS = ("sqlite", "postgresql") if SCALE > 1 else ("sqlite",)


def test_a_storm_of_kills_harms_no_run(settings: Settings) -> None:
    kills = len(VICTIMS) * SCALE
    harm = storm(settings, kills=kills, runs=2 * SCALE, slots=1)
    assert harm.none, harm
    assert (harm.kills.total(), harm.compared) == (kills, harm.runs)
    assert harm.kills.keys() == VICTIMS.keys()
    assert harm.attempts > harm.runs
