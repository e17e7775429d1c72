"""The workers' table: who is alive, and what each offers."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from sqlalchemy import update
from sqlmodel import Session, col, select

from app.schemas.answers import WorkerDevice, WorkerOut
from app.storage.database import clock, now
from app.storage.tables import Run, Worker


def register(
    session: Session, worker_id: str, *, host: str, slots: int, threads: int, lease_seconds: float
) -> None:
    """Make a worker known; what devices it has it says later, once a slot has looked."""
    moment = clock(session)
    session.add(
        Worker(
            id=worker_id,
            host=host,
            slots=slots,
            threads=threads,
            started_at=moment,
            heartbeat_at=moment,
            lease_expires=moment + lease_seconds,
        )
    )


def describe(
    session: Session, worker_id: str, devices: list[dict[str, str]], versions: dict[str, str]
) -> None:
    """Note a worker's devices (`device`, `name`) and the versions it trains with."""
    session.execute(
        update(Worker).where(col(Worker.id) == worker_id).values(devices=devices, versions=versions)
    )


def list_workers(session: Session) -> list[WorkerOut]:
    """The workers whose lease holds, oldest first, with the runs that each trains."""
    moment = clock(session)
    runs: dict[str | None, list[int]] = defaultdict(list)
    for worker_id, run_id in session.exec(
        select(Run.worker_id, Run.id).where(Run.status == "running").order_by(col(Run.id))
    ):
        runs[worker_id].append(run_id or 0)
    return [
        WorkerOut(
            id=worker.id,
            host=worker.host,
            devices=[WorkerDevice(**device) for device in worker.devices],
            slots=worker.slots,
            threads=worker.threads,
            heartbeat_age_seconds=round(max(0.0, moment - worker.heartbeat_at), 1),
            runs=runs[worker.id],
            versions=worker.versions,
        )
        for worker in session.exec(select(Worker).order_by(col(Worker.started_at), col(Worker.id)))
        if worker.lease_expires >= moment
    ]


def live_kinds(session: Session) -> list[frozenset[str] | None]:
    """For each live worker the kinds of device it has (`cpu`, `cuda`, …), None while it looks."""
    rows = session.exec(select(Worker.devices).where(col(Worker.lease_expires) >= now()))
    return [kinds(devices) or None for devices in rows.all()]


def kinds(devices: Iterable[Mapping[str, str]]) -> frozenset[str]:
    """The kinds among devices: `cuda:0` and `cuda:1` are both `cuda`."""
    return frozenset(device["device"].partition(":")[0] for device in devices)
