"""How a worker registers and sends heartbeats, with a simulated clock."""

from sqlmodel import select

from app.queue import claims, machines, registry
from app.schemas.monitoring import WorkerOut
from app.settings import Settings
from app.storage.database import Database
from app.storage.tables import Worker
from app.worker.messages import Ready
from app.worker.presence import Presence
from tests.app.states import add_worker, claimed, queue_run, row
from tests.app.worker.test_engine import Pretence

BACKENDS = ("sqlite", "postgresql")
READY = Ready([{"device": "cuda:0", "name": "a GPU"}, {"device": "cpu", "name": "a CPU"}], {"torch": "2"})


class Moment:
    """A monotonic clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def offered(database: Database) -> WorkerOut:
    with database.read() as session:
        (worker,) = registry.list_workers(session)
    return worker


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


def test_an_offer_is_stored_as_soon_as_it_changes(database: Database, settings: Settings) -> None:
    presence = Presence(database, settings, "w", None, Moment())
    presence.beat([])
    assert offered(database).devices == []
    slot, other = Pretence("near"), Pretence("far")
    presence.offer([slot, other], [])
    presence.beat([])
    assert (offered(database).slots, offered(database).devices) == (2, [])
    slot.get_ready(READY)
    other.get_ready(READY)
    presence.offer([slot, other], [])
    presence.beat([])
    assert [device.device for device in offered(database).devices] == ["cuda:0", "cpu"]
    assert (offered(database).threads, offered(database).versions, offered(database).nodes) == (
        3,
        {"torch": "2"},
        [],
    )


def test_slots_that_are_not_placed_do_not_count(database: Database, settings: Settings) -> None:
    presence = Presence(database, settings, "w", None, Moment())
    slot, other = Pretence("near"), Pretence("near")
    other.placed = False
    presence.offer([slot, other], [registry.Node("near", 4.0, 0.0, 2**30)])
    presence.beat([])
    assert (offered(database).slots, offered(database).nodes[0].slots) == (1, 1)


def test_the_nodes_of_a_cluster_come_and_go_and_keep_their_devices_while_slots_restart(
    database: Database, settings: Settings
) -> None:
    presence = Presence(database, settings, "w", None, Moment())
    nodes = [registry.Node("near", 4.0, 1.0, 2**30), registry.Node("far", 2.0, 0.0, 2**31, problem="full")]
    slot = Pretence("near")
    slot.get_ready(READY)
    presence.offer([slot], nodes)
    presence.offer([Pretence("near")], nodes)
    presence.beat([])
    run_id = queue_run(database)
    with database.write() as session:
        claims.claim(session, "w", {"cpu"}, threads=1, lease_seconds=60, host="near")
    near, far = offered(database).nodes
    assert (near.host, near.slots, near.cpus, near.gpus, near.memory) == ("near", 1, 4.0, 1.0, 2**30)
    assert ([device.device for device in near.devices], near.runs) == (["cuda:0", "cpu"], [run_id])
    assert (far.slots, far.devices, far.runs, far.problem) == (0, [], [], "full")
    presence.offer([], nodes[1:])
    presence.beat([])
    assert [node.host for node in offered(database).nodes] == ["far"]
    assert (offered(database).slots, offered(database).devices) == (0, [])


def ready(offered: str) -> Pretence:
    """A slot on a node for devices of one kind, which it has found."""
    slot = Pretence("near")
    slot.offered = offered
    slot.get_ready(READY)
    return slot


def test_a_node_shows_the_devices_of_all_its_slots_and_forgets_those_without_a_slot(
    database: Database, settings: Settings
) -> None:
    presence = Presence(database, settings, "w", None, Moment())
    nodes = [registry.Node("near", 4.0, 1.0, 2**30)]
    restarted = Pretence("near")
    restarted.offered = "cuda"
    for slots, expected in (
        ([ready("cuda"), ready("cpu")], {"cuda:0", "cpu"}),
        ([ready("cpu"), restarted], {"cuda:0", "cpu"}),
        ([ready("cpu")], {"cpu"}),
        ([], {"cpu"}),
        ([ready("cuda"), ready("cpu")], {"cuda:0", "cpu"}),
    ):
        presence.offer(slots, nodes)
        presence.beat([])
        (node,) = offered(database).nodes
        for devices in (node.devices, offered(database).devices):
            assert sorted(device.device for device in devices) == sorted(expected)


def test_a_slot_for_all_devices_replaces_those_that_are_gone(database: Database, settings: Settings) -> None:
    presence = Presence(database, settings, "w", None, Moment())
    presence.offer([ready("auto")], [])
    restarted = Pretence("near")
    restarted.get_ready(Ready([{"device": "cpu", "name": "a CPU"}], {"torch": "2"}))
    presence.offer([restarted], [])
    presence.beat([])
    assert [device.device for device in offered(database).devices] == ["cpu"]


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
