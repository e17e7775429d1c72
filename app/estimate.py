"""How long runs are likely to take: from finished runs where there are any, else from their arithmetic."""

from collections.abc import Container, Iterable, Sequence
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
_FASTEST_FIRST: Final = ("cuda", "mps", "cpu")
"""What `auto` trains on, of the devices that are there."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Wall-clock seconds for all runs, and what the figure rests on."""

    seconds: float
    basis: str


def estimate(session: Session, configs: Sequence[TrainConfig]) -> Estimate:
    """Predict how long these runs take with the slots that are alive (one, if none is).

    Only past runs on the kind of device that would train are a guide.
    """
    alive = workers.list_workers(session)
    past = [_Past.of(run) for run in _recent(session, configs)]
    best = [_fastest(workers.kinds(device.model_dump() for device in worker.devices)) for worker in alive]
    offered = {kind for kind in best if kind} or {run.device for run in past[:1]}
    guides = {
        choice: _Guide.of(past, offered if choice == "auto" else {choice})
        for choice in {config.device for config in configs}
    }
    found = [guides[config.device].seconds(config) for config in configs]
    total = sum(seconds for seconds, _ in found)
    grounds = {ground for _, ground in found}
    slots = sum(worker.slots for worker in alive) or 1
    return Estimate(round(total / min(slots, len(configs) or 1), 1), _basis(grounds))


_ALIKE: Final = "past runs of these depths"
_SCALED: Final = "the speed of past runs and the arithmetic of these"
_ASSUMED: Final = "arithmetic alone: no run on this data has finished on this device yet"


@dataclass(frozen=True, slots=True)
class _Past:
    """A finished run: on what kind of device, what the time of an epoch depends on, and how long one took."""

    config: TrainConfig
    device: str
    seconds: float

    @classmethod
    def of(cls, run: Run) -> "_Past":
        wall = (run.finished_at or 0.0) - (run.started_at or 0.0)
        kind = (run.device_used or "").partition(":")[0]
        return cls(run.config, kind, wall / max(1, run.epochs_done - run.resumed_from))


def _recent(session: Session, configs: Sequence[TrainConfig]) -> Sequence[Run]:
    """Finished runs on these data sets, for others may be far smaller; newest first."""
    return session.exec(
        select(Run)
        .where(
            Run.status == "finished",
            col(Run.train_seconds) > 0,
            col(Run.finished_at) > col(Run.started_at),
            col(Run.dataset).in_({config.dataset for config in configs}),
        )
        .order_by(col(Run.finished_at).desc())
        .limit(_RECENT)
    ).all()


@dataclass(frozen=True, slots=True)
class _Guide:
    """What past runs on some devices tell: seconds of an epoch by its pace, and how slow all of them were.

    `slowness` is by how much an epoch took longer than its arithmetic lets expect; None without past runs.
    """

    paces: dict[tuple[object, ...], float]
    slowness: float | None

    @classmethod
    def of(cls, past: Sequence[_Past], devices: Container[str]) -> "_Guide":
        paces: dict[tuple[object, ...], list[float]] = {}
        slowness = []
        for run in past:
            if run.device in devices:
                paces.setdefault(_pace(run.config), []).append(run.seconds)
                slowness.append(run.seconds / _assumed_epoch(run.config))
        return cls(
            {pace: median(seconds) for pace, seconds in paces.items()}, median(slowness) if slowness else None
        )

    def seconds(self, config: TrainConfig) -> tuple[float, str]:
        """How long a run takes, and what that rests on."""
        alike = self.paces.get(_pace(config))
        if alike is not None:
            return config.epochs * alike, _ALIKE
        if self.slowness is not None:
            return config.epochs * self.slowness * _assumed_epoch(config), _SCALED
        return config.epochs * _assumed_epoch(config), _ASSUMED


def _fastest(kinds: Iterable[str]) -> str | None:
    found = set(kinds)
    return next((kind for kind in _FASTEST_FIRST if kind in found), None)


def _pace(config: TrainConfig) -> tuple[object, ...]:
    """What an epoch's time depends on besides the device."""
    return (config.depth, config.width, config.batch_size, config.precision, config.optimizer)


def _assumed_epoch(config: TrainConfig) -> float:
    return ASSUMED_OVERHEAD + config.flops_per_epoch / ASSUMED_FLOPS


def _basis(grounds: set[str]) -> str:
    """The weakest of what the runs' times rest on; without runs there is nothing to guess."""
    if grounds <= {_ALIKE}:
        return _ALIKE
    return _ASSUMED if grounds <= {_ASSUMED} else _SCALED
