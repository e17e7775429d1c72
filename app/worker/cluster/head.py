"""The head of a cluster, asked for its live nodes by threads of its own, because that may take minutes."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from app.worker.cluster.nodes import ClusterNode

log = logging.getLogger(__name__)

CHECK_SECONDS: Final = 1.0
"""How often the head is asked."""


@dataclass(frozen=True, slots=True)
class Silence:
    """Why the head does not answer, in words, and the time between the first and the last attempt."""

    why: str
    seconds: float


class Head:
    """Knows the nodes of the last answer of the head, and since when it has not answered.

    `problem` returns why nothing can be asked, in words, within seconds; `read` returns the live nodes, and
    may take minutes.
    """

    def __init__(self, problem: Callable[[], str | None], read: Callable[[], list[ClusterNode]]) -> None:
        self._problem = problem
        self._read = read
        self._unread: str | None = None
        self._silent_since = 0.0
        self._closed = threading.Event()
        self.nodes = read()
        self.silence: Silence | None = None
        for target in (self.check, self.read):
            threading.Thread(target=self._repeat, args=[target], name="head", daemon=True).start()

    def _repeat(self, step: Callable[[], None]) -> None:
        while not self._closed.wait(CHECK_SECONDS):
            step()

    def read(self) -> None:
        """Read the nodes; without an answer, they stay as they were."""
        try:
            self.nodes = self._read()
            self._unread = None
        except Exception as error:  # noqa: BLE001  # Ray raises many kinds
            self._unread = next(iter(str(error).splitlines()), type(error).__name__)

    def check(self) -> None:
        """Note whether the head answers, and log it once if that has changed."""
        why = self._problem() or self._unread
        now = time.monotonic()
        if self._closed.is_set():
            return
        if why is None:
            if self.silence:
                log.info("the head of the cluster answers again")
            self.silence = None
            return
        if self.silence is None:
            log.warning("the head of the cluster does not answer: %s; running runs continue", why)
            self._silent_since = now
        self.silence = Silence(why, now - self._silent_since)

    def close(self) -> None:
        """Ask no more."""
        self._closed.set()
