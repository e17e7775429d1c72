"""Waiting for what another process, or a coroutine, does."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Found = TypeVar("Found")


def eventually(look: Callable[[], Found], seconds: float = 60) -> Found:
    """Poll `look` until its result is true and return it; the limit only matters in a failed test."""
    deadline = time.monotonic() + seconds
    pause = 0.02
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(pause)
        pause = min(1.5 * pause, 0.1)  # to look without a break would slow down what is waited for
    raise AssertionError(f"it did not happen within {seconds} s")


def to_its_end(coroutine: Coroutine[object, object, Found]) -> Found:
    """Run a coroutine in a new thread, because an open browser may use this thread's event loop."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(asyncio.run, coroutine).result()
