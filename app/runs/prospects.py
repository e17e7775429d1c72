"""What to expect of runs before they start: what past runs with similar values reached, and the wait."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Final, NamedTuple

from sqlalchemy import and_, false, or_
from sqlmodel import Session, col, select

from app import formats
from app.prose import listed
from app.queue import pause, registry
from app.queue.forecasting import forecast
from app.runs.guessing import Chance
from app.schemas.answers import PastRuns
from app.storage.tables import Run
from trainer.config import TrainConfig

NEAR: Final = 2
"""Learning rates are near each other if neither is more than this many times the other."""

_RECENT: Final = 2_000
"""The most recent runs that are read."""
_ENOUGH: Final = 3
"""From this many runs on, what all of them did is worth a warning."""
_DIVERGED: Final = "diverged"
"""The first word of the reason of a run whose loss or gradient became non-finite."""


class _Kind(NamedTuple):
    """What runs must have in common, besides a near learning rate, to tell something about each other."""

    dataset: str
    optimizer: str
    has_momentum: bool
    depth: int

    @classmethod
    def of(cls, config: Any) -> "_Kind":  # noqa: ANN401  # a configuration or a row of the table
        """The kind of a run."""
        return cls(config.dataset, config.optimizer, bool(config.momentum), config.depth)


class _Past(NamedTuple):
    """A past run that finished or diverged; it `learned` if it is significantly above guessing."""

    lr: float
    id: int
    epochs: int
    test_accuracy: float | None
    learned: bool


@dataclass(frozen=True)
class Evidence:
    """Past runs by kind, in the order of their learning rates."""

    past: dict[_Kind, list[_Past]] = field(default_factory=dict)

    def near(self, configs: Iterable[TrainConfig]) -> list[PastRuns]:
        """What runs near each combination of kind and learning rate reached; only where there are some."""
        wanted = dict.fromkeys((_Kind.of(config), config.lr) for config in configs)
        found = [(kind, lr, self._near(kind, lr)) for kind, lr in wanted]
        return [_summary(kind, lr, runs) for kind, lr, runs in found if runs]

    def _near(self, kind: _Kind, lr: float) -> list[_Past]:
        runs = self.past.get(kind, [])
        first = bisect_left(runs, lr / NEAR, key=lambda run: run.lr)
        return runs[first : bisect_right(runs, lr * NEAR, key=lambda run: run.lr)]

    def has_worked(self, config: TrainConfig) -> bool:
        """Whether most runs near a configuration learned, of at least a few."""
        runs = self._near(_Kind.of(config), config.lr)
        learned = sum(run.learned for run in runs)
        return learned >= _ENOUGH and 2 * learned > len(runs)

    def warnings(self, configs: Iterable[TrainConfig]) -> list[str]:
        """A sentence per optimizer on learning rates at which no past run learned."""
        found: dict[tuple[str, str], dict[str, None]] = {}
        for kind, lr in dict.fromkeys((_Kind.of(config), config.lr) for config in configs):
            hopeless = self._hopeless(kind)
            if len(hopeless) >= _ENOUGH and lr >= hopeless[0].lr:
                words = (
                    f"all {len(hopeless)} of {formats.plural(kind.depth, 'layer')} at "
                    f"{formats.decimal(hopeless[0].lr)} or more"
                )
                with_what = f"{kind.optimizer}{' and momentum' if kind.has_momentum else ''}"
                found.setdefault((with_what, kind.dataset), {})[words] = None
        return [
            f"Past runs with {optimizer} on {dataset} diverged or stayed at the accuracy of guessing at such "
            f"learning rates: {'; '.join(words)}."
            for (optimizer, dataset), words in found.items()
        ]

    def _hopeless(self, kind: _Kind) -> list[_Past]:
        """The runs with the highest learning rates, down to the first rate at which a run learned."""
        runs = self.past.get(kind, [])
        last = max((run.lr for run in runs if run.learned), default=0.0)
        return [run for run in runs if run.lr > last]


NO_EVIDENCE: Final = Evidence()


def evidence(session: Session, configs: Sequence[TrainConfig]) -> Evidence:
    """Read the most recent runs that are similar to these, or have a higher learning rate, in one query."""
    if not configs:
        return NO_EVIDENCE
    alike = ("dataset", "optimizer", "depth")
    names = (*alike, "momentum", "lr", "id", "epochs", "test_accuracy", "status", "reason")
    query = (
        select(*(getattr(Run, name) for name in names))
        .where(
            *(col(getattr(Run, name)).in_({getattr(config, name) for config in configs}) for name in alike),
            col(Run.lr) >= min(config.lr for config in configs) / NEAR,
            col(Run.status).in_(("finished", "failed")),
            col(Run.archived).is_(false()),
        )
        .order_by(col(Run.id).desc())
        .limit(_RECENT)
    )
    past: dict[_Kind, list[_Past]] = {}
    for row in session.connection().execute(query):
        is_finished = row.status == "finished" and row.test_accuracy is not None
        if is_finished or (row.reason or "").startswith(_DIVERGED):
            reached = row.test_accuracy if is_finished else None
            past.setdefault(_Kind.of(row), []).append(
                _Past(row.lr, row.id, row.epochs, reached, is_finished and _learned(row.dataset, reached))
            )
    for runs in past.values():
        runs.sort(key=lambda run: run.lr)
    return Evidence(past)


def _learned(dataset: str, test_accuracy: float | None) -> bool:
    """Whether an accuracy is above guessing, as far as that is known without the run's record of its data."""
    chance = Chance.of(dataset, {})
    return chance is None or chance.judge(test_accuracy) is None


