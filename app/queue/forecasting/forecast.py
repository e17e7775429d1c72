"""Forecasts when queued runs start, and when running and queued runs end."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from sqlmodel import Session, col, select

from app.queue import pause
from app.queue.claims import order_of_claims
from app.queue.forecasting.estimate import Outlook, first_free, images_of
from app.queue.forecasting.pace import Guess, Work
from app.schemas.hyperparameters import HYPERPARAMETERS
from app.storage.database import clock
from app.storage.tables import Epoch, Run
from trainer.config import TrainConfig

LAST_EPOCHS: Final = 8
"""How many of a run's last epochs determine its present pace, by their median."""

_UNSEEDED: Final = tuple(name for name in HYPERPARAMETERS if name != "seed")

_OWN_SPREAD: Final = 0.05
"""The relative error of a forecast from many epochs of the run itself; from fewer it is larger."""


def remaining(session: Session, running: Sequence[Run]) -> dict[int, Guess]:
    """Estimates the remaining time of running runs, by id, at the pace of their last epochs.

    Before a run's first epoch, the estimate comes from past runs, and grows if that epoch is late.
    """
    if not running:
        return {}
    return _Running(session, Outlook(session), running).left


@dataclass(frozen=True, slots=True)
class Plan:
    """When queued runs start, and when open runs end, by id, without those that no slot can train.

    While the queue is paused, queued runs are missing.
    """

    starts: dict[int, Guess]
    ends: dict[int, Guess]


def ends(session: Session) -> dict[int, Guess]:
    """Estimates when each running or queued run ends, by id, without those that no slot can train."""
    return plan(session).ends


def plan(session: Session) -> Plan:
    """Estimates when each queued run starts, and when each running or queued run ends.

    Slots take queued runs in the order of the queue. The estimates of queued runs are scaled by how much
    slower or faster than past runs the running ones are. Without a live worker, no run starts; ends then
    say how long the runs would take.
    """
    outlook = Outlook(session)
    running = session.exec(select(Run).where(Run.status == "running").order_by(col(Run.id))).all()
    present = _Running(session, outlook, running)
    found = Plan({}, dict(present.left))
    if pause.since(session) is not None:
        return found
    slots = outlook.slots()
    for run in running:
        held = [slot for slot in slots if slot.worker_id == run.worker_id]
        slot = first_free(held or slots)
        if slot:
            slot.take(present.left[run.id or 0])
    guesses: dict[tuple[int, str, int], Guess] = {}
    for run_id, config, epochs_done in _waiting(session):
        slot = first_free(slots, config)
        if slot:
            kind = slot.kind if config.device == "auto" else config.device
            same = id(config), kind, epochs_done
            if same not in guesses:
                guesses[same] = outlook.guess(config, kind, config.epochs - epochs_done)
            guess = guesses[same]
            if outlook.has_workers:
                found.starts[run_id] = Guess(slot.seconds, slot.spread, guess.support)
            slot.take(Guess(present.slowness * guess.seconds, guess.spread, guess.support))
            found.ends[run_id] = Guess(slot.seconds, slot.spread, guess.support)
    return found


def last(forecast: Mapping[int, Guess], run_ids: Sequence[int]) -> Guess | None:
    """Returns the end of the last of these runs; None if there is none, or one that no slot can train."""
    if not run_ids or not all(run_id in forecast for run_id in run_ids):
        return None
    return max((forecast[run_id] for run_id in run_ids), key=lambda guess: guess.seconds)


class _Running:
    """Running runs: the remaining time of each, and how slow they are compared with past runs."""

    def __init__(self, session: Session, outlook: Outlook, running: Sequence[Run]) -> None:
        self._outlook = outlook
        self._moment = clock(session) if running else 0.0
        self._epochs = _last_epochs(session, running)
        self._logarithms: list[float] = []
        self.left = {run.id or 0: self._left(run) for run in running}

    @property
    def slowness(self) -> float:
        """The ratio of these runs' times to the estimates from past runs, nearer to 1 the fewer they are."""
        return math.exp(sum(self._logarithms) / (len(self._logarithms) + 1))

    def _left(self, run: Run) -> Guess:
        kind = (run.device_used or "").partition(":")[0] or self._outlook.usual_kind
        epochs = run.epochs - run.epochs_done
        since = max(0.0, self._moment - (run.progress_at or run.started_at or self._moment))
        seconds = self._epochs.get(run.id or 0)
        if seconds is None:
            return _before_the_first(self._outlook.guess(run.config, kind, epochs), epochs, since)
        pace = self._outlook.pace(kind)
        ahead = _work(run, epochs)
        total = median(seconds) * pace.total_over_training(ahead)
        self._logarithms.append(math.log(total / pace.guess(ahead).seconds))
        next_one = median(seconds) * pace.total_over_training(_work(run, 1, ends=False)) if epochs else total
        spread = _OWN_SPREAD * math.sqrt(1 + LAST_EPOCHS / len(seconds))
        return Guess(total - min(since, next_one), spread, float(len(seconds)))


def _before_the_first(total: Guess, epochs: int, since: float) -> Guess:
    """Remaining time of a run in its first epoch; if that is late, all other epochs are assumed late."""
    expected = total.seconds / max(1, epochs)
    seconds = max(0.0, expected - since) + max(0, epochs - 1) * max(expected, since)
    return Guess(seconds, total.spread, total.support)


def _last_epochs(session: Session, running: Sequence[Run]) -> dict[int, list[float]]:
    """By run, the training seconds of its last epochs; an attempt's first epoch only if it is alone."""
    rows = session.execute(
        select(Epoch.run_id, Epoch.seconds)
        .join(Run, col(Run.id) == Epoch.run_id)
        .where(
            col(Epoch.run_id).in_([run.id for run in running]),
            col(Epoch.epoch) > Run.epochs_done - LAST_EPOCHS,
            col(Epoch.epoch) > Run.resumed_from,
        )
        .order_by(col(Epoch.run_id), col(Epoch.epoch))
    )
    by_run: dict[int, list[float]] = {}
    for run_id, seconds in rows:
        by_run.setdefault(run_id, []).append(max(seconds, 1e-6))
    for run in running:
        seconds = by_run.get(run.id or 0, [])
        if 1 < len(seconds) == run.epochs_done - run.resumed_from:
            del seconds[0]
    return by_run


def _work(run: Run, epochs: int, *, ends: bool = True) -> Work:
    """The work of `epochs` more epochs of a running run."""
    images = images_of(run.environment)
    return Work.of(run.config, images, run.threads or 1, epochs, starts=False, ends=ends)


def _waiting(session: Session) -> list[tuple[int, TrainConfig, int]]:
    """The queued runs in the order of claims: id, hyperparameters without the seed, and finished epochs.

    Runs that differ only in their seed share one object, because a long queue has thousands of them.
    """
    rows = session.connection().execute(
        select(Run.id, Run.epochs_done, *(getattr(Run, name) for name in _UNSEEDED))
        .where(Run.status == "queued")
        .order_by(*order_of_claims())
    )
    configs: dict[tuple[Any, ...], TrainConfig] = {}
    found = []
    for run_id, done, *values in rows:
        key = tuple(values)
        if key not in configs:
            configs[key] = TrainConfig.model_construct(**dict(zip(_UNSEEDED, values, strict=True)))
        found.append((run_id, configs[key], done))
    return found
