"""Verifies a finished run: queues the same training again, and compares both runs bit by bit."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

from sqlalchemy import String, and_, case, cast, func, or_
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from app.formats import plural, significant, whole
from app.prose import listed
from app.queue import admission, run_rows
from app.queue.run_rows import WrongState
from app.runs import datasets
from app.schemas.bodies import Labels
from app.schemas.runs import Verification
from app.schemas.status import ENDED
from app.settings import Settings
from app.storage import artifacts
from app.storage.tables import Attempt, Epoch, Run
from trainer.files import raw_tensors
from trainer.files.durable import is_local
from trainer.files.raw_tensors import TensorFileError

_FIGURES: Final = ("train_loss", "last_batch_loss", "train_accuracy", "test_loss", "test_accuracy")
"""The compared figures of an epoch; times always differ."""

_BY_LAYER: Final = ("gradient_norms", "dead_relu")
"""Compared for equality only, where both runs measured them."""

_FINAL: Final = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")
_FACTS: Final = {
    "device": "device {}",
    "threads": "CPU threads {}",
    "torch": "PyTorch {}",
    "depthboard": "Depthboard {}",
    "python": "Python {}",
}
"""Recorded facts that can change the arithmetic, in words."""

_KEPT: Final = 256
"""How many digests of weights files are cached."""


def queue(session: Session, run_id: int, settings: Settings, *, limit: int) -> Run:
    """Queue a finished run again: the same settings, kind of device and thread count.

    Raises:
        RunNotFound: there is no such run.
        WrongState: it has not finished, or its weights or its data set are missing.
        QueueFull: more than `limit` runs would wait; the caller's transaction has to be given up.
    """
    run = run_rows.get(session, run_id)
    if run.status != "finished":
        raise WrongState(f"run {run_id} is {run.status}; only a finished run can be verified")
    if _weights(settings.artifacts, run) is None:
        raise WrongState(f"run {run_id} can't be verified: its weights file is missing or damaged")
    if not datasets.exists(run.dataset, settings.data_dir):
        raise WrongState(f"run {run_id} can't be verified: there is no usable data set {run.dataset!r}")
    kind = (run.device_used or run.device).partition(":")[0]
    config = run.config.model_copy(update={"device": kind})
    earlier = session.exec(select(func.count()).where(Run.verifies == run_id)).one()
    name = f"Verification of run {run_id}" + (f" · {earlier + 1}" if earlier else "")
    labels = Labels(name=name, priority=run.priority)
    (queued,) = admission.enqueue_all(session, [(config, labels, None)], limit=limit)
    run_rows.write_all(session, [queued], {"verifies": run_id, "threads": run.threads})
    return run_rows.read_again(session, queued)


def of(session: Session, run: Run, location: str) -> Verification | None:
    """The verification that a run belongs to: its own if it repeats another run, else the newest of it."""
    if run.verifies is not None:
        return _judged(session, run, session.get(Run, run.verifies), location)
    if run.status != "finished":
        return None
    newest = (
        select(Run).where(Run.verifies == run.id, col(Run.id) > run.id).order_by(col(Run.id).desc()).limit(1)
    )
    copy = session.exec(newest).first()
    return None if copy is None else _judged(session, copy, run, location)


def _judged(session: Session, copy: Run, original: Run | None, location: str) -> Verification:
    run_id, of_id = run_rows.id_of(copy), copy.verifies or 0
    if copy.status not in ENDED:
        return Verification(
            run_id=run_id,
            of=of_id,
            status="pending",
            sentence=f"Run {run_id} trains run {of_id} again; it is {copy.status}.",
        )
    why = _incomparable(copy, original)
    if original is None or why:
        return _undecided(run_id, of_id, why or f"run {of_id} was deleted")
    epochs = _epochs(session, run_id, of_id)
    differences = {**epochs.differences, **_final_differences(copy, original)}
    weights = [_weights(location, run) for run in (copy, original)]
    same_weights = None if None in weights else weights[0] == weights[1]
    first = epochs.first
    if copy.epochs_done != original.epochs_done:
        first = min(first or copy.epochs_done + 1, 1 + min(copy.epochs_done, original.epochs_done))
    if first is None and not differences:
        if same_weights is None:
            return _undecided(
                run_id, of_id, "all records are equal, but a weights file is missing or damaged"
            )
        if same_weights:
            return Verification(
                run_id=run_id,
                of=of_id,
                status="bit-identical",
                weights_identical=True,
                sentence=f"Run {run_id} is bit-identical to run {of_id}: the records of "
                f"{_all_epochs(original.epochs_done)}, the final figures and the weights.",
            )
    reason = _reason(session, copy, original)
    return Verification(
        run_id=run_id,
        of=of_id,
        status="different",
        first_epoch=first,
        differences=differences,
        weights_identical=same_weights,
        reason=reason,
        sentence=f"Run {run_id} differs from run {of_id}"
        f"{_since(first, original.epochs_done)}: {_amounts(differences, same_weights)}. {reason}",
    )


def _undecided(run_id: int, of_id: int, why: str) -> Verification:
    return Verification(
        run_id=run_id,
        of=of_id,
        status="not comparable",
        reason=f"{why[0].upper()}{why[1:]}.",
        sentence=f"Run {run_id} can't be compared with run {of_id}: {why}.",
    )


def _incomparable(copy: Run, original: Run | None) -> str | None:
    """Why two ended runs can't be compared; None if they can."""
    if original is None:
        return None
    if copy.status != "finished":
        return f"run {copy.id} {'was cancelled' if copy.status == 'cancelled' else f'failed: {copy.reason}'}"
    data = [run.environment.get("data_sha256") for run in (copy, original)]
    if None not in data and data[0] != data[1]:
        return f"the files of the data set {copy.dataset} have changed"
    return None


