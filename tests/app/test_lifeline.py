import os
import subprocess
import sys
import threading

import pytest

from app import lifeline

CHILD = """
import os, threading
from app import lifeline
ended = threading.Event()
lifeline.watch(int(os.environ["PARENT"]), ended.set)
print("watching", flush=True)
ended.wait(30)
print("orphaned" if ended.is_set() else "still watched", flush=True)
"""
PARENT = """
import os, subprocess, sys
os.environ["PARENT"] = str(os.getpid())
subprocess.run([sys.executable, "-c", os.environ["CHILD"]])
"""


@pytest.mark.slow
def test_a_child_notices_that_its_parent_was_killed() -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True, env={**os.environ, "CHILD": CHILD}
    )
    assert parent.stdout
    assert parent.stdout.readline() == "watching\n"
    parent.kill()
    assert parent.stdout.read() == "orphaned\n"
    parent.wait()
    parent.stdout.close()


def test_a_dead_parent_is_noticed_at_once() -> None:
    orphaned = threading.Event()
    lifeline.watch(os.getpid(), orphaned.set)  # a process is never its own parent
    assert orphaned.wait(30)


def test_nothing_happens_while_the_parent_lives() -> None:
    orphaned = threading.Event()
    lifeline.watch(os.getppid(), orphaned.set)
    assert not orphaned.wait(3 * lifeline.INTERVAL)


@pytest.mark.slow
def test_a_process_ends_at_its_exit_with_the_last_code_that_was_set() -> None:
    program = (
        "import atexit; from app import lifeline; atexit.register(input); "
        "lifeline.end_at_exit(3); lifeline.end_at_exit(4); print('said')"
    )
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
    )
    assert (done.returncode, done.stdout) == (4, "said\n")
