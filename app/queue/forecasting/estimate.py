"""Estimates the time of runs that have not started, from past runs."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from sqlalchemy import URL, Row
from sqlmodel import Session, col, select

from app.queue import pause, registry
from app.queue.forecasting.pace import Guess, Observation, Pace, Work, around, fitted
from app.schemas.status import ENDED
from app.storage.tables import Run
from trainer.config import TEST_IMAGES, TRAIN_IMAGES, TrainConfig
from trainer.memory import needed

Images = tuple[int, int]
"""How many training and test images a data set has."""

ALIKE: Final = "similar past runs"
SCALED: Final = "the speed of past runs"
ASSUMED: Final = "an assumed speed: no run has trained on this device yet"

AFTER_PAUSE: Final = ", once the queue is resumed"
"""Added to the basis while the queue is paused."""

NO_SIZES: Final[Mapping[str, Images]] = MappingProxyType({})

_RECENT: Final = 150
"""How many runs are read, newest first."""

_REMEMBERED: Final = 1_000
"""How many past runs stay in memory."""

_KEPT: Final = 60
_KEPT_ALIKE: Final = 4
"""How many of these the fit uses, and how many with the same work."""

_HALF_LIFE: Final = 20
"""After this many newer runs, a run's weight halves: the machine may have become busy or idle since."""

_FASTEST_FIRST: Final = ("cuda", "mps", "cpu")
"""The preference of `auto` among the available devices."""

_ENOUGH: Final = 0.7
"""With this many similar past runs, an estimate names them as its basis."""

_TIMED: Final = (
    "depth",
    "width",
    "batch_size",
    "optimizer",
    "momentum",
    "dropout",
    "precision",
    "epochs",
    "dataset",
)
"""The hyperparameters that a run's time depends on, besides its device."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Wall-clock seconds for all runs, their 80 % range, and the basis of both."""

    seconds: float
    range: tuple[float, float]
    basis: str


def estimate(
    session: Session, configs: Sequence[TrainConfig], sizes: Mapping[str, Images] = NO_SIZES
) -> Estimate:
    """Estimates the time of these runs on all live slots (one, if there is none), assumed to be free.

    `sizes` has the numbers of images of data sets, including new ones. With patience, the range begins at the
    earliest possible end.
    """
    outlook = Outlook(session, sizes)
    slots = outlook.slots()
    guesses = []
    earliest = 0.0
    for config in configs:
        slot = first_free(slots, config) or min(slots, key=lambda slot: slot.seconds)
        kind = slot.kind if config.device == "auto" else config.device
        guess = outlook.guess(config, kind)
        slot.take(guess)
        guesses.append(guess)
        fewest = min(config.epochs, config.patience + 1) if config.patience else config.epochs
        earliest += outlook.guess(config, kind, fewest).seconds
    last = max(slots, key=lambda slot: slot.seconds)
    low, high = around(last.seconds, last.spread)
    share = earliest / (sum(guess.seconds for guess in guesses) or 1)
    paused = AFTER_PAUSE if pause.since(session) is not None else ""
    return Estimate(round(last.seconds, 1), (round(share * low, 1), round(high, 1)), basis(guesses) + paused)


@dataclass
class Slot:
    """A place for one run at a time on a kind of device; `seconds` is the time until it is free.

    `kinds` are the kinds of device that its worker offers, empty if unknown. A run on the CPU may take
    `memory` bytes; None without a limit.
    """

    kind: str
    kinds: frozenset[str]
    worker_id: str = ""
    memory: int | None = None
    seconds: float = 0.0
    _errors: float = 0.0
    _squares: float = 0.0
    _unknown: float = 0.0

    def take(self, guess: Guess) -> None:
        """Add a run with this estimated time."""
        error = guess.seconds * guess.spread
        self.seconds += guess.seconds
        if guess.support is None:
            self._unknown += error
        else:
            self._errors += error
            self._squares += error**2

    @property
    def spread(self) -> float:
        """The relative error of `seconds`.

        Half of the variance is common to all runs: a busy machine. Without past runs, all of it is: the
        device's speed is unknown.
        """
        if not self.seconds:
            return 0.0
        return math.sqrt((self._errors**2 + self._squares) / 2 + self._unknown**2) / self.seconds

    def trains(self, config: TrainConfig) -> bool:
        """Whether it can train a run."""
        if config.device != "auto" and self.kinds and config.device not in self.kinds:
            return False
        if self.memory is None or not registry.is_for_cpu(config.device, self.kinds):
            return True
        return needed(config.depth, config.width, config.batch_size) <= self.memory


def first_free(slots: Sequence[Slot], config: TrainConfig | None = None) -> Slot | None:
    """The first slot to be free among those that can train a run, or any; None if none can."""
    able = [slot for slot in slots if config is None or slot.trains(config)]
    return min(able, key=lambda slot: slot.seconds, default=None)


