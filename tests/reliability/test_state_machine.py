"""The state machine of runs: people, workers and the clock take random steps, compared with a plain model."""

from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlmodel import col, select

from app.queue import actions, admission, claims, endings, reaper, registry
from app.queue.claims import Claim
from app.queue.run_rows import WrongState
from app.schemas.bodies import Labels
from app.storage.database import Database, newest_change
from app.storage.tables import Attempt, Epoch, Run
from tests.app.states import RESULTS, ROOM, measured, queue_run, take
from tests.reliability import SCALE
from tests.reliability.clock import Clock

BACKENDS = ("sqlite", "postgresql")
WORKERS = ("w1", "w2", "w3")
LEASE_SECONDS = 10


class Model:
    """What the queue should hold of one run."""

    def __init__(self, priority: int) -> None:
        self.priority = priority
        self.status = "queued"
        self.attempt = 0
        self.crashes = self.worker_losses = 0
        self.furthest = 0
        self.to_cancel = False
        self.worker: str | None = None
        self.expires = 0.0
        self.ended: list[str] = []
        self.epochs: list[tuple[int, int]] = []

    def end(self, status: str, outcome: str | None = None) -> None:
        """Leave the worker, if one holds it; `outcome` is what its attempt comes to."""
        if self.status == "running":
            self.ended.append(outcome or status)
        self.status, self.worker, self.to_cancel = status, None, False

    def lost(self, *, worker: bool) -> None:
        """Count a crash, or the loss of a worker."""
        if worker:
            self.worker_losses += 1
        else:
            self.crashes += 1
        if self.to_cancel:
            self.end("cancelled", "lost")
        else:
            failed = self.worker_losses == 10 if worker else self.crashes == 3
            self.end("failed" if failed else "queued", "lost")

    def record(self) -> None:
        """Get one epoch on; one that is further than ever before begins the counts anew."""
        self.epochs.append((self.attempt, len(self.epochs) + 1))
        if len(self.epochs) > self.furthest:
            self.furthest = len(self.epochs)
            self.crashes = self.worker_losses = 0

    def released(self) -> None:
        """Be given back unharmed."""
        if self.to_cancel:
            self.end("cancelled")
        else:
            self.end("queued", "released")


