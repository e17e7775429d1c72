"""The worker: claims runs, gives them to its slots, and writes down what these report."""

import logging
import secrets
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from types import FrameType
from typing import Final, cast

from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from app import artifacts, lifeline, migrations, reports, run_queue, workers
from app.db import Database
from app.messages import EpochDone, Failed, Finished, FromSlot, Ready, Stepping, Stopped
from app.outage import OUTAGES, unwritable
from app.run_queue import Claim
from app.settings import Settings
from app.slot_process import Gone, SlotProcess, Unrecorded

log = logging.getLogger(__name__)

TURN_SECONDS: Final = 0.1
"""How long a turn waits for news from the slots: the delay of a claim or a cancel."""

OUTAGE_SECONDS: Final = 1.0
"""How long a turn waits while the database does not answer."""

UNWRITABLE_SECONDS: Final = 60.0
"""How long reports wait for a person to make room on a full disk, until their runs are given up."""

MAX_FALSE_STARTS: Final = 5
"""Slots in a row that may die before they are ready, until the worker gives up."""

DRAIN_SECONDS: Final = 8.0
"""How long slots have to end their epoch and save it when the worker ends: ten are promised in all."""

ORPHAN_SECONDS: Final = 1.0
"""The same when the supervisor has died: two seconds are promised in all."""

GRACE_SECONDS: Final = 1.5
"""How long a slot may take to stop before it is killed."""


class SlotsUnusable(Exception):
    """No slot gets as far as being ready; what they printed says why."""


