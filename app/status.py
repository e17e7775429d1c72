"""The states of a run; `app.run_queue` is the only room that moves a run between them."""

from typing import Final, Literal, get_args

Status = Literal[
    "queued",  # waits for a worker
    "running",  # claimed: one worker holds the lease
    "finished",  # all epochs done, final accuracies measured
    "failed",  # ended by an error; the reason says which
    "cancelled",  # ended by a person
]
STATUSES: Final[tuple[Status, ...]] = get_args(Status)
ENDED: Final[frozenset[Status]] = frozenset({"finished", "failed", "cancelled"})
