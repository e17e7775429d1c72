"""Messages between a worker and its slots."""

from dataclasses import dataclass
from pathlib import Path

from trainer.training.epoch_record import EpochRecord


@dataclass(frozen=True, slots=True)
class Train:
    """To the slot: train with these hyperparameters, by name, on this device.

    `folder` contains the run's files; `epochs_recorded` is the number of its epochs in the database.
    """

    config: dict[str, object]
    device: str
    threads: int
    folder: Path
    attempt: int
    epochs_recorded: int
    checkpoint_seconds: float


@dataclass(frozen=True, slots=True)
class Recorded:
    """To the slot: the database has this epoch, so that a checkpoint may include it."""

    epoch: int


@dataclass(frozen=True, slots=True)
class Stop:
    """To the slot: stop training between two batches."""


@dataclass(frozen=True, slots=True)
class Leave:
    """To the slot: stop training after this epoch, with a checkpoint."""


@dataclass(frozen=True, slots=True)
class Ready:
    """From the slot, once: torch and the data are loaded."""

    devices: list[dict[str, str]]
    versions: dict[str, str]


@dataclass(frozen=True, slots=True)
class Started:
    """From the slot: the run trains on this device and resumes after this epoch, 0 for a new start."""

    device: str
    environment: dict[str, str]
    epoch: int


@dataclass(frozen=True, slots=True)
class Stepping:
    """From the slot, about once a second: training continues.

    `longest_step` is the longest CPU time, in seconds, from one batch to the next, None before the first.
    With `in_store`, the slot is about to write files into an object store, or waits for a missing folder,
    which may take long but almost no CPU time.
    """

    longest_step: float | None
    in_store: bool = False


@dataclass(frozen=True, slots=True)
class EpochDone:
    """From the slot: an epoch has ended."""

    record: EpochRecord


@dataclass(frozen=True, slots=True)
class Finished:
    """From the slot: final losses and accuracies over both whole splits; `reason` if it ended early."""

    results: dict[str, float]
    reason: str | None


@dataclass(frozen=True, slots=True)
class Stopped:
    """From the slot: training stopped on request."""


@dataclass(frozen=True, slots=True)
class Failed:
    """From the slot: training raised an error; with `device_failed`, the slot ends, too."""

    reason: str
    traceback: str | None
    device_failed: bool = False


ToSlot = Train | Recorded | Stop | Leave
FromSlot = Ready | Started | Stepping | EpochDone | Finished | Stopped | Failed
