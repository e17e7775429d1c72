"""Tells a process that its parent has died, however that died."""

import os
import threading
import time
from collections.abc import Callable
from typing import Final

INTERVAL: Final = 0.25
"""Seconds between two looks at the parent."""


def watch(parent_pid: int, on_loss: Callable[[], None]) -> None:
    """Call `on_loss` in a thread of its own once `parent_pid` is no longer this process's parent.

    An orphan gets another parent on every POSIX system, so nothing is missed, not even a parent that
    died before this call.
    """

    def wait() -> None:
        while os.getppid() == parent_pid:
            time.sleep(INTERVAL)
        on_loss()

    threading.Thread(target=wait, name="lifeline", daemon=True).start()
