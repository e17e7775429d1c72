"""The table of workers: which are alive, and what each offers."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import and_, delete, update
from sqlmodel import Session, col, select

from app.queue import claims, endings, run_rows
from app.schemas.monitoring import WorkerDevice, WorkerNode, WorkerOut
from app.storage.database import clock, now
from app.storage.tables import Attempt, Run, Worker


@dataclass(frozen=True, slots=True)
class Node:
    """A machine of a worker's cluster; memory in bytes, for a run on the CPU `memory_per_run`.

    `problem` says why it has no slots, if it can't have any.
    """

    host: str
    cpus: float
    gpus: float
    memory: int
    slots: int = 0
    devices: list[dict[str, str]] = field(default_factory=list)
    problem: str | None = None
    memory_per_run: int | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """What a worker offers: slots, CPU threads of each, devices (`device`, `name`), versions, and nodes.

    There are no devices until a slot has found them, and nodes only in a cluster.
    """

    slots: int
    threads: int
    devices: list[dict[str, str]] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    nodes: list[Node] = field(default_factory=list)


def register(session: Session, worker_id: str, host: str, offer: Offer, *, lease_seconds: float) -> None:
    """Add a worker."""
    moment = clock(session)
    session.add(
        Worker(
            id=worker_id,
            host=host,
            started_at=moment,
            heartbeat_at=moment,
            lease_expires=moment + lease_seconds,
            **_columns(offer),
        )
    )


def describe(session: Session, worker_id: str, offer: Offer) -> None:
    """Store what a worker offers now."""
    session.execute(update(Worker).where(col(Worker.id) == worker_id).values(**_columns(offer)))


def _columns(offer: Offer) -> dict[str, Any]:
    return {name: getattr(offer, name) for name in ("slots", "threads", "devices", "versions")} | {
        "nodes": [asdict(node) for node in offer.nodes]
    }


def heartbeat(session: Session, worker_id: str, lease_seconds: float) -> bool:
    """Renew the leases of a worker and of all its runs; returns False if the worker is not registered.

    It needs no turn among the writers: it waits for the worker's row before it holds any, and skips the runs
    that another writer holds at the moment, whose leases the next heartbeat renews.
    """
    known = session.execute(
        update(Worker)
        .where(col(Worker.id) == worker_id)
        .values(heartbeat_at=now(), lease_expires=now() + lease_seconds)
        .returning(col(Worker.id))
    )
    free = (
        select(Run.id)
        .where(Run.worker_id == worker_id, Run.status == "running")
        .with_for_update(skip_locked=True)
    )
    session.execute(update(Run).where(col(Run.id).in_(free)).values(lease_expires=now() + lease_seconds))
    return bool(known.scalars().all())


@dataclass(frozen=True, slots=True)
class Held:
    """The runs that a worker holds according to the database, as `(run id, attempt)`."""

    attempts: frozenset[tuple[int, int]]
    to_cancel: frozenset[tuple[int, int]]


def held_by(session: Session, worker_id: str) -> Held:
    """Returns the runs that a worker holds, and those of them with a cancel request."""
    rows = session.exec(
        select(Run.id, Run.attempt, Run.cancel_requested).where(
            Run.worker_id == worker_id, Run.status == "running"
        )
    ).all()
    return Held(
        frozenset((run_id or 0, attempt) for run_id, attempt, _ in rows),
        frozenset((run_id or 0, attempt) for run_id, attempt, asked in rows if asked),
    )


def disown(
    session: Session,
    worker_id: str,
    kept: Collection[tuple[int, int]],
    why: str = "its worker did not receive the claim",
) -> list[int]:
    """Release the runs that a worker holds without knowing it: their `(run id, attempt)` is not in `kept`.

    That happens if a claim was committed but the response was lost. Returns the ids of those runs.
    """
    held = session.exec(select(Run).where(Run.worker_id == worker_id, Run.status == "running")).all()
    unknown = [run for run in held if (run_rows.id_of(run), run.attempt) not in kept]
    for run in unknown:
        endings.release_held(session, claims.fence_of(run), why)
    return [run_rows.id_of(run) for run in unknown]


def retire(session: Session, worker_id: str, why: str) -> list[int]:
    """Reclaim the runs of a dead worker without waiting for its lease. Returns their ids."""
    held = session.exec(select(Run).where(Run.worker_id == worker_id, Run.status == "running")).all()
    for run in held:
        endings.lose_worker(session, run, why)
    session.execute(delete(Worker).where(col(Worker.id) == worker_id))
    return [run_rows.id_of(run) for run in held]


def list_workers(session: Session) -> list[WorkerOut]:
    """Returns the workers with a valid lease, oldest first, with the runs that each trains."""
    moment = clock(session)
    trained_on = hosts(session)
    runs: dict[str | None, list[int]] = defaultdict(list)
    on_host: dict[tuple[str | None, str], list[int]] = defaultdict(list)
    for worker_id, run_id in session.exec(
        select(Run.worker_id, Run.id).where(Run.status == "running").order_by(col(Run.id))
    ):
        runs[worker_id].append(run_id or 0)
        on_host[worker_id, trained_on.get(run_id or 0, "")].append(run_id or 0)
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
            nodes=[WorkerNode(**node, runs=on_host[worker.id, node["host"]]) for node in worker.nodes],
        )
        for worker in session.exec(select(Worker).order_by(col(Worker.started_at), col(Worker.id)))
        if worker.lease_expires >= moment
    ]


def hosts(session: Session) -> dict[int, str]:
    """Returns the machine that trains each running run, by the run's id."""
    newest = and_(col(Attempt.run_id) == Run.id, col(Attempt.attempt) == Run.attempt)
    rows = session.exec(select(Attempt.run_id, Attempt.host).join(Run, newest).where(Run.status == "running"))
    return dict(rows.all())


def live_kinds(session: Session) -> list[frozenset[str] | None]:
    """Returns each live worker's kinds of device (`cpu`, `cuda`, …), None until a slot has found them.

    A worker without slots has none.
    """
    rows = session.exec(select(Worker.slots, Worker.devices).where(col(Worker.lease_expires) >= now()))
    return [kinds(devices) or (None if slots else frozenset()) for slots, devices in rows.all()]


def memory_per_run(nodes: Iterable[Mapping[str, Any]]) -> int | None:
    """Returns the memory in bytes that a worker has for a run on the CPU; None without a limit."""
    return max((node.get("memory_per_run") or 0 for node in nodes if node["slots"]), default=0) or None


def most_memory(session: Session) -> int | None:
    """Returns the memory in bytes that live workers have for a run on the CPU, at most; None without a limit.

    Only clusters have one.
    """
    live = select(Worker.devices, Worker.nodes).where(col(Worker.lease_expires) >= now(), Worker.slots > 0)
    found = [memory_per_run(nodes) for devices, nodes in session.exec(live) if "cpu" in kinds(devices)]
    return None if None in found else max((each for each in found if each), default=None)


def is_for_cpu(device: str, offered: AbstractSet[str]) -> bool:
    """Whether a run with this setting of `device` trains on the CPU where these kinds are offered."""
    return device == "cpu" or (device == "auto" and offered <= {"cpu"})


def kinds(devices: Iterable[Mapping[str, str]]) -> frozenset[str]:
    """Returns the kinds of devices: `cuda:0` and `cuda:1` are both `cuda`."""
    return frozenset(device["device"].partition(":")[0] for device in devices)
