"""Tells a stalled process from a long step by CPU time."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import psutil

from app.worker.messages import Stepping

IDLE_SHARE: Final = 0.01
"""A process that uses less than this share of one core is waiting for something."""

FILES_PATIENCE: Final = 10
"""How many times as long it may wait for files: a slow disk or store takes no CPU time, but ends."""

FAR_MORE: Final = 10
"""A process has stalled if it used this many times the CPU time of its longest step so far."""

LEAST_SECONDS: Final = 10.0
"""CPU time that is never too much: some work, like the digest of the first checkpoint, has no precedent."""

FIRST_STEP_SECONDS: Final = 3600.0
"""Limit of CPU time per thread before the first step, which has no earlier step to compare with."""


@dataclass(frozen=True, slots=True)
class Silence:
    """The activity of a process since its last report.

    `seconds` is the time since then, `cpu_seconds` the CPU time of all its threads. `waits_for_files` means
    that it reported so or is in the kernel's uninterruptible sleep. `longest_step` is the longest CPU time of
    a step, None before the first.
    """

    seconds: float
    cpu_seconds: float
    waits_for_files: bool
    longest_step: float | None


def why_stalled(silence: Silence, *, threads: int, stall_seconds: float) -> str | None:
    """Returns why a process counts as stalled, in words; None while it does not."""
    made_no_step = f"it made no step for {silence.seconds:.0f} s"
    if silence.seconds < stall_seconds:
        return None
    if silence.cpu_seconds < IDLE_SHARE * silence.seconds:
        patience = FILES_PATIENCE if silence.waits_for_files else 1
        if silence.seconds < patience * stall_seconds:
            return None
        return f"{made_no_step} and used almost no CPU time"
    used = f"{made_no_step} and used {silence.cpu_seconds:.0f} s of CPU time"
    if silence.longest_step is None:
        return f"{used} before its first step" if silence.cpu_seconds > FIRST_STEP_SECONDS * threads else None
    if silence.cpu_seconds > max(LEAST_SECONDS, FAR_MORE * silence.longest_step):
        return f"{used}; its longest step took {silence.longest_step:.3g} s"
    return None


@dataclass(frozen=True, slots=True)
class Activity:
    """The CPU seconds of a process so far, and its state, as `psutil` names it; None if it has ended."""

    cpu_seconds: float | None = None
    status: str | None = None


def activity_of(process: psutil.Process) -> Activity:
    """Returns what a process of this machine does."""
    try:
        times = process.cpu_times()
        return Activity(times.user + times.system, process.status())
    except psutil.Error:  # it has ended; the pipe reports that
        return Activity()


class Watch:
    """Watches the progress of a run in one slot's process; times are monotonic seconds.

    `look` returns what the process does, the last known activity if it is on another machine.
    """

    def __init__(self, look: Callable[[], Activity]) -> None:
        self._look = look
        self.heard_at = 0.0
        self._cpu_then = 0.0
        self._on_files = False
        self._longest_step: float | None = None

    def begin(self, moment: float) -> None:
        """Start watching a run, which first reads its data."""
        self._longest_step = None
        self._on_files = True
        self.restart(moment)

    def hear(self, moment: float, report: object) -> None:
        """Note that a report of the process was handled at this moment."""
        self._on_files = isinstance(report, Stepping) and report.in_store
        if isinstance(report, Stepping) and report.longest_step is not None:
            self._longest_step = report.longest_step
        self.restart(moment)

    def restart(self, moment: float) -> None:
        """Count from this moment; used, for example, after the worker was suspended."""
        self.heard_at = moment
        self._cpu_then = self._cpu_seconds()

    def why_stalled(self, moment: float, *, threads: int, stall_seconds: float) -> str | None:
        """Returns why the process counts as stalled, in words; None while it does not."""
        seconds = moment - self.heard_at
        if seconds < stall_seconds:
            return None
        silence = Silence(
            seconds, self._cpu_seconds() - self._cpu_then, self._waits_for_files(), self._longest_step
        )
        return why_stalled(silence, threads=threads, stall_seconds=stall_seconds)

    def _cpu_seconds(self) -> float:
        spent = self._look().cpu_seconds
        return self._cpu_then if spent is None else spent

    def _waits_for_files(self) -> bool:
        status = self._look().status
        if status in (None, psutil.STATUS_DISK_SLEEP):
            return status is not None
        return self._on_files and status not in (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP)
