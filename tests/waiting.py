"""Waiting for what another process, or a coroutine, does."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Found = TypeVar("Found")


def eventually(look: Callable[[], Found], seconds: float = 60) -> Found:
    """What `look` returns once it is true; the limit only ends a test that has failed."""
    deadline = time.monotonic() + seconds
    pause = 0.02
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(pause)
        pause = min(1.5 * pause, 0.1)  # to look without a break would slow down what is waited for
    raise AssertionError(f"it did not happen within {seconds} s")


def to_its_end(coroutine: Coroutine[object, object, Found]) -> Found:
    """Run a coroutine in a thread of its own: the event loop of an open browser may live in this one."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(asyncio.run, coroutine).result()
