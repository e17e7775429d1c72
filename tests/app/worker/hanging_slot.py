"""A slot's child whose trainings misbehave as its first word says; the others are those of a slot."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from app.worker import slot
from trainer.training.epoch_record import EpochRecord
from trainer.training.loop import train


def spin(seconds: float) -> None:
    """Use this much CPU time."""
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def endless() -> None:
    """Never end, and never wait."""
    spin(float("inf"))


def deadlock() -> None:
    """Wait for a lock that is never released."""
    lock = threading.Lock()
    with lock:
        lock.acquire()


def die() -> None:
    """End as if killed by the kernel for using too much memory."""
    os.kill(os.getpid(), signal.SIGKILL)


HANGS: dict[str, Callable[[], None]] = {"endless": endless, "deadlock": deadlock, "dies": die}


def misbehaving(how: str) -> Callable[..., Iterator[EpochRecord]]:
    """A training of long steps, or one that hangs after an epoch and some steps of 0.1 s."""

    def train_in_long_steps(
        config: Any, data: Any, state: Any, told_to_stop: Callable[[], bool], *others: Any
    ) -> Iterator[EpochRecord]:
        def told_late() -> bool:
            answer = told_to_stop()
            spin(1.5)
            return answer

        yield from train(config, data, state, told_late, *others)

    def train_and_hang(
        config: Any, data: Any, state: Any, told_to_stop: Callable[[], bool], *others: Any
    ) -> Iterator[EpochRecord]:
        if state.epoch == 0:
            yield next(train(config, data, state, told_to_stop, *others))
        for _ in range(3):
            told_to_stop()
            spin(0.1)
        told_to_stop()
        HANGS[how]()

    return train_and_hang if how in HANGS else train_in_long_steps


if __name__ == "__main__":
    _, how, pipe, folder, device = sys.argv
    slot.__dict__["train"] = misbehaving(how)
    slot.__dict__["STEPPING_SECONDS"] = 0
    slot.main(int(pipe), Path(folder), device)
