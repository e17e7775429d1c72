"""Notices that a process's parent has died."""

import atexit
import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Final

INTERVAL: Final = 0.25
"""Seconds between two checks of the parent."""


_PR_SET_PDEATHSIG: Final = 1


def end_with_parent() -> None:
    """Let the kernel kill this process when the thread that started it ends, even while it is stopped.

    Linux only; elsewhere this does nothing.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def end_within(seconds: float, exit_code: int = 1) -> None:
    """End this process after `seconds` if it still runs, even if it is blocked."""
    timer = threading.Timer(seconds, os._exit, [exit_code])
    timer.daemon = True
    timer.start()


def end_at_exit(exit_code: int) -> None:
    """Let this process end at its exit without the clean-up of its libraries, which may block or crash.

    The last call counts.
    """

    def end() -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(exit_code)

    atexit.register(end)


def watch(parent_pid: int, on_loss: Callable[[], None]) -> None:
    """Call `on_loss` in its own thread once `parent_pid` is no longer this process's parent.

    An orphan gets another parent on every POSIX system, so this misses no death, including one before
    this call.
    """

    def wait() -> None:
        while os.getppid() == parent_pid:
            time.sleep(INTERVAL)
        on_loss()

    threading.Thread(target=wait, name="lifeline", daemon=True).start()
