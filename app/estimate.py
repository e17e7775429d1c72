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
ASSUMED_OVERHEAD: Final = 0.15
"""Operations per second of one slot, and the seconds of an epoch besides: a laptop's core, until measured."""

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
        .where(
            Run.status == "finished",
            col(Run.train_seconds) > 0,
            col(Run.dataset).in_({config.dataset for config in configs}),  # others may be far smaller
        )
        .order_by(col(Run.finished_at).desc())
        .limit(_RECENT)
    ).all()
    same: dict[tuple[object, ...], list[float]] = {}
    slowness: list[float] = []
    for run in past:
        wall = (run.finished_at or 0.0) - (run.started_at or 0.0)
        if wall > 0:
            per_epoch = wall / max(1, run.epochs_done - run.resumed_from)
            same.setdefault(_pace(run.config), []).append(per_epoch)
            slowness.append(per_epoch / _assumed_epoch(run.config))
    factor = median(slowness) if slowness else 1.0
    total = 0.0
    measured = 0
    for config in configs:
        alike = same.get(_pace(config))
        measured += alike is not None
        total += config.epochs * (median(alike) if alike else factor * _assumed_epoch(config))
    slots = sum(worker.slots for worker in workers.list_workers(session)) or 1
    return Estimate(
        round(total / min(slots, len(configs) or 1), 1), _basis(measured, len(configs), len(slowness))
    )


def _pace(config: TrainConfig) -> tuple[object, ...]:
    """What an epoch's time depends on."""
    return (config.depth, config.width, config.batch_size, config.precision, config.optimizer, config.device)


def _assumed_epoch(config: TrainConfig) -> float:
    return ASSUMED_OVERHEAD + config.flops_per_epoch / ASSUMED_FLOPS


def _basis(measured: int, asked: int, past: int) -> str:
    if asked and measured == asked:
        return "past runs of these depths"
    if past:
        return "the speed of past runs and the arithmetic of these"
    return "arithmetic alone: no run on this data has finished here yet"