class _Epochs(NamedTuple):
    """The first epoch that differs, and the largest absolute difference of each figure that differs."""

    first: int | None
    differences: dict[str, float]


def _epochs(session: Session, run_id: int, of_id: int) -> _Epochs:
    """Compare the epochs that both runs recorded, in the database: a run may have 10,000."""
    one, other = aliased(Epoch), aliased(Epoch)
    gaps = [func.max(func.abs(getattr(one, name) - getattr(other, name))) for name in _FIGURES]
    unequal = or_(
        *(getattr(one, name) != getattr(other, name) for name in _FIGURES),
        *(
            and_(
                getattr(one, name).is_not(None),
                getattr(other, name).is_not(None),
                cast(getattr(one, name), String) != cast(getattr(other, name), String),
            )
            for name in _BY_LAYER
        ),
    )
    query = (
        select(func.min(case((unequal, one.epoch))), *gaps)
        .select_from(one)
        .join(other, col(one.epoch) == other.epoch)
        .where(col(one.run_id) == run_id, col(other.run_id) == of_id)
    )
    first, *largest = session.connection().execute(query).one()
    return _Epochs(first, {name: gap for name, gap in zip(_FIGURES, largest, strict=True) if gap})


def _final_differences(copy: Run, original: Run) -> dict[str, float]:
    pairs = {f"final_{name}": (getattr(copy, name), getattr(original, name)) for name in _FINAL}
    return {name: abs(a - b) for name, (a, b) in pairs.items() if a is not None and b is not None and a != b}


def _all_epochs(count: int) -> str:
    return "1 epoch" if count == 1 else f"all {whole(count)} epochs"


def _since(first: int | None, epochs: int) -> str:
    return (
        f", after equal records of {_all_epochs(epochs)}"
        if first is None
        else f" from epoch {whole(first)} on"
    )


def _amounts(differences: Mapping[str, float], same_weights: bool | None) -> str:  # noqa: FBT001
    """The largest differences in words."""
    amounts = []
    losses = [gap for name, gap in differences.items() if name.endswith("loss")]
    accuracies = [gap for name, gap in differences.items() if name.endswith("accuracy")]
    if losses:
        amounts.append(f"losses by at most {significant(max(losses), 2)} nats")
    if accuracies:
        amounts.append(f"accuracies by at most {significant(100 * max(accuracies), 2)} pp")
    known = {True: "the weights are equal", False: "the weights differ", None: "a weights file is missing"}
    return ", ".join([*amounts, known[same_weights]])


def _reason(session: Session, copy: Run, original: Run) -> str:
    """The likely reason of a difference, in a sentence."""
    found = []
    for name, words in _FACTS.items():
        now, then = copy.environment.get(name), original.environment.get(name)
        if now and then and now != then:
            found.append(f"{words.format(now)} instead of {then}")
    for run in (copy, original):
        resumed = session.exec(
            select(func.count()).where(Attempt.run_id == run.id, col(Attempt.resumed_from) > 0)
        ).one()
        if resumed:
            found.append(f"run {run.id} was resumed {plural(resumed, 'time')}")
    if found:
        return f"Likely reason: {listed(found)}."
    return "Both runs recorded the same device, thread count and versions, so these do not explain it."


def _weights(location: str, run: Run) -> str | None:
    """The digest of a run's weights; None if the file is missing or damaged."""
    path = artifacts.of_run(location, run_rows.id_of(run)).model(run.attempt)
    try:
        return _digest(path, path.stat().st_mtime_ns if is_local(path) else run.finished_at)
    except (OSError, TensorFileError):
        return None
    except Exception:
        if is_local(path):
            raise
        return None  # clients of stores raise errors of their own


@lru_cache(maxsize=_KEPT)
def _digest(path: Path, _version: float | None) -> str:
    return raw_tensors.tensors_digest(path)