class QueueMachine(RuleBasedStateMachine):
    """Random steps of people, of three workers and of time, checked against `Model` after each."""

    database: Database  # set by the test that runs the machine
    clock: Clock

    def __init__(self) -> None:
        super().__init__()
        self.models: dict[int, Model] = {}
        self.claims: list[Claim] = []
        self.attempts: set[tuple[int, int]] = set()
        with self.database.write() as session:
            for run in session.exec(select(Run)).all():
                if run.status == "running":
                    registry.retire(session, run.worker_id or "", "a new example")
                    session.refresh(run)
                actions.remove(session, run.id or 0)
            for worker in WORKERS:
                registry.retire(session, worker, "a new example")

    def held_by(self, worker: str) -> list[int]:
        """The runs that a worker trains."""
        return [run_id for run_id, model in self.models.items() if model.worker == worker]

    def claim_of(self, data: st.DataObject) -> tuple[Claim, Model | None]:
        """Any claim there ever was, and its run's model if it still holds."""
        claim = data.draw(st.sampled_from(self.claims))
        model = self.models.get(claim.run_id)
        holds = model is not None and model.status == "running" and model.attempt == claim.attempt
        return claim, model if holds else None

    def chosen(self, data: st.DataObject) -> tuple[int, Model]:
        """Any run."""
        run_id = data.draw(st.sampled_from(sorted(self.models)))
        return run_id, self.models[run_id]

    @precondition(lambda self: len(self.models) < 4)
    @rule(priority=st.integers(0, 1))
    def enqueue(self, priority: int) -> None:
        self.models[queue_run(self.database, Labels(priority=priority))] = Model(priority)

    @rule(seconds=st.integers(1, 2 * LEASE_SECONDS))
    def time_passes(self, seconds: int) -> None:
        self.clock.now += seconds

    @rule(worker=st.sampled_from(WORKERS))
    def heartbeat(self, worker: str) -> None:
        with self.database.write() as session:
            if not registry.heartbeat(session, worker, LEASE_SECONDS):
                registry.register(session, worker, "here", registry.Offer(1, 1), lease_seconds=LEASE_SECONDS)
        for run_id in self.held_by(worker):
            self.models[run_id].expires = self.clock.now + LEASE_SECONDS

    @rule()
    def reap(self) -> None:
        late = [
            run_id
            for run_id, model in self.models.items()
            if model.status == "running" and model.expires < self.clock.now
        ]
        with self.database.read() as session:
            assert reaper.anything_to_reap(session) or not late
        with self.database.write() as session:
            assert sorted(reaper.reap(session)) == sorted(late)
        for run_id in late:
            self.models[run_id].lost(worker=True)

    @rule(worker=st.sampled_from(WORKERS))
    def drain(self, worker: str) -> None:
        """Give back what this worker holds, as it does when it is told to end, and take leave."""
        mine = self.held_by(worker)
        with self.database.write() as session:
            for claim in self.claims:
                if claim.run_id in mine and claim.attempt == self.models[claim.run_id].attempt:
                    assert endings.release(session, claim)
            assert registry.retire(session, worker, "its worker ended") == []
        for run_id in mine:
            self.models[run_id].released()

    @rule(worker=st.sampled_from(WORKERS))
    def claim(self, worker: str) -> None:
        waiting = [run_id for run_id, model in self.models.items() if model.status == "queued"]
        claim = take(self.database, worker, lease_seconds=LEASE_SECONDS)
        assert (claim is None) == (not waiting)
        if claim is None:
            return
        assert claim.run_id == min(waiting, key=lambda run_id: (-self.models[run_id].priority, run_id))
        assert (claim.run_id, claim.attempt) not in self.attempts
        self.attempts.add((claim.run_id, claim.attempt))
        self.claims.append(claim)
        model = self.models[claim.run_id]
        model.status, model.worker = "running", worker
        model.expires = self.clock.now + LEASE_SECONDS
        model.attempt += 1
        assert (claim.attempt, claim.epochs_done) == (model.attempt, len(model.epochs))

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), back=st.integers(0, 3))
    def report_start(self, data: st.DataObject, back: int) -> None:
        claim, model = self.claim_of(data)
        epoch = max(0, len(model.epochs) - back) if model else 0
        with self.database.write() as session:
            assert claims.report_start(session, claim, "cpu", {}, epoch) is bool(model)
        if model:
            del model.epochs[epoch:]

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def record_epoch(self, data: st.DataObject) -> None:
        claim, model = self.claim_of(data)
        epoch = len(model.epochs) + 1 if model else 1
        with self.database.write() as session:
            assert claims.record_epoch(session, claim, measured(epoch)) is bool(model)
        if model:
            model.record()

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        claim, model = self.claim_of(data)
        with self.database.write() as session:
            assert endings.finish(session, claim, RESULTS) is bool(model)
        if model:
            model.end("finished")

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def fail(self, data: st.DataObject) -> None:
        claim, model = self.claim_of(data)
        with self.database.write() as session:
            assert endings.fail(session, claim, "it broke") is bool(model)
        if model:
            model.end("failed")

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def confirm_cancel(self, data: st.DataObject) -> None:
        claim, model = self.claim_of(data)
        with self.database.write() as session:
            assert endings.confirm_cancel(session, claim) is bool(model)
        if model:
            model.end("cancelled")

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        claim, model = self.claim_of(data)
        with self.database.write() as session:
            assert endings.release(session, claim) is bool(model)
        if model:
            model.released()

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def lose(self, data: st.DataObject) -> None:
        claim, model = self.claim_of(data)
        with self.database.write() as session:
            assert endings.lose(session, claim, "it died") is bool(model)
        if model:
            model.lost(worker=False)

    @rule(worker=st.sampled_from(WORKERS))
    def worker_dies(self, worker: str) -> None:
        with self.database.write() as session:
            lost = registry.retire(session, worker, "it died")
        mine = self.held_by(worker)
        assert sorted(lost) == sorted(mine)
        for run_id in mine:
            self.models[run_id].lost(worker=True)

    @precondition(lambda self: self.models)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        run_id, model = self.chosen(data)
        try:
            with self.database.write() as session:
                actions.cancel(session, run_id)
        except WrongState:
            assert model.status not in ("queued", "running")
        else:
            assert model.status in ("queued", "running")
            if model.status == "queued":
                model.end("cancelled")
            else:
                model.to_cancel = True

    @precondition(lambda self: self.models)
    @rule(data=st.data())
    def retry(self, data: st.DataObject) -> None:
        run_id, model = self.chosen(data)
        try:
            with self.database.write() as session:
                admission.retry(session, run_id, limit=ROOM)
        except WrongState:
            assert model.status not in ("failed", "cancelled")
        else:
            assert model.status in ("failed", "cancelled")
            model.end("queued")
            model.crashes = model.worker_losses = 0

    @precondition(lambda self: self.models)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        run_id, model = self.chosen(data)
        try:
            with self.database.write() as session:
                actions.remove(session, run_id)
        except WrongState:
            assert model.status == "running"
        else:
            assert model.status != "running"
            del self.models[run_id]

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def wake_up_and_go_on(self, data: st.DataObject) -> None:
        """Let whoever claimed this last write, as if it had never been away: fenced, or still in time."""
        self.record_epoch(data)
        self.finish(data)

    @invariant()
    def the_database_holds_what_the_model_says(self) -> None:
        with self.database.read() as session:
            stored = {run.id: run for run in session.exec(select(Run)).all()}
            newest = newest_change(session)
            numbers = [run.change for run in stored.values()]
            epochs: dict[int, list[tuple[int, int]]] = {run_id: [] for run_id in self.models}
            attempts: dict[int, list[Attempt]] = {run_id: [] for run_id in self.models}
            for attempt in session.exec(select(Attempt).order_by(col(Attempt.attempt))):
                attempts[attempt.run_id].append(attempt)
            for epoch in session.exec(select(Epoch).order_by(col(Epoch.epoch))):
                epochs[epoch.run_id].append((epoch.attempt, epoch.epoch))
                numbers.append(epoch.change)
        assert stored.keys() == self.models.keys()
        assert len(set(numbers)) == len(numbers)
        assert max(numbers, default=0) <= newest
        for run_id, model in self.models.items():
            run = stored[run_id]
            assert (run.status, run.attempt) == (model.status, model.attempt)
            assert (run.crashes, run.worker_losses) == (model.crashes, model.worker_losses)
            assert (run.worker_id, run.cancel_requested) == (model.worker, model.to_cancel)
            assert (run.lease_expires is not None) is (model.status == "running")
            assert (run.finished_at is not None) is (model.status in ("finished", "failed", "cancelled"))
            assert (run.reason is not None) is (model.status in ("failed", "cancelled"))
            assert (run.lease_expires or 0) == (model.expires if model.status == "running" else 0)
            assert [each.attempt for each in attempts[run_id]] == list(range(1, model.attempt + 1))
            assert [each.outcome for each in attempts[run_id] if each.ended_at] == model.ended
            assert epochs[run_id] == model.epochs
            assert run.epochs_done == len(model.epochs)
            assert (run.train_seconds or 0) == 0.25 * len(model.epochs)


def test_random_steps_keep_to_the_model(database: Database) -> None:
    machine = type("Machine", (QueueMachine,), {"database": database, "clock": Clock(database)})
    run_state_machine_as_test(
        machine, settings=hypothesis_settings(max_examples=15 * SCALE, stateful_step_count=40, deadline=None)
    )
