"""Samples of machines as responses."""

from sqlmodel import select

from app.queue import machines
from app.queue.machines import Use
from app.storage.database import Database
from app.storage.tables import MachineSample
from app.web.monitoring import machine_use

GPU = {"name": "first", "use": 0.5, "memory_used": 1, "memory_total": 8}


def test_a_gpu_that_a_sample_lacks_has_no_value_there(database: Database) -> None:
    with database.write() as session:
        machines.record(session, "a", Use(2, 0.1, 1, 4))
        older = MachineSample(host="a", at=1.0, cores=2, cpu=0.2, memory_used=2, memory_total=4, gpus=[])
        session.add(older)
        session.flush()
        newest = session.exec(select(MachineSample).where(MachineSample.at > 1)).one()
        older.at = newest.at - 60
        newest.gpus = [GPU]
    with database.read() as session:
        (machine,) = machine_use.read(session)
    assert machine.cpu == [0.2, 0.1]
    assert machine.gpus[0].use == [None, 0.5]
    assert machine.gpus[0].memory_used == [None, 1]
    assert [round(age / 60) for age in machine.age_seconds] == [1, 0]
