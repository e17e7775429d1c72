"""The use of machines as responses: now, and over the last hour."""

from collections.abc import Sequence

from sqlmodel import Session

from app.queue import machines
from app.schemas.monitoring import GpuUse, MachineOut
from app.storage.database import clock
from app.storage.tables import MachineSample


def read(session: Session) -> list[MachineOut]:
    """The machines with samples of the last hour."""
    moment = clock(session)
    return [_machine(host, samples, moment) for host, samples in machines.recent(session).items()]


def _machine(host: str, samples: Sequence[MachineSample], moment: float) -> MachineOut:
    newest = samples[-1]
    return MachineOut(
        host=host,
        cores=newest.cores,
        memory_total=newest.memory_total,
        age_seconds=[round(max(0.0, moment - sample.at), 1) for sample in samples],
        cpu=[round(sample.cpu, 4) for sample in samples],
        memory_used=[sample.memory_used for sample in samples],
        gpus=[_gpu(index, samples) for index in range(len(newest.gpus))],
    )


def _gpu(index: int, samples: Sequence[MachineSample]) -> GpuUse:
    """One GPU over time; None where a sample lacks it."""
    found = [sample.gpus[index] if index < len(sample.gpus) else {} for sample in samples]
    return GpuUse(
        name=found[-1]["name"],
        memory_total=found[-1]["memory_total"],
        use=[gpu.get("use") for gpu in found],
        memory_used=[gpu.get("memory_used") for gpu in found],
    )
