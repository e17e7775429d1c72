"""The worker's loop: claims runs, gives them to slots and records what the slots report."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import Connection, wait
from typing import Final, cast

from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from app.queue import after_end, claims, endings, registry
from app.queue.claims import Claim
from app.settings import Settings
from app.storage import artifacts
from app.storage.database import Database
from app.storage.outage import CURE, damage, is_outage, unwritable
from app.worker import recording
from app.worker.engine import Ended, Engine, Gone, Settle, Slot, Unrecorded
from app.worker.messages import EpochDone, Failed, Finished, FromSlot, Ready, Stepping, Stopped
from app.worker.presence import Presence
from app.worker.slot_process import LocalEngine

log = logging.getLogger(__name__)

TURN_SECONDS: Final = 0.1
"""How long a turn waits for messages from the slots, and thus the delay of a claim or a cancel."""

OUTAGE_SECONDS: Final = 1.0
"""How long a turn waits while the database does not answer."""

UNWRITABLE_SECONDS: Final = 60.0
"""How long reports wait while the disk is full; then their runs fail."""

DRAIN_SECONDS: Final = 8.0
"""How long slots may take to end and save their epoch after the worker was told to end."""

FALLOUT_SECONDS: Final = 0.2
"""Delay before a dead slot counts as a crash: a shutdown may end slots a moment before the worker."""

GRACE_SECONDS: Final = 1.5
"""How long a slot may take to stop before it is killed."""


class Worker:
    """One worker process; `turn` is one pass of its loop.

    During a database outage (since `outage_since`, in monotonic seconds), training continues and reports
    wait. `replaces` names a dead worker, whose runs return to the queue immediately. `engine` makes the
    slots, by default on this machine.
    """

    def __init__(
        self,
        database: Database,
        settings: Settings,
        worker_id: str | None = None,
        replaces: str | None = None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        engine: Engine | None = None,
    ) -> None:
        self._presence = Presence(database, settings, worker_id, replaces, monotonic)
        self.id = self._presence.id
        self._database = database
        self._settings = settings
        self._monotonic = monotonic
        self._engine = engine or LocalEngine(settings)
        self.outage_since: float | None = None
        self._draining = False
        self.slots: list[Slot] = []
        self._open_slots()
        with self._through_outages():
            self._beat()

    def turn(self, seconds: float = TURN_SECONDS) -> None:
        """Wait at most `seconds` for reports; then send heartbeats, record reports, stop and claim runs."""
        began = self._monotonic()
        self._listen(seconds if self.outage_since is None else OUTAGE_SECONDS)
        self._open_slots()
        with self._through_outages():
            self._beat()
            self._take_in_reports()
            if not self._has_slept_since(began):
                self._stop_what_must_stop()
            self._claim()
        if self._has_slept_since(began):
            for slot in self.slots:
                slot.watch.restart(self._monotonic())

    def _has_slept_since(self, moment: float) -> bool:
        """Whether a turn took so long that the worker, and perhaps its slots, must have been suspended."""
        return self._monotonic() - moment >= self._settings.stall_seconds / 2

    def drain(self, seconds: float = DRAIN_SECONDS) -> None:
        """Let the slots save, end them, return every run to the queue and unregister.

        If the database can't be written by then, the runs keep their leases.
        """
        self._draining = True
        try:
            self._let_slots_save(self._monotonic() + seconds)
        finally:
            for slot in self.slots:
                slot.kill()
        with self._through_outages(), self._database.write() as session:
            for slot in self.slots:
                if slot.claim and isinstance(slot.report, Ended):
                    slot.report.settle(session, slot.claim, slot.report.how)
                elif slot.claim:
                    endings.release(session, slot.claim)
            self._presence.take_leave(session)
        self._engine.close()

    def _open_slots(self) -> None:
        self.slots += self._engine.open(self.slots)
        self._presence.offer(self.slots, self._engine.nodes())

    def _let_slots_save(self, deadline: float) -> None:
        for slot in self.slots:
            if slot.claim:
                slot.ask_to_leave()
        while any(slot.claim for slot in self.slots) and self._monotonic() < deadline:
            self._listen(TURN_SECONDS)
            with self._through_outages():
                self._beat()
                self._take_in_reports()

    @contextmanager
    def _through_outages(self) -> Iterator[None]:
        """Run a block that needs the database; in an outage, leave the rest of it to the next turn."""
        try:
            yield
        except DBAPIError as error:
            if not is_outage(error):
                raise
            self._ride_out(error)
        else:
            if self.outage_since is not None:
                log.info("the database is available again")
            self.outage_since = None

    def _ride_out(self, error: DBAPIError) -> None:
        """Note an outage; fail runs whose records could not be written for too long."""
        if self.outage_since is None:
            why = damage(error)
            log.warning(
                "the database is unavailable; training continues until the next checkpoint: %s",
                error.orig if why is None else f"it is damaged ({why}). {CURE}",
            )
            self.outage_since = self._monotonic()
        why = unwritable(error)
        lasted = self._monotonic() - self.outage_since
        if why is None or lasted < UNWRITABLE_SECONDS:
            return
        for slot in self.slots:
            if slot.claim and slot.report is not None and not isinstance(slot.report, Ended):
                slot.report = Unrecorded(
                    f"the database could not be written for {lasted:.0f} s: {why}. Fix the cause and retry "
                    "the run; it resumes from its last checkpoint"
                )

    def _listen(self, seconds: float) -> None:
        """Wait for a report and receive all that are ready; while draining, only from slots that train."""
        awaited = {
            slot.connection: slot
            for slot in self.slots
            if slot.report is None and (slot.claim or not self._draining)
        }
        for connection in wait(list(awaited), seconds):
            slot = awaited[cast("Connection", connection)]
            slot.report = slot.receive()

    def _take_in_reports(self) -> None:
        for slot in list(self.slots):
            if slot.report is not None and not self._may_die_with(slot):
                try:
                    self._take_in(slot, slot.report)
                except recording.Refused as refused:
                    self._take_in(slot, Unrecorded(str(refused)))
                slot.watch.hear(self._monotonic(), slot.report)  # only now: the slot may have waited for us
                slot.report = None

    def _may_die_with(self, slot: Slot) -> bool:
        """Whether a slot that trained has just died, so that its worker may be about to end, too."""
        if not (isinstance(slot.report, Gone) and slot.claim) or self._draining:
            return False
        if slot.died_at is None:
            slot.died_at = self._monotonic()
        return self._monotonic() - slot.died_at < FALLOUT_SECONDS

    def _take_in(self, slot: Slot, report: FromSlot | Gone | Unrecorded | Ended) -> None:
        match report:
            case Ended():
                self._settle(slot, report)
            case Gone() if self._draining:
                self._replace(slot, endings.release)
            case Gone():
                self._replace(slot, endings.lose_machine if report.machine_lost else endings.lose)
            case Unrecorded():
                self._replace(slot, lambda session, claim, _: endings.fail(session, claim, report.reason))
            case Ready():
                slot.get_ready(report)
                self._engine.note_start(slot)
            case Stepping():
                pass
            case _:
                self._record(slot, report)

    def _record(self, slot: Slot, report: FromSlot) -> None:
        """Record a slot's report on its run, and let the slot continue."""
        if slot.claim and not self._write(slot.claim, report):
            log.warning("run %s: the claim is no longer valid; restarting its slot", slot.claim.run_id)
            slot.rest()
            self._replace(slot, endings.lose)
        elif isinstance(report, EpochDone):
            slot.acknowledge(report.record.epoch)
        elif isinstance(report, Finished | Failed | Stopped):
            self._come_to_rest(slot)
            if isinstance(report, Failed) and report.device_failed:
                self._replace(slot, endings.lose)

    def _write(self, claim: Claim, report: FromSlot) -> bool:
        """Record a report; returns False if the claim is lost.

        Raises:
            Refused: the database is available and rejects the report.
        """
        try:
            with self._database.write() as session:
                return recording.write(session, claim, report, draining=self._draining)
        except Exception as error:
            if is_outage(error):
                raise
            log.exception("run %s, attempt %s: %s", claim.run_id, claim.attempt, report)
            raise recording.Refused(report, error) from error

    def _come_to_rest(self, slot: Slot) -> None:
        """Clear the claim after its end was recorded, and clean up if the run has ended."""
        if claim := slot.rest():
            with self._database.read() as session:
                after_end.follow_up(session, self._settings.artifacts, claim.run_id)

    def _replace(self, slot: Slot, settle: Settle) -> None:
        """End a slot, settle its claim and start a new slot in its place.

        Raises:
            SlotsUnusable: too many slots in a row died before they were ready.
        """
        slot.report = Ended(slot.kill(), settle)  # settled in a later turn if the database is unavailable now
        self._settle(slot, slot.report)

    def _settle(self, slot: Slot, ended: Ended) -> None:
        if slot.claim:
            with self._database.write() as session:
                ended.settle(session, slot.claim, ended.how)
            log.warning("run %s, attempt %s: %s", slot.claim.run_id, slot.claim.attempt, ended.how)
            self._come_to_rest(slot)
        slot.report = None
        if self._draining:
            return
        self.slots.remove(slot)
        if not slot.ready:
            log.warning("a slot on %s died while starting: %s", slot.host, ended.how)
            self._engine.note_false_start(slot, ended.how)
        self._open_slots()

    def _beat(self) -> None:
        self._presence.beat([(slot.claim.run_id, slot.claim.attempt) for slot in self.slots if slot.claim])

    def _stop_what_must_stop(self) -> None:
        """Stop runs that are cancelled, that another worker has taken over, or that have stalled."""
        if not any(slot.claim for slot in self.slots):
            return
        with self._database.read() as session:
            held = registry.held_by(session, self.id)
        for slot in list(self.slots):
            if slot.claim is None:
                continue
            key = (slot.claim.run_id, slot.claim.attempt)
            if key not in held.attempts:
                slot.rest()
                self._replace(slot, endings.lose)
            elif slot.kill_at is not None and self._monotonic() >= slot.kill_at:
                self._replace(slot, lambda session, claim, _: endings.confirm_cancel(session, claim))
            elif slot.kill_at is None and key in held.to_cancel:
                slot.ask_to_stop(self._monotonic() + GRACE_SECONDS)
            elif why := slot.watch.why_stalled(
                self._monotonic(), threads=slot.claim.threads, stall_seconds=self._settings.stall_seconds
            ):
                self._replace(slot, partial(_lose_stalled, why))

    def _claim(self) -> None:
        """Claim a run for each slot that is free; slots differ in their kinds of device and memory."""
        without_runs: set[tuple[frozenset[str], int | None]] = set()
        for slot in self.slots:
            if slot.claim or not slot.kinds or (slot.kinds, slot.memory) in without_runs:
                continue
            with self._database.read() as session:
                if not claims.anything_to_claim(session, slot.kinds, slot.memory):
                    without_runs.add((slot.kinds, slot.memory))
                    continue
            with self._database.write() as session:
                claim = claims.claim(
                    session,
                    self.id,
                    slot.kinds,
                    threads=slot.threads,
                    memory=slot.memory,
                    lease_seconds=self._settings.lease_seconds,
                    host=slot.host,
                )
            if claim:
                files = artifacts.of_run(self._settings.artifacts, claim.run_id)
                slot.watch.begin(self._monotonic())
                slot.train(claim, files, self._settings.checkpoint_seconds)


def _lose_stalled(why: str, session: Session, claim: Claim, _: str) -> None:
    """Settle a run whose process was killed because it stalled."""
    endings.lose(session, claim, why)