class Outlook:
    """The pace of training from the database, read once for many estimates."""

    def __init__(self, session: Session, sizes: Mapping[str, Images] = NO_SIZES) -> None:
        self._alive = registry.list_workers(session)
        self._past = _past(session)
        self._sizes = {run.dataset: run.images for run in reversed(self._past)} | dict(sizes)
        newest = self._past[0] if self._past else None
        self.usual_kind = newest.kind if newest else "cpu"
        past_threads = newest.observation.work.threads if newest else 1
        self._threads = max((worker.threads for worker in self._alive), default=past_threads)
        self._paces: dict[str, Pace] = {}
        self._guesses: dict[tuple[Any, ...], Guess] = {}

    @property
    def has_workers(self) -> bool:
        """Whether a live worker can train runs."""
        return bool(self._alive)

    def slots(self) -> list[Slot]:
        """Every live slot, all free; without one, a slot that can train anything."""
        slots = []
        for worker in self._alive:
            kinds = registry.kinds(device.model_dump() for device in worker.devices)
            kind = next((kind for kind in _FASTEST_FIRST if kind in kinds), self.usual_kind)
            memory = registry.memory_per_run(node.model_dump() for node in worker.nodes)
            slots += [Slot(kind, kinds, worker.id, memory) for _ in range(worker.slots)]
        return slots or [Slot(self.usual_kind, frozenset())]

    def guess(self, config: TrainConfig, kind: str, epochs: int | None = None) -> Guess:
        """Estimates the time of a run on a kind of device; `epochs` if it trains only some of them."""
        asked = (kind, epochs, *(getattr(config, name) for name in _TIMED))
        if asked not in self._guesses:
            images = self._sizes.get(config.dataset, (TRAIN_IMAGES, TEST_IMAGES))
            self._guesses[asked] = self.pace(kind).guess(Work.of(config, images, self._threads, epochs))
        return self._guesses[asked]

    def pace(self, kind: str) -> Pace:
        """The pace of a kind of device; of the live devices only, if past runs trained on them."""
        if kind not in self._paces:
            alive = {
                device.name
                for worker in self._alive
                for device in worker.devices
                if device.device.partition(":")[0] == kind
            }
            all_of_kind = [run for run in self._past if run.kind == kind]
            same = [run for run in all_of_kind if run.name in alive]
            self._paces[kind] = fitted(kind, _selected(same or all_of_kind))
        return self._paces[kind]


class _Past(NamedTuple):
    """A past run: its device, its data set and its time."""

    kind: str
    name: str
    dataset: str
    images: Images
    observation: Observation


_Key = tuple[URL, int, int, float]
_known: Final[dict[_Key, tuple[float, _Past] | None]] = {}
"""Past runs with the times of their ends, by database, id, change and creation; most requests need the same.

The time of creation tells the runs of a replaced database from those of the one before.
"""


def _past(session: Session) -> list[_Past]:
    """Runs that ended after at least one epoch, newest first.

    Only the last attempt counts; if the run did not finish, until its last epoch.
    """
    database = session.connection().engine.url
    found = session.connection().execute(
        select(Run.id, Run.change, Run.created_at)
        .where(
            col(Run.status).in_(ENDED),
            col(Run.epochs_done) > Run.resumed_from,
            col(Run.started_at).is_not(None),
        )
        .order_by(col(Run.id).desc())
        .limit(_RECENT)
    )
    keys = [(database, run_id, change, created) for run_id, change, created in found]
    known = {key: _known[key] for key in keys if key in _known}
    known |= _read_past(session, [key for key in keys if key not in known])
    if len(_known) > _REMEMBERED:
        _known.clear()
    _known.update(known)
    ended = [past for key in keys if (past := known[key])]
    return [run for _, run in sorted(ended, key=lambda past: -past[0])]


def _read_past(session: Session, keys: Sequence[_Key]) -> dict[_Key, tuple[float, _Past] | None]:
    """The runs with these keys; None for a run without a measured time."""
    if not keys:
        return {}
    names = (
        *("id", "status", "started_at", "progress_at", "finished_at", "resumed_from", "epochs_done"),
        *("threads", "device_used", "environment", *_TIMED),
    )
    rows = session.connection().execute(
        select(*(getattr(Run, name) for name in names)).where(col(Run.id).in_([key[1] for key in keys]))
    )
    read = {row.id: (row.finished_at, _told(row)) for row in rows if _seconds(row) > 0}
    return {key: read.get(key[1]) for key in keys}


def _seconds(row: Row[Any]) -> float:
    end = row.finished_at if row.status == "finished" else row.progress_at
    return float((end or 0.0) - row.started_at) if row.finished_at else 0.0


def _told(row: Row[Any]) -> _Past:
    images = images_of(row.environment)
    config = TrainConfig.model_construct(**{name: getattr(row, name) for name in _TIMED})
    work = Work.of(
        config,
        images,
        row.threads or 1,
        row.epochs_done - row.resumed_from,
        ends=row.status == "finished",
    )
    kind = (row.device_used or "").partition(":")[0]
    name = row.environment.get("device", "")
    return _Past(kind, name, row.dataset, images, Observation(work, _seconds(row)))


def images_of(environment: Mapping[str, str]) -> Images:
    """Numbers of training and test images of a run; of the included data set if they were not recorded."""
    return (
        int(environment.get("train_images", TRAIN_IMAGES)),
        int(environment.get("test_images", TEST_IMAGES)),
    )


def _selected(past: Sequence[_Past]) -> tuple[Observation, ...]:
    """The past runs that the fit uses, with their weights."""
    kept: list[Observation] = []
    alike: dict[Work, int] = {}
    for age, run in enumerate(past):
        work = run.observation.work
        alike[work] = alike.get(work, 0) + 1
        if alike[work] <= _KEPT_ALIKE and len(kept) < _KEPT:
            kept.append(run.observation._replace(weight=0.5 ** (age / _HALF_LIFE)))
    return tuple(kept)


def basis(guesses: Sequence[Guess]) -> str:
    """The weakest basis of these estimates; `ALIKE` without any."""
    supports = [guess.support for guess in guesses]
    if None in supports:
        return ASSUMED
    return SCALED if any(support is not None and support < _ENOUGH for support in supports) else ALIKE
