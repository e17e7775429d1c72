"""The states of a run and the outcomes of its attempts."""

from typing import Final, Literal, get_args

Status = Literal[
    "queued",  # waits for a worker
    "running",  # claimed: one worker holds the lease
    "finished",  # all epochs done, final accuracies measured
    "failed",  # ended by an error; the reason says which
    "cancelled",  # ended by a person
]
STATUSES: Final[tuple[Status, ...]] = get_args(Status)

Outcome = Literal[
    "finished",  # it trained the run to its end
    "failed",  # training raised an error
    "cancelled",  # a person ended the run
    "lost",  # its process or its worker died, and the loss was counted
    "released",  # its worker was stopped and gave the run back
]
ENDED: Final[frozenset[Status]] = frozenset({"finished", "failed", "cancelled"})
