"""What a worker and its slots say to each other over their pipe."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Train:
    """To the slot: train these hyperparameters, given by name, on this choice of device."""

    config: dict[str, object]
    device: str
    threads: int


@dataclass(frozen=True, slots=True)
class Stop:
    """To the slot: stop training between two batches."""


@dataclass(frozen=True, slots=True)
class Ready:
    """From the slot, once: torch and the data are loaded."""

    devices: list[dict[str, str]]
    versions: dict[str, str]


@dataclass(frozen=True, slots=True)
class Started:
    """From the slot: the run trains on this device."""

    device: str
    environment: dict[str, str]


@dataclass(frozen=True, slots=True)
class EpochDone:
    """From the slot: one epoch's figures, named as the columns of the epoch table."""

    figures: dict[str, float]


@dataclass(frozen=True, slots=True)
class Finished:
    """From the slot: final losses and accuracies over both whole splits."""

    results: dict[str, float]


@dataclass(frozen=True, slots=True)
class Stopped:
    """From the slot: training stopped because it was told to."""


@dataclass(frozen=True, slots=True)
class Failed:
    """From the slot: training raised an error."""

    reason: str
    traceback: str | None


FromSlot = Ready | Started | EpochDone | Finished | Stopped | Failed
