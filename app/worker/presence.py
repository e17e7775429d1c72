"""Registers a worker with its devices in the database, and sends its heartbeats and machine samples."""

import logging
import secrets
import socket
from collections.abc import Callable, Collection
from typing import Final

from sqlmodel import Session

from app.queue import machines, registry
from app.queue.reaper import Reaper
from app.settings import Settings
from app.storage.database import Database
from app.worker.machine import Machine
from app.worker.messages import Ready

log = logging.getLogger(__name__)

FIRST_SAMPLE_SECONDS: Final = 2.0
"""Delay of the first sample: the CPU use is measured over this time."""


class Presence:
    """Renews the leases of one worker and of its runs, and reclaims the runs of silent workers.

    `replaces` names a dead worker, whose runs return to the queue immediately.
    """

    def __init__(
        self,
        database: Database,
        settings: Settings,
        worker_id: str | None,
        replaces: str | None,
        monotonic: Callable[[], float],
    ) -> None:
        self.id = worker_id or secrets.token_hex(8)
        self._replaces = replaces
        self._database = database
        self._settings = settings
        self._monotonic = monotonic
        self._reaper = Reaper(database, settings.lease_seconds)
        self._devices: list[dict[str, str]] = []
        self._versions: dict[str, str] = {}
        self._beat_due = 0.0
        self._machine = Machine()
        self._sample_due = monotonic() + FIRST_SAMPLE_SECONDS

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of device of the worker (`cpu`, `cuda`, …); empty until a slot has found them."""
        return registry.kinds(self._devices)

    def beat(self, held: Collection[tuple[int, int]]) -> None:
        """Renew the leases, if due; `held` are the `(run id, attempt)` that the worker's slots train."""
        if self._monotonic() < self._beat_due:
            return
        due = self._monotonic() >= self._sample_due
        use = self._machine.measure() if due else None
        with self._database.write() as session:
            if self._replaces:
                registry.retire(session, self._replaces, "its worker died")
            if not registry.heartbeat(session, self.id, self._settings.lease_seconds):
                self._register(session)
            registry.disown(session, self.id, held)
            if use:
                machines.record(session, socket.gethostname(), use)
        self._replaces = None
        if due:
            self._sample_due = self._monotonic() + machines.SAMPLE_SECONDS
        self._beat_due = self._monotonic() + self._settings.heartbeat_seconds
        self._reaper.reap()

    def _register(self, session: Session) -> None:
        """Register this worker: at its start, and after it was silent for longer than its lease."""
        registry.register(
            session,
            self.id,
            host=socket.gethostname(),
            slots=self._settings.slot_count,
            threads=self._settings.thread_count,
            lease_seconds=self._settings.lease_seconds,
        )
        registry.describe(session, self.id, self._devices, self._versions)

    def describe(self, ready: Ready) -> None:
        """Store the devices that a slot has found and the settings offer, and the versions."""
        offered = self._settings.device
        self._versions = ready.versions
        self._devices = [
            device for device in ready.devices if offered == "auto" or offered in registry.kinds([device])
        ]
        if not self._devices:
            log.error("this machine has no %s device; the worker claims no runs", offered)
        with self._database.write() as session:
            registry.describe(session, self.id, self._devices, self._versions)

    def take_leave(self, session: Session) -> None:
        """Release every run that the worker still holds, and unregister the worker."""
        registry.disown(session, self.id, kept=())
        registry.retire(session, self.id, "its worker ended")