class Worker:
    """One worker process; `turn` is one pass of its loop.

    While the database does not answer (`outage_since`, in monotonic seconds), training goes on and reports
    wait. `replaces` names a worker that is
    known to be dead: its runs return to the queue at once.
    """

    def __init__(
        self,
        database: Database,
        settings: Settings,
        worker_id: str | None = None,
        replaces: str | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.id = worker_id or secrets.token_hex(8)
        self._replaces = replaces
        self._database = database
        self._settings = settings
        self._monotonic = monotonic
        self._devices: list[dict[str, str]] = []
        self._versions: dict[str, str] = {}
        self._heartbeat_due = 0.0
        self.outage_since: float | None = None
        self._false_starts = 0
        self._draining = False
        self.slots = [self._new_slot() for _ in range(settings.slot_count)]
        with self._through_outages():
            self._beat()

    def turn(self, seconds: float = TURN_SECONDS) -> None:
        """Hear the slots for at most `seconds`, then beat, stop what must stop and claim what fits."""
        self._listen(seconds if self.outage_since is None else OUTAGE_SECONDS)
        with self._through_outages():
            self._take_in_reports()
            self._beat()
            self._stop_what_must_stop()
            self._claim()

    def drain(self, seconds: float = DRAIN_SECONDS) -> None:
        """Let the slots save what they have, give every run back to the queue and take leave."""
        self._draining = True
        deadline = self._monotonic() + seconds
        for slot in self.slots:
            if slot.claim:
                slot.ask_to_leave()
        while any(slot.claim for slot in self.slots) and self._monotonic() < deadline:
            self._listen(TURN_SECONDS)
            with self._through_outages():
                self._take_in_reports()
                self._beat()
        with self._through_outages(), self._database.write() as session:
            for slot in self.slots:
                if slot.claim:
                    run_queue.release(session, slot.claim)
            run_queue.retire(session, self.id, "its worker ended")
        for slot in self.slots:
            slot.kill()

    @contextmanager
    def _through_outages(self) -> Iterator[None]:
        """Try something that needs the database; without it, leave the rest for the next turn."""
        try:
            yield
        except OUTAGES as error:
            self._bear(error)
        else:
            if self.outage_since is not None:
                log.info("the database can be used again")
            self.outage_since = None

    def _bear(self, error: DBAPIError) -> None:
        """Note an outage; runs whose records have found no room for long are given up."""
        if self.outage_since is None:
            log.warning("the database can't be used now; trying again: %s", error.orig)
            self.outage_since = self._monotonic()
        why = unwritable(error)
        lasted = self._monotonic() - self.outage_since
        if why is None or lasted < UNWRITABLE_SECONDS:
            return
        for slot in self.slots:
            if slot.claim and slot.report is not None:
                slot.report = Unrecorded(
                    f"the database could not be written for {lasted:.0f} s: {why}; mend that and retry the "
                    "run, which goes on from its last checkpoint"
                )

    def _listen(self, seconds: float) -> None:
        """Hear the slots that have something to say, once one does; while draining only those that train."""
        awaited = {
            slot.connection: slot
            for slot in self.slots
            if slot.report is None and (slot.claim or not self._draining)
        }
        for connection in wait(list(awaited), seconds):
            slot = awaited[cast("Connection", connection)]
            slot.report = slot.receive()

    def _take_in_reports(self) -> None:
        for index, slot in enumerate(self.slots):
            if slot.report is not None:
                self._take_in(index, slot.report)
                slot.report = None
                slot.heard_at = self._monotonic()  # it may have waited for us

    def _take_in(self, index: int, report: FromSlot | Gone | Unrecorded) -> None:
        slot = self.slots[index]
        if isinstance(report, Gone):
            self._replace(index, run_queue.lose)
        elif isinstance(report, Unrecorded):
            self._replace(index, lambda session, claim, _: run_queue.fail(session, claim, report.reason))
        elif isinstance(report, Ready):
            slot.ready = True
            self._false_starts = 0
            self._describe(report)
        elif isinstance(report, Stepping):
            pass
        elif slot.claim and not self._write(slot.claim, report):
            log.warning("run %s: the claim no longer holds; its slot starts afresh", slot.claim.run_id)
            slot.rest()
            self._replace(index, run_queue.lose)
        elif isinstance(report, EpochDone):
            slot.acknowledge(int(report.figures["epoch"]))
        elif isinstance(report, Finished | Failed | Stopped):
            claim = slot.rest()
            if claim and isinstance(report, Finished):
                artifacts.of_run(self._settings.artifacts, claim.run_id).keep_only(claim.attempt)
            if isinstance(report, Failed) and report.device_failed:
                self._replace(index, run_queue.lose)

    def _write(self, claim: Claim, report: FromSlot) -> bool:
        with self._database.write() as session:
            return reports.write(session, claim, report, draining=self._draining)

    def _new_slot(self) -> SlotProcess:
        return SlotProcess(self._settings.thread_count, self._settings.device, self._settings.data_dir)

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

    def _replace(self, index: int, settle: Callable[[Session, Claim, str], object]) -> None:
        """End a slot, settle its claim, given how the slot ended, and start a new one in its place.

        Raises:
            SlotsUnusable: too many in a row have died before they were ready.
        """
        slot = self.slots[index]
        how = slot.kill()
        if slot.claim:
            log.warning("run %s, attempt %s: %s", slot.claim.run_id, slot.claim.attempt, how)
            with self._database.write() as session:
                settle(session, slot.claim, how)
            slot.rest()
        if not slot.ready:
            self._note_false_start(how)
        if not self._draining:
            self.slots[index] = self._new_slot()

    def _note_false_start(self, how: str) -> None:
        self._false_starts += 1
        log.warning("a slot died while it started: %s", how)
        if self._false_starts >= MAX_FALSE_STARTS:
            raise SlotsUnusable(
                f"no slot can start: {self._false_starts} in a row died; the last time, {how}"
            )

    def _beat(self) -> None:
        if self._monotonic() < self._heartbeat_due:
            return
        held = [(slot.claim.run_id, slot.claim.attempt) for slot in self.slots if slot.claim]
        with self._database.write() as session:
            if self._replaces:
                run_queue.retire(session, self._replaces, "its worker died")
            if not run_queue.heartbeat(session, self.id, self._settings.lease_seconds):
                self._register(session)
            run_queue.disown(session, self.id, held)
            run_queue.reap(session)
        self._replaces = None
        self._heartbeat_due = self._monotonic() + self._settings.heartbeat_seconds

    def _register(self, session: Session) -> None:
        """Make this worker known: at its start, and when it was silent for longer than its lease."""
        workers.register(
            session,
            self.id,
            host=socket.gethostname(),
            slots=len(self.slots),
            threads=self._settings.thread_count,
            lease_seconds=self._settings.lease_seconds,
        )
        workers.describe(session, self.id, self._devices, self._versions)

    def _stop_what_must_stop(self) -> None:
        """Obey cancellations, drop what another worker has taken over, and end what makes no step."""
        if not any(slot.claim for slot in self.slots):
            return
        with self._database.read() as session:
            held = run_queue.held_by(session, self.id)
        stalled = f"it made no step for {self._settings.stall_seconds:g} s"
        for index, slot in enumerate(self.slots):
            if slot.claim is None:
                continue
            key = (slot.claim.run_id, slot.claim.attempt)
            if key not in held.attempts:
                slot.rest()
                self._replace(index, run_queue.lose)
            elif slot.kill_at is not None and self._monotonic() >= slot.kill_at:
                self._replace(index, lambda session, claim, _: run_queue.confirm_cancel(session, claim))
            elif slot.kill_at is None and key in held.to_cancel:
                slot.ask_to_stop(self._monotonic() + GRACE_SECONDS)
            elif self._monotonic() - slot.heard_at >= self._settings.stall_seconds:
                self._replace(index, lambda session, claim, _: run_queue.lose(session, claim, stalled))

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
                files = artifacts.of_run(self._settings.artifacts, claim.run_id)
                slot.heard_at = self._monotonic()
                slot.train(claim, files, self._settings.checkpoint_seconds)


def main(
    settings: Settings,
    worker_id: str | None = None,
    replaces: str | None = None,
    parent: int | None = None,
) -> None:
    """Run a worker until SIGTERM, SIGINT or the death of its parent process, then drain.

    `replaces` names a worker that is known to be dead: its runs return to the queue at once.
    """
    stopping, orphaned = threading.Event(), threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        stopping.set()

    def be_orphaned() -> None:
        orphaned.set()
        stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    if parent is not None:
        lifeline.watch(parent, be_orphaned)
    database = Database(settings.url)
    if not _wait_for_schema(database, stopping):
        return
    worker = Worker(database, settings, worker_id, replaces)
    try:
        while not stopping.is_set():
            worker.turn()
    finally:
        worker.drain(ORPHAN_SECONDS if orphaned.is_set() else DRAIN_SECONDS)
        database.close()


def _wait_for_schema(database: Database, stopping: threading.Event) -> bool:
    """Wait until the web process has prepared the database; False if told to stop before.

    Raises:
        SchemaError: the database was written by a newer Depthboard.
    """
    told = ""
    while not stopping.is_set():
        try:
            if migrations.is_current(database):
                return True
            waits_for = "waiting for the web process to prepare the database"
        except OUTAGES as error:
            waits_for = f"waiting for the database: {error.orig}"
        if waits_for != told:
            log.info(waits_for)
            told = waits_for
        stopping.wait(0.2)
    return False
