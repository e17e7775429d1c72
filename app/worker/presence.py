"""Registers a worker with its devices in the database, and sends its heartbeats and machine samples."""

import logging
import secrets
import socket
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Final

from sqlmodel import Session

from app.queue import machines, registry
from app.queue.reaper import Reaper
from app.queue.registry import Node, Offer
from app.settings import Settings
from app.storage.database import Database
from app.worker.engine import Slot
from app.worker.machine import Machine

log = logging.getLogger(__name__)

FIRST_SAMPLE_SECONDS: Final = 2.0
"""Delay of the first sample: the CPU use is measured over this time."""


class Presence:
    """Renews the leases of one worker and its runs, stores what it offers, and reclaims others' silent runs.

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
        self._offer = Offer(settings.slot_count, settings.thread_count)
        self._stored = self._offer
        self._found: dict[str, list[dict[str, str]]] = {}
        self._beat_due = 0.0
        self._machine = Machine()
        self._sample_due = monotonic() + FIRST_SAMPLE_SECONDS

    def offer(self, slots: Sequence[Slot], nodes: Sequence[Node]) -> None:
        """Note what the worker offers now; the next heartbeat stores it, immediately if it has changed.

        Slots that are not placed don't count. The devices of a host stay while the slots for them restart.
        """
        hosts = {slot.host for slot in slots} | {node.host for node in nodes}
        self._found = {host: self._devices(host, slots) for host in sorted(hosts)}
        counts = Counter(slot.host for slot in slots if slot.placed)
        of_slots = {tuple(device.items()): device for found in self._found.values() for device in found}
        self._offer = Offer(
            counts.total(),
            slots[0].threads if slots else self._offer.threads,
            list(of_slots.values()),
            next((slot.versions for slot in slots if slot.versions), self._offer.versions),
            [
                replace(node, slots=counts[node.host], devices=self._found.get(node.host, []))
                for node in nodes
            ],
        )

    def _devices(self, host: str, slots: Sequence[Slot]) -> list[dict[str, str]]:
        """Returns the devices that the slots on a host have found, and the known ones of those that start."""
        here = [slot for slot in slots if slot.host == host]
        found = {tuple(device.items()): device for slot in here for device in slot.devices}
        seen = {kind for slot in here if slot.devices for kind in (slot.offered, *slot.kinds)}
        starting = {slot.offered for slot in here if not slot.devices}
        known = [] if "auto" in seen else self._found.get(host, [])
        kept = [
            device
            for device in known
            for (kind,) in [registry.kinds([device])]
            if kind not in seen and (not here or starting & {kind, "auto"})
        ]
        return [*kept, *found.values()]

    def beat(self, held: Collection[tuple[int, int]]) -> None:
        """Renew the leases, if due; `held` are the `(run id, attempt)` that the worker's slots train."""
        if self._monotonic() < self._beat_due and self._stored == self._offer:
            return
        if self._renewed(held):
            return
        due = self._monotonic() >= self._sample_due
        use = self._machine.measure() if due else None
        offer = self._offer
        with self._database.write() as session:
            if self._replaces:
                registry.retire(session, self._replaces, "its worker died")
            if not registry.heartbeat(session, self.id, self._settings.lease_seconds):
                registry.register(
                    session, self.id, socket.gethostname(), offer, lease_seconds=self._settings.lease_seconds
                )
            elif offer != self._stored:
                registry.describe(session, self.id, offer)
            registry.disown(session, self.id, held)
            if use:
                machines.record(session, socket.gethostname(), use)
        self._replaces = None
        self._stored = offer
        if due:
            self._sample_due = self._monotonic() + machines.SAMPLE_SECONDS
        self._beat_due = self._monotonic() + self._settings.heartbeat_seconds
        self._reaper.reap()

    def _renewed(self, held: Collection[tuple[int, int]]) -> bool:
        """Renew the leases without a turn among the writers; returns False if there is more to write."""
        if self._replaces or self._stored != self._offer or self._monotonic() >= self._sample_due:
            return False
        with self._database.write(turn=False) as session:
            known = registry.heartbeat(session, self.id, self._settings.lease_seconds)
            if not known or registry.held_by(session, self.id).attempts - {*held}:
                return False
        self._beat_due = self._monotonic() + self._settings.heartbeat_seconds
        self._reaper.reap()
        return True

    def take_leave(self, session: Session) -> None:
        """Release every run that the worker still holds, and unregister the worker."""
        registry.disown(session, self.id, kept=())
        registry.retire(session, self.id, "its worker ended")
