"""Samples of machines: kept for an hour, one per machine and moment."""

from sqlmodel import select

from app.queue import machines
from app.queue.machines import Use
from app.storage.database import Database
from app.storage.tables import MachineSample

BACKENDS = ("sqlite", "postgresql")


def record(database: Database, host: str, cpu: float) -> bool:
    with database.write() as session:
        return machines.record(session, host, Use(2, cpu, 10**9, 4 * 10**9, [{"name": "a GPU", "use": None}]))


def age(database: Database, seconds: float) -> None:
    """Make all samples older."""
    with database.write() as session:
        samples = session.exec(select(MachineSample)).all()
        aged = [MachineSample(**sample.model_dump() | {"at": sample.at - seconds}) for sample in samples]
        for sample in samples:
            session.delete(sample)
        session.flush()
        session.add_all(aged)


def kept(database: Database) -> dict[str, list[float]]:
    with database.read() as session:
        return {
            host: [sample.cpu for sample in samples] for host, samples in machines.recent(session).items()
        }


def test_samples_are_read_by_host_in_order_for_an_hour(database: Database) -> None:
    assert record(database, "b", 0.1)
    age(database, 3000)
    assert record(database, "b", 0.2)
    assert record(database, "a", 0.9)
    assert kept(database) == {"a": [0.9], "b": [0.1, 0.2]}
    age(database, 900)
    assert kept(database) == {"a": [0.9], "b": [0.2]}
    assert record(database, "b", 0.3)
    with database.read() as session:
        assert len(session.exec(select(MachineSample)).all()) == 3


def test_two_workers_of_a_machine_store_one_sample(database: Database) -> None:
    assert record(database, "a", 0.1)
    assert not record(database, "a", 0.2)
    assert record(database, "b", 0.3)
    assert kept(database) == {"a": [0.1], "b": [0.3]}
