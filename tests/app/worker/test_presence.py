"""How a worker registers and sends heartbeats, with a simulated clock."""

from sqlmodel import select

from app.queue import machines, registry
from app.settings import Settings
from app.storage.database import Database
from app.storage.tables import Worker
from app.worker.messages import Ready
from app.worker.presence import Presence
from tests.app.states import add_worker, claimed, queue_run, row

BACKENDS = ("sqlite", "postgresql")
READY = Ready([{"device": "cuda:0", "name": "a GPU"}, {"device": "cpu", "name": "a CPU"}], {"torch": "2"})


class Moment:
    """A monotonic clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def known(database: Database) -> list[str]:
    with database.read() as session:
        return list(session.exec(select(Worker.id)))


def test_the_first_heartbeat_registers_and_requeues_runs_of_the_replaced_worker(
    database: Database, settings: Settings
) -> None:
    run_id = queue_run(database)
    add_worker(database, "dead")
    claimed(database, "dead")
    presence = Presence(database, settings, "new", "dead", Moment())
    presence.beat([])
    assert known(database) == ["new"]
    assert (row(database, run_id).status, row(database, run_id).worker_losses) == ("queued", 1)


def test_a_heartbeat_waits_until_due_and_releases_runs_that_no_slot_trains(
    database: Database, settings: Settings
) -> None:
    moment = Moment()
    presence = Presence(database, settings, "w", None, moment)
    presence.beat([])
    held, unknown = queue_run(database), queue_run(database)
    claims = [claimed(database), claimed(database)]
    presence.beat([])
    assert row(database, unknown).status == "running"
    moment.now += settings.heartbeat_seconds
    presence.beat([(claims[0].run_id, claims[0].attempt)])
    assert (row(database, held).status, row(database, unknown).status) == ("running", "queued")


def test_a_worker_offers_the_devices_that_its_settings_allow(database: Database, settings: Settings) -> None:
    for offered, kinds in (("auto", {"cpu", "cuda"}), ("cpu", {"cpu"}), ("mps", set())):
        chosen = settings.model_copy(update={"device": offered})
        presence = Presence(database, chosen, offered, None, Moment())
        assert presence.kinds == set()
        presence.beat([])
        presence.describe(READY)
        assert presence.kinds == kinds
        with database.read() as session:
            (worker,) = (each for each in registry.list_workers(session) if each.id == offered)
        assert {device.device.partition(":")[0] for device in worker.devices} == kinds


def test_a_worker_that_unregisters_counts_no_loss(database: Database, settings: Settings) -> None:
    presence = Presence(database, settings, "w", None, Moment())
    presence.beat([])
    run_id = queue_run(database)
    claimed(database)
    with database.write() as session:
        presence.take_leave(session)
    assert known(database) == []
    assert (row(database, run_id).status, row(database, run_id).worker_losses) == ("queued", 0)


def test_heartbeats_store_samples_of_the_machine(database: Database, settings: Settings) -> None:
    moment = Moment()
    presence = Presence(database, settings, "w", None, moment)
    presence.beat([])
    assert samples(database) == 0
    for _ in range(3):
        moment.now += settings.heartbeat_seconds
        presence.beat([])
        assert samples(database) == 1


def samples(database: Database) -> int:
    with database.read() as session:
        return sum(len(found) for found in machines.recent(session).values())
