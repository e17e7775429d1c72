"""The use of workers' machines over the last hour, as the workers measure it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import delete
from sqlmodel import Session, col, func, select

from app.storage.database import clock
from app.storage.tables import MachineSample

SAMPLE_SECONDS: Final = 15.0
"""Interval of the samples."""

KEPT_SECONDS: Final = 3600.0
"""Older samples are removed."""


@dataclass(frozen=True, slots=True)
class Use:
    """How busy a machine is: fractions from 0 to 1, and bytes. `gpus` are as in `MachineSample`."""

    cores: int
    cpu: float
    memory_used: int
    memory_total: int
    gpus: Sequence[Mapping[str, Any]] = ()


def record(session: Session, host: str, use: Use) -> bool:
    """Store a sample and remove old ones; returns False if a worker of this host has just stored one."""
    moment = clock(session)
    newest = session.exec(select(func.max(MachineSample.at)).where(MachineSample.host == host)).one()
    if (newest or 0.0) > moment - SAMPLE_SECONDS / 2:
        return False
    session.execute(delete(MachineSample).where(col(MachineSample.at) < moment - KEPT_SECONDS))
    session.add(
        MachineSample(
            host=host,
            at=moment,
            cores=use.cores,
            cpu=use.cpu,
            memory_used=use.memory_used,
            memory_total=use.memory_total,
            gpus=[dict(gpu) for gpu in use.gpus],
        )
    )
    return True


def recent(session: Session) -> dict[str, list[MachineSample]]:
    """Returns the samples of the last hour by host, oldest first; hosts in the order of their names."""
    since = clock(session) - KEPT_SECONDS
    by_host: dict[str, list[MachineSample]] = defaultdict(list)
    for sample in session.exec(
        select(MachineSample)
        .where(col(MachineSample.at) >= since)
        .order_by(col(MachineSample.host), col(MachineSample.at))
    ):
        by_host[sample.host].append(sample)
    return dict(by_host)
