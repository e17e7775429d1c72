"""What to expect of runs before they start: what past runs with similar values reached, and the wait."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from statistics import median
from typing import Any, Final, NamedTuple

from sqlalchemy import and_, false, or_
from sqlmodel import Session, col, select

from app import formats
from app.prose import listed
from app.queue import pause, registry
from app.queue.forecasting import forecast
from app.runs.guessing import Chance
from app.schemas.configurations import title_of
from app.schemas.status import has_diverged
from app.schemas.studies import PastRuns
from app.storage.tables import Run
from trainer.config import Hyperparameters, TrainConfig

NEAR: Final = 2
"""Learning rates are near each other if neither is more than this many times the other."""

_RECENT: Final = 2_000
"""The most recent runs that are read."""
_ENOUGH: Final = 3
"""From this many runs on, what all of them did is worth a warning."""
_MOST: Final = 3
"""Maximum number of warnings, the strongest ones."""

_JUDGED: Final = tuple(
    name
    for name, field in Hyperparameters.model_fields.items()
    if field.annotation in (int, float) and name not in ("depth", "seed")
)
"""The hyperparameters whose values warnings are about: numbers. Runs of other depths are of another kind."""

_SHARES: Final = tuple(
    name
    for name in _JUDGED
    if any(getattr(bound, "lt", None) == 1 for bound in Hyperparameters.model_fields[name].metadata)
)
"""Fractions below 1, which are compared by the rest: 0.99 is as far from 0.9 as 0.9 is from 0."""

_FAR: Final = 10.0
_FAR_OF: Final = {"batch_size": 8.0, "width": 4.0, "epochs": inf, "patience": inf}
"""A value is far from those that worked from this many times their end on, by default `_FAR`.