def _summary(kind: _Kind, lr: float, runs: Sequence[_Past]) -> PastRuns:
    finished = [run for run in runs if run.test_accuracy is not None]
    best = max(finished, key=lambda run: (run.test_accuracy or 0.0, run.id), default=None)
    return PastRuns(
        **kind._asdict(),
        lr=lr,
        lrs=sorted({run.lr for run in runs}),
        finished=len(finished),
        diverged=len(runs) - len(finished),
        epochs=(min(run.epochs for run in runs), max(run.epochs for run in runs)),
        median=median(run.test_accuracy or 0.0 for run in finished) if finished else None,
        best=best.test_accuracy if best else None,
        best_id=best.id if best else None,
    )


def wait(session: Session, devices: Iterable[str], priority: int) -> str:
    """When the first of new runs would start, in a sentence.

    New runs wait for those of the same or a higher priority that are queued.
    """
    if pause.since(session) is not None:
        return "The queue is paused: new runs wait until it is resumed."
    workers = registry.list_workers(session)
    if not workers:
        return "No worker is running: new runs wait for one."
    kinds = [(registry.kinds(each.model_dump() for each in worker.devices), worker) for worker in workers]
    slots = {
        device: sum(
            worker.slots for known, worker in kinds if device == "auto" or not known or device in known
        )
        for device in devices
    }
    if missing := [device for device, count in slots.items() if not count]:
        return f"No live worker has {listed(missing)}: such runs wait for one."
    return _start(session, max(slots.values()), priority)


def _start(session: Session, slots: int, priority: int) -> str:
    """A slot becomes free when all runs ahead have started, and fewer than `slots` of them have not ended."""
    is_ahead = or_(
        col(Run.status) == "running", and_(col(Run.status) == "queued", col(Run.priority) >= priority)
    )
    ahead = session.exec(select(Run.id).where(is_ahead)).all()
    ends = forecast.ends(session) if len(ahead) >= slots else {}
    left = sorted((ends[run_id].seconds for run_id in ahead if run_id in ends), reverse=True)
    if len(left) < slots:
        return "The first run starts at once."
    runs = formats.plural(len(left), "run that is running or queued", "runs that are running or queued")
    return f"The first run starts in {formats.about(left[slots - 1])}, after {runs}."
