"""The states of a run and the outcomes of its attempts."""

from typing import Final, Literal, get_args

Status = Literal[
    "queued",  # waiting for a worker
    "running",  # claimed: one worker holds the lease
    "finished",  # all epochs are trained and the final accuracies measured
    "failed",  # an error ended it; `reason` names the error
    "cancelled",  # a person cancelled it
]
STATUSES: Final[tuple[Status, ...]] = get_args(Status)

Outcome = Literal[
    "finished",  # it trained the run to the end
    "failed",  # training raised an error
    "cancelled",  # a person cancelled the run
    "lost",  # its process or its worker died, and the loss was counted
    "released",  # its worker was stopped and returned the run to the queue
]

DIVERGED: Final = "diverged"
"""The first word of the reason of a run that failed because its loss or gradient became non-finite."""

ENDED: Final[frozenset[Status]] = frozenset({"finished", "failed", "cancelled"})


def has_diverged(status: Status, reason: str | None) -> bool:
    """Whether a run of this status failed because its loss or gradient became non-finite."""
    return status == "failed" and (reason or "").startswith(DIVERGED)