Short runs and much patience are chosen on purpose, so for them only failures count.
"""


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
    values: Mapping[str, float]


class Outlier(NamedTuple):
    """Values of a hyperparameter outside the range in which past runs of a kind learned.

    `failed` counts the runs beyond the range whose other values have worked; none of them learned.
    """

    name: str
    values: tuple[float, ...]
    optimizer: str
    sentence: str
    failed: int
    times: float

    @property
    def strength(self) -> tuple[int, float]:
        """Failures of the past weigh more than distance."""
        return self.failed, self.times


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

    def outliers(self, configs: Iterable[TrainConfig]) -> list[Outlier]:
        """The strongest warnings about values far from those at which past runs learned, at most three.

        Of several depths with the same optimizer and data set, a warning is about the one with the strongest
        evidence.
        """
        by_kind: dict[_Kind, list[TrainConfig]] = {}
        for config in configs:
            by_kind.setdefault(_Kind.of(config), []).append(config)
        strongest: dict[tuple[object, ...], Outlier] = {}
        for kind, planned in by_kind.items():
            known = _Known.of(kind, self.past.get(kind, []))
            for name in _JUDGED:
                for is_high in (True, False):
                    found = known.outlier(
                        name, {getattr(config, name) for config in planned}, is_high=is_high
                    )
                    key = (name, is_high, kind._replace(depth=0))
                    if found and (key not in strongest or found.strength > strongest[key].strength):
                        strongest[key] = found
        return sorted(strongest.values(), key=lambda found: found.strength, reverse=True)[:_MOST]


class _Known(NamedTuple):
    """Past runs of a kind: the range of each hyperparameter in those that learned, and failures beyond it.

    `beyond` has the values of runs that failed beyond the range of only this hyperparameter, above it (true)
    or below it (false).
    """

    kind: _Kind
    learned: int
    failed_rates: list[float]
    ranges: dict[str, tuple[float, float]]
    beyond: dict[tuple[str, bool], list[float]]

    @classmethod
    def of(cls, kind: _Kind, past: Iterable[_Past]) -> "_Known":
        runs = list(past)
        learned = [run.values for run in runs if run.learned]
        failed = [run.values for run in runs if not run.learned]
        ranges = {
            name: (min(values[name] for values in learned), max(values[name] for values in learned))
            for name in (_JUDGED if learned else ())
        }
        beyond: dict[tuple[str, bool], list[float]] = {}
        for values in failed:
            outside = [name for name, (low, high) in ranges.items() if not low <= values[name] <= high]
            if len(outside) == 1:
                name, value = outside[0], values[outside[0]]
                beyond.setdefault((name, value > ranges[name][1]), []).append(value)
        return cls(kind, len(learned), sorted(values["lr"] for values in failed), ranges, beyond)

    def outlier(self, name: str, planned: Iterable[float], *, is_high: bool) -> Outlier | None:
        """The planned values above or below the range that worked, if past runs tell against them."""
        if not self.learned:
            return self._hopeless(planned) if name == "lr" and is_high else None
        found = self.beyond.get((name, is_high), [])
        beyond = found if len(found) >= _ENOUGH else []
        low, high = self.ranges[name]
        end = high if is_high else low
        first = (min if is_high else max)(beyond, default=inf if is_high else -inf)
        is_known = self.learned >= _ENOUGH and low != high
        sign = 1 if is_high else -1
        values = sorted(
            value
            for value in set(planned)
            if sign * value > sign * end
            and (sign * value >= sign * first or (is_known and _is_far(name, value, end)))
        )
        if not values:
            return None
        farthest = values[-1] if is_high else values[0]
        times = _times(name, farthest, end)
        return Outlier(
            name,
            tuple(values),
            self.kind.optimizer,
            self._sentence(name, values, beyond, is_high=is_high),
            len(beyond),
            times,
        )

    def _hopeless(self, planned: Iterable[float]) -> Outlier | None:
        """The learning rates at or above the lowest at which runs failed, if none has ever learned."""
        rates = self.failed_rates
        values = sorted(lr for lr in set(planned) if rates and lr >= rates[0])
        if len(rates) < _ENOUGH or not values:
            return None
        shown = formats.apart([*values, *rates])
        words = (
            f"{title_of('lr')} {listed([shown[value] for value in values])}: all {len(rates)} past runs of "
            f"{self._described} diverged or stayed at the accuracy of guessing, at learning rates from "
            f"{shown[rates[0]]} to {shown[rates[-1]]}."
        )
        return Outlier("lr", tuple(values), self.kind.optimizer, words, len(rates), 1.0)

    @property
    def _described(self) -> str:
        momentum = " and momentum" if self.kind.has_momentum else ""
        layers = formats.plural(self.kind.depth, "layer")
        return f"{layers} with {self.kind.optimizer}{momentum} on {self.kind.dataset}"

    def _sentence(self, name: str, values: Sequence[float], beyond: Sequence[float], *, is_high: bool) -> str:
        low, high = self.ranges[name]
        first = (min if is_high else max)(beyond, default=low)
        shown = formats.apart([*values, low, high, first])
        span = shown[low] if low == high else f"{shown[low]} to {shown[high]}"
        words = (
            f"{title_of(name)} {listed([shown[value] for value in values])} is "
            f"{'above' if is_high else 'below'} the values at which past runs of {self._described} learned "
            f"({span}, {formats.plural(self.learned, 'run')})"
        )
        if not beyond:
            return f"{words}."
        return (
            f"{words}: all {len(beyond)} otherwise similar runs at {shown[first]} or "
            f"{'more' if is_high else 'less'} diverged or stayed at the accuracy of guessing."
        )


def _is_far(name: str, one: float, other: float) -> bool:
    return _times(name, one, other) * (1 + 1e-9) >= _FAR_OF.get(name, _FAR)


def _times(name: str, one: float, other: float) -> float:
    """How many times one value is the other; 1 if one of them is 0, which switches something off."""
    if name in _SHARES:
        one, other = 1 - one, 1 - other
    low, high = sorted((one, other))
    return high / low if low else 1.0


NO_EVIDENCE: Final = Evidence()


def evidence(session: Session, configs: Sequence[TrainConfig]) -> Evidence:
    """Read the most recent runs with the data set, optimizer and depth of these, in one query."""
    if not configs:
        return NO_EVIDENCE
    alike = ("dataset", "optimizer", "depth")
    names = (*alike, *_JUDGED, "id", "test_accuracy", "status", "reason")
    query = (
        select(*(getattr(Run, name) for name in names))
        .where(
            *(col(getattr(Run, name)).in_({getattr(config, name) for config in configs}) for name in alike),
            col(Run.status).in_(("finished", "failed")),
            col(Run.archived).is_(false()),
        )
        .order_by(col(Run.id).desc())
        .limit(_RECENT)
    )
    past: dict[_Kind, list[_Past]] = {}
    for row in session.connection().execute(query):
        is_finished = row.status == "finished" and row.test_accuracy is not None
        if is_finished or has_diverged(row.status, row.reason):
            reached = row.test_accuracy if is_finished else None
            past.setdefault(_Kind.of(row), []).append(
                _Past(
                    row.lr,
                    row.id,
                    row.epochs,
                    reached,
                    is_finished and _learned(row.dataset, reached),
                    {name: getattr(row, name) for name in _JUDGED},
                )
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
