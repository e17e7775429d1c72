"""The worker: claims runs, gives them to its slots, and writes down what these report."""

import logging
import secrets
import signal
import socket
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import wait
from types import FrameType
from typing import Final

from app import artifacts, migrations, run_queue, workers
from app.db import Database
from app.messages import EpochDone, Failed, Finished, FromSlot, Ready, Started, Stopped
from app.settings import Settings
from app.slot_process import SlotProcess

log = logging.getLogger(__name__)

TURN_SECONDS: Final = 0.1
"""How long a turn waits for news from the slots: the delay of a claim or a cancel."""

BUSY_SECONDS: Final = 60.0
"""How long a report may wait for others who write: nothing that was trained is thrown away over a lock."""

MAX_FALSE_STARTS: Final = 5
"""Slots in a row that may die before they are ready, until the worker gives up."""

DRAIN_SECONDS: Final = 8.0
"""How long slots have to end their epoch and save it when the worker ends: ten are promised in all."""

GRACE_SECONDS: Final = 1.5
"""How long a slot may take to stop before it is killed."""


class SlotsUnusable(Exception):
    """No slot gets as far as being ready; what they printed says why."""


class Worker:
    """One worker process; `turn` is one pass of its loop."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        worker_id: str | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.id = worker_id or secrets.token_hex(8)
        self._database = database
        self._settings = settings
        self._monotonic = monotonic
        self._devices: list[dict[str, str]] = []
        self._versions: dict[str, str] = {}
        self._heartbeat_due = 0.0
        self._false_starts = 0
        self._draining = False
        self.slots = [self._new_slot() for _ in range(settings.slot_count)]
        self._register()

    def turn(self, seconds: float = TURN_SECONDS) -> None:
        """Hear the slots for at most `seconds`, then beat, stop what must stop and claim what fits."""
        self._listen(seconds)
        self._beat()
        self._stop_what_must_stop()
        self._claim()

    def drain(self) -> None:
        """Let the slots save what they have, give every run back to the queue and take leave."""
        self._draining = True
        deadline = self._monotonic() + DRAIN_SECONDS
        for slot in self.slots:
            if slot.claim:
                slot.ask_to_leave()
        while any(slot.claim for slot in self.slots) and self._monotonic() < deadline:
            self._listen(TURN_SECONDS)
            self._beat()
        with self._database.write() as session:
            for slot in self.slots:
                if claim := slot.rest():
                    run_queue.release(session, claim)
            run_queue.retire(session, self.id, "its worker ended")
        for slot in self.slots:
            slot.kill()

    def _listen(self, seconds: float) -> None:
        """Hear the slots that have something to say, once one does; while draining only those that train."""
        awaited = [slot for slot in self.slots if slot.claim or not self._draining]
        heard = wait([slot.connection for slot in awaited], seconds)
        for index, slot in enumerate(self.slots):
            if slot in awaited and slot.connection in heard:
                self._hear(index)

    def _new_slot(self) -> SlotProcess:
        return SlotProcess(self._settings.thread_count, self._settings.device, self._settings.data_dir)

    def _register(self) -> None:
        with self._database.write() as session:
            workers.register(
                session,
                self.id,
                host=socket.gethostname(),
                slots=len(self.slots),
                threads=self._settings.thread_count,
                lease_seconds=self._settings.lease_seconds,
            )
            workers.describe(session, self.id, self._devices, self._versions)

    def _hear(self, index: int) -> None:
        slot = self.slots[index]
        message = slot.receive()
        if message is None:
            self._replace(index)
        elif isinstance(message, Ready):
            slot.ready = True
            self._false_starts = 0
            self._describe(message)
        elif slot.claim and not self._write(slot.claim, message):
            log.warning("run %s: the claim no longer holds; its slot starts afresh", slot.claim.run_id)
            slot.rest()
            self._replace(index)
        elif isinstance(message, EpochDone):
            slot.acknowledge(int(message.figures["epoch"]))
        elif isinstance(message, Finished | Failed | Stopped):
            claim = slot.rest()
            if claim and isinstance(message, Finished):
                artifacts.of_run(self._settings.data_dir, claim.run_id).remove_checkpoints()

    def _write(self, claim: run_queue.Claim, message: FromSlot) -> bool:
        """Write a report of a slot; False if the claim no longer holds."""
        with self._database.write() as session:
            match message:
                case Started():
                    return run_queue.report_start(
                        session, claim, message.device, message.environment, message.epoch
                    )
                case EpochDone():
                    return run_queue.record_epoch(session, claim, message.figures)
                case Finished():
                    return run_queue.finish(session, claim, message.results, message.reason)
                case Failed():
                    return run_queue.fail(session, claim, message.reason, message.traceback)
                case Stopped():
                    end = run_queue.release if self._draining else run_queue.confirm_cancel
                    return end(session, claim)
                case Ready():
                    return True

    def _describe(self, ready: Ready) -> None:
        offered = self._settings.device
        self._versions = ready.versions
        self._devices = [
            device for device in ready.devices if offered == "auto" or offered in workers.kinds([device])
        ]
        if not self._devices:
            log.error("this machine has no %s device; the worker claims nothing", offered)
        with self._database.write() as session:
            workers.describe(session, self.id, self._devices, self._versions)

    def _replace(self, index: int, *, cancelled: bool = False) -> None:
        """End a slot, settle its claim, and start a new one in its place.

        Raises:
            SlotsUnusable: too many in a row have died before they were ready.
        """
        slot = self.slots[index]
        how = slot.kill()
        if not slot.ready:
            self._false_starts += 1
            log.warning("a slot died while it started: %s", how)
            if self._false_starts >= MAX_FALSE_STARTS:
                raise SlotsUnusable(
                    f"no slot can start: {self._false_starts} in a row died; the last time, {how}"
                )
        if claim := slot.rest():
            with self._database.write() as session:
                if cancelled:
                    run_queue.confirm_cancel(session, claim)
                else:
                    log.warning("run %s, attempt %s: %s", claim.run_id, claim.attempt, how)
                    run_queue.lose(session, claim, how)
        if not self._draining:
            self.slots[index] = self._new_slot()

    def _beat(self) -> None:
        if self._monotonic() < self._heartbeat_due:
            return
        self._heartbeat_due = self._monotonic() + self._settings.heartbeat_seconds
        with self._database.write() as session:
            known = run_queue.heartbeat(session, self.id, self._settings.lease_seconds)
            run_queue.reap(session)
        if not known:  # it was silent for longer than its lease, asleep or stopped
            self._register()

    def _stop_what_must_stop(self) -> None:
        """Obey cancellations, and drop what another worker has taken over."""
        if not any(slot.claim for slot in self.slots):
            return
        with self._database.read() as session:
            held = run_queue.held_by(session, self.id)
        for index, slot in enumerate(self.slots):
            if slot.claim is None:
                continue
            key = (slot.claim.run_id, slot.claim.attempt)
            if key not in held.attempts:
                slot.rest()
                self._replace(index)
            elif slot.kill_at is not None and self._monotonic() >= slot.kill_at:
                self._replace(index, cancelled=True)
            elif slot.kill_at is None and key in held.to_cancel:
                slot.ask_to_stop(self._monotonic() + GRACE_SECONDS)

    def _claim(self) -> None:
        kinds = workers.kinds(self._devices)
        for slot in self.slots:
            if slot.claim or not slot.ready or not kinds:
                continue
            with self._database.read() as session:
                if not run_queue.anything_to_claim(session, kinds):
                    return
            with self._database.write() as session:
                claim = run_queue.claim(
                    session,
                    self.id,
                    kinds,
                    threads=slot.threads,
                    lease_seconds=self._settings.lease_seconds,
                )
            if claim:
                files = artifacts.of_run(self._settings.data_dir, claim.run_id)
                slot.train(claim, files, self._settings.checkpoint_seconds)


def main(settings: Settings, worker_id: str | None = None, replaces: str | None = None) -> None:
    """Run a worker until SIGTERM or SIGINT, then drain.

    `replaces` names a worker that is known to be dead: its runs return to the queue at once.
    """
    stopping = threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    database = Database(settings.url, BUSY_SECONDS)
    while not migrations.is_current(database):
        log.info("waiting for the web process to prepare the database")
        if stopping.wait(0.2):
            return
    if replaces:
        with database.write() as session:
            run_queue.retire(session, replaces, "its worker died")
    worker = Worker(database, settings, worker_id)
    try:
        while not stopping.is_set():
            worker.turn()
    finally:
        worker.drain()
        database.close()
