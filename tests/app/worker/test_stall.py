"""Which silence is a stall: the decision, and what it looks at in real processes."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import psutil
import pytest

from app.worker.messages import Started, Stepping
from app.worker.stall import Silence, Watch, activity_of, why_stalled
from tests.processes import Process
from tests.waiting import eventually

STALL_SECONDS = 300


def judged(
    seconds: float,
    cpu_seconds: float,
    *,
    longest_step: float | None = 0.1,
    waits_for_files: bool = False,
    threads: int = 1,
) -> str | None:
    silence = Silence(seconds, cpu_seconds, waits_for_files, longest_step)
    return why_stalled(silence, threads=threads, stall_seconds=STALL_SECONDS)


@pytest.mark.parametrize(
    ("seconds", "cpu_seconds", "longest_step"),
    [
        (299, 0, 0.1),  # silent, but not for long
        (299, 299, 0.1),
        (900, 900, 100),  # a step of width 4096 and batch 60,000 on a busy machine
        (3000, 999, 100),
        (300, 10, 0.001),  # work that is no step, before it has shown how long it takes
        (3599, 3599, None),  # the first step, as long as an hour of one thread
        (350_000, 3600, None),
    ],
)
def test_a_process_in_a_step_of_usual_length_has_not_stalled(
    seconds: float, cpu_seconds: float, longest_step: float | None
) -> None:
    assert judged(seconds, cpu_seconds, longest_step=longest_step) is None


@pytest.mark.parametrize("longest_step", [None, 0.001, 100])
def test_an_idle_process_has_stalled_regardless_of_its_longest_step(longest_step: float | None) -> None:
    assert judged(300, 2.9, longest_step=longest_step) == (
        "it made no step for 300 s and used almost no CPU time"
    )
    assert judged(299.9, 0, longest_step=longest_step) is None


def test_a_busy_process_has_stalled_when_it_uses_ten_times_the_cpu_time_of_its_longest_step() -> None:
    assert judged(300, 290) == (
        "it made no step for 300 s and used 290 s of CPU time; its longest step took 0.1 s"
    )
    assert judged(2000, 1000, longest_step=100) is None
    assert judged(2000, 1001, longest_step=100)
    assert judged(300, 10.1, longest_step=0.001)


def test_a_process_without_a_step_has_stalled_after_an_hour_of_each_thread() -> None:
    assert judged(3601, 3601, longest_step=None) == (
        "it made no step for 3601 s and used 3601 s of CPU time before its first step"
    )
    assert judged(3601, 3601, longest_step=None, threads=2) is None
    assert judged(3601, 7201, longest_step=None, threads=2)


def test_a_process_that_waits_for_files_may_do_so_ten_times_as_long() -> None:
    assert judged(2999, 0, waits_for_files=True) is None
    assert judged(3000, 0, waits_for_files=True) == "it made no step for 3000 s and used almost no CPU time"
    assert judged(300, 290, waits_for_files=True)


SLEEP = "print('here', flush=True); import time; time.sleep(600)"
SPIN = """
import threading
def spin():
    while True: pass
threading.Thread(target=spin, daemon=True).start()
print('here', flush=True)
threading.Event().wait()
"""


@contextmanager
def started(program: str) -> Iterator[subprocess.Popen[str]]:
    """A process that is past its start."""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        process.stdout.readline()
        try:
            yield process
        finally:
            process.kill()


def test_cpu_time_counts_all_threads_since_the_last_report() -> None:
    """The main thread of this process sleeps, another one is busy."""
    with started(SPIN) as process:
        watch = Watch(partial(activity_of, psutil.Process(process.pid)))
        watch.begin(0)
        watch.hear(0, Stepping(0.1))
        idle = "it made no step for 30 s and used almost no CPU time"
        eventually(lambda: watch.why_stalled(30, threads=1, stall_seconds=30) is None)
        watch.hear(100, Stepping(0.1))
        Process(process.pid).stop()
        assert watch.why_stalled(130, threads=1, stall_seconds=30) == idle


def test_a_process_that_waits_for_data_or_a_store_is_idle_once_it_is_stopped() -> None:
    with started(SLEEP) as process:
        watch = Watch(partial(activity_of, psutil.Process(process.pid)))
        watch.begin(0)  # it reads its data
        assert watch.why_stalled(300, threads=1, stall_seconds=300) is None
        watch.hear(0, Started("cpu", {}, 0))
        assert watch.why_stalled(300, threads=1, stall_seconds=300)
        watch.hear(0, Stepping(0.1, in_store=True))
        assert watch.why_stalled(300, threads=1, stall_seconds=300) is None
        Process(process.pid).stop()
        assert watch.why_stalled(300, threads=1, stall_seconds=300)


def test_watching_an_ended_process_raises_no_error() -> None:
    with started(SLEEP) as process:
        watch = Watch(partial(activity_of, psutil.Process(process.pid)))
        watch.begin(0)
        process.kill()
        process.wait()
        watch.hear(1, Stepping(0.1))
        assert watch.why_stalled(301, threads=1, stall_seconds=300)
