"""How long runs are likely to take: from finished runs where there are any, else from their arithmetic."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from sqlmodel import Session, col, select

from app import workers
from app.models import Run
from trainer.config import TrainConfig

ASSUMED_FLOPS: Final = 100e9
"""Floating-point operations per second and slot, where nothing has been measured: a laptop's core."""

_RECENT: Final = 200


@dataclass(frozen=True, slots=True)
class Estimate:
    """Wall-clock seconds for all runs, and what the figure rests on."""

    seconds: float
    basis: str


def estimate(session: Session, configs: Sequence[TrainConfig]) -> Estimate:
    """Predict how long these runs take with the slots that are alive (one, if none is)."""
    past = session.exec(
        select(Run)
        .where(Run.status == "finished", col(Run.train_seconds) > 0)
        .order_by(col(Run.finished_at).desc())
        .limit(_RECENT)
    ).all()
    same: dict[tuple[int, int], list[float]] = {}
    speeds: list[float] = []
    for run in past:
        wall = (run.finished_at or 0.0) - (run.started_at or 0.0)
        if wall <= 0:
            continue
        same.setdefault((run.depth, run.batch_size), []).append(wall / run.epochs)
        speeds.append(run.config.flops_per_epoch * run.epochs / wall)
    speed = median(speeds) if speeds else ASSUMED_FLOPS
    total = 0.0
    measured = 0
    for config in configs:
        per_epoch = same.get((config.depth, config.batch_size))
        measured += per_epoch is not None
        total += config.epochs * (median(per_epoch) if per_epoch else config.flops_per_epoch / speed)
    slots = sum(worker.slots for worker in workers.list_workers(session)) or 1
    return Estimate(
        round(total / min(slots, len(configs) or 1), 1), _basis(measured, len(configs), len(speeds))
    )


def _basis(measured: int, asked: int, past: int) -> str:
    if asked and measured == asked:
        return "past runs of these depths"
    if past:
        return "the speed of past runs and the arithmetic of these"
    return "arithmetic alone: no run has finished here yet"
