"""A storm of kills over a training dashboard, and the checks of the results."""

import random
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeVar

import httpx
from sqlalchemy import ColumnElement
from sqlmodel import col, func, select

from app.queue import reaper, registry
from app.schemas.status import ENDED
from app.settings import Settings
from app.storage import artifacts
from app.storage.database import Database
from app.storage.outage import OUTAGES
from app.storage.tables import Attempt, Epoch, Run
from tests.dashboard import ROOT, clean_environment
from tests.processes import LOCAL, Engine, Process
from tests.reliability.server import free_port
from tests.waiting import eventually

CONFIGS = [
    {"depth": depth, "seed": seed, "width": 128, "batch_size": 1024}
    for depth in (1, 2, 3, 4, 5)
    for seed in (0, 1)
]
VICTIMS = {"slot": 50, "worker": 18, "web": 14, "supervisor": 6, "stopped worker": 12}
"""Victims, each hit once and then with these weights; a stopped worker wakes up without its run."""
LEASE_SECONDS = 2.0
PATIENCE = 300.0
Found = TypeVar("Found")


@dataclass
class Harm:
    """The counts of a storm, and the harm it did: all lists below `compared` must be empty.

    `training` is the number of kills while a run was training.
    """

    kills: Counter[str] = field(default_factory=Counter)
    runs: int = 0
    attempts: int = 0
    training: int = 0
    compared: int = 0
    lost: list[int] = field(default_factory=list)
    failed: list[int] = field(default_factory=list)
    stuck: list[int] = field(default_factory=list)
    epochs_wrong: list[int] = field(default_factory=list)
    attempts_wrong: list[int] = field(default_factory=list)
    weights_differ: list[int] = field(default_factory=list)

    @property
    def none(self) -> bool:
        """Whether there was no harm."""
        wrong = self.epochs_wrong + self.attempts_wrong + self.weights_differ
        return not (self.lost + self.failed + self.stuck + wrong)


class Victim:
    """`depthboard up` on one port, restarted whenever its supervisor has ended."""

    def __init__(self, settings: Settings, slots: int, seed: int, engine: Engine) -> None:
        self.settings = settings
        self._engine = engine
        self.slots = slots
        self.chance = random.Random(seed)
        self.database = Database(settings.url)
        port = free_port()
        self._command = [sys.executable, "-m", "app.cli", "up", "--port", str(port), "--slots", str(slots)]
        self._command += ["--threads", "1", "--device", "cpu", "--data-dir", str(settings.data_dir)]
        self._command += ["--checkpoint-seconds", "0", "--lease-seconds", str(LEASE_SECONDS)]
        self._command += ["--heartbeat-seconds", "0.5", *engine.options]
        if settings.database_url:
            self._command += ["--database-url", settings.database_url]
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30)
        self.start()

    def start(self) -> None:
        """Start the dashboard; its predecessor may still hold the port and the folder for a moment."""
        self._process = subprocess.Popen(
            self._command,
            cwd=ROOT,
            env=clean_environment(**self._engine.environment),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def end(self) -> None:
        """Stop the dashboard as Ctrl-C does."""
        self._process.terminate()
        self._process.wait(60)
        self.client.close()
        self.database.close()

    def revive(self) -> None:
        """Restart the dashboard if it has ended."""
        if self._process.poll() is not None:
            self.start()

    def insist(self, ask: Callable[[], httpx.Response]) -> httpx.Response:
        """The response to a request, which is repeated while the server is away."""

        def answer() -> httpx.Response | None:
            self.revive()
            with suppress(httpx.TransportError):
                found = ask()
                return found if found.status_code < httpx.codes.INTERNAL_SERVER_ERROR else None
            return None

        found = eventually(answer, PATIENCE)
        assert found is not None
        return found

    def post(self, config: dict[str, Any]) -> int:
        """Create a run and return its id when the server has acknowledged it."""
        key = {"Idempotency-Key": uuid.uuid4().hex}
        answer = self.insist(lambda: self.client.post("/runs", json=config, headers=key))
        assert answer.status_code == httpx.codes.CREATED, answer.text
        run_id: int = answer.json()["id"]
        return run_id

    def hit(self, kind: str) -> bool:
        """Kill a process of this kind, or pause a training worker past its lease; False if there is none."""
        self.revive()
        chosen = self._find(kind.removeprefix("stopped "))
        if chosen is None:
            return False
        with suppress(ProcessLookupError):
            if kind == "stopped worker":
                return self._outlast(chosen)
            slots = {slot.pid for slot in self._find_all("slot")}
            chosen.kill()
            if kind == "supervisor":
                self._process.wait()
            if kind == "slot":  # its run is lost once it is replaced
                eventually(lambda: {slot.pid for slot in self._find_all("slot")} - slots, PATIENCE)
            return True
        return False

    def _find(self, kind: str) -> Process | None:
        found = self._find_all(kind)
        return self.chance.choice(found) if found else None

    def _find_all(self, kind: str) -> list[Process]:
        supervisor = Process(self._process.pid)
        if kind == "supervisor":
            return [supervisor] if supervisor.alive else []
        word = "serve" if kind == "web" else "worker"
        found = [each for each in supervisor.children() if word in each.command]
        if kind == "slot":
            found = [slot for worker in found for slot in self._engine.slots(worker, self.settings)]
        return found

    def _outlast(self, worker: Process) -> bool:
        """Pause a worker until all its runs are reclaimed; False if it has none or none are reclaimed."""
        worker_id = worker.option("--id")
        worker.stop()
        try:
            if not self._held_by(worker_id):
                return False
            eventually(lambda: self._bereft(worker_id), PATIENCE)
        except OUTAGES:  # it was stopped in the midst of a transaction, and nobody else can write
            return False
        finally:
            worker.go_on()
        return True

    def _bereft(self, worker_id: str) -> bool:
        """Whether a worker has lost its runs; reclaims expired ones first, as any server would."""
        with self.database.write() as session:
            reaper.reap(session)
        return not self._held_by(worker_id)

    def _held_by(self, worker_id: str) -> bool:
        with self.database.read() as session:
            return bool(registry.held_by(session, worker_id).attempts)


@contextmanager
def dashboard(
    settings: Settings, *, slots: int = 2, seed: int = 0, engine: Engine = LOCAL
) -> Iterator[Victim]:
    """A dashboard to attack; the seed determines all random choices."""
    victim = Victim(settings, slots, seed, engine)
    try:
        yield victim
    finally:
        victim.end()


def storm(
    victim: Victim,
    *,
    kills: int,
    runs: int,
    epochs: int = 6,
    say: Callable[[str], None] = lambda _: None,
) -> Harm:
    """Kill processes of a dashboard `kills` times while runs train, and check the results.

    Between two kills of its process, each run completes an epoch that it never had before, because a run with
    progress must survive any number of kills. If the runs end before the kills, more runs are posted.
    """
    harm = Harm()
    chance = victim.chance
    configs = [{**config, "epochs": epochs} for config in CONFIGS[: max(3, runs // 4)]]
    posted: dict[int, dict[str, Any]] = {}
    for number, kind in enumerate(_kinds(kills, chance), 1):
        struck = False
        while not struck:
            while len(posted) < min(runs, runs * number // kills + victim.slots) or _idle(victim):
                config = configs[len(posted) % len(configs)]
                posted[victim.post(config)] = config
            ready = _progressing if kind == "slot" else _training
            eventually(lambda ready=ready: ready(victim), PATIENCE)  # type: ignore[misc]
            time.sleep(chance.uniform(0, 0.8))
            if kind == "slot" and not _progressing(victim):
                continue  # a new attempt has begun meanwhile
            trains = _any(victim, "running")
            struck = victim.hit(kind)
        harm.kills[kind] += 1
        harm.training += trains
        say(f"{number} kills, {len(posted)} runs")
    _settle(victim, posted)
    say("comparing weights with those of runs left alone")
    calm = {victim.post(config): config for config in configs if config in posted.values()}
    _settle(victim, calm)
    harm.runs = len(posted)
    _look(victim, harm, posted, calm)
    return harm


def kill_one_run(victim: Victim, *, kills: int, say: Callable[[str], None] = lambda _: None) -> Harm:
    """Kill the process of one run repeatedly, each time at a later epoch, and check the results."""
    harm = Harm()
    config = {"depth": 2, "seed": 0, "width": 64, "batch_size": 1024, "epochs": 8 * kills}
    run_id = victim.post(config)
    while harm.kills["slot"] < kills:
        eventually(lambda: _progressing(victim), PATIENCE)
        assert _any(victim, "running"), "the run ended before its process was killed so often"
        if victim.hit("slot"):
            harm.kills["slot"] += 1
            harm.training += 1
            say(f"{harm.kills['slot']} kills")
    _settle(victim, {run_id: config})
    twin = victim.post(config)
    _settle(victim, {twin: config})
    harm.runs = 1
    _look(victim, harm, {run_id: config}, {twin: config})
    return harm


def _kinds(kills: int, chance: random.Random) -> Iterator[str]:
    """The kinds of victims: each once, then at random."""
    yield from islice(VICTIMS, kills)
    for _ in range(kills - len(VICTIMS)):
        yield chance.choices(list(VICTIMS), list(VICTIMS.values()))[0]


def _idle(victim: Victim) -> bool:
    return not _any(victim, "queued", "running")


def _training(victim: Victim) -> bool:
    """Whether a run trains or none remains; runs of a killed supervisor wait for its successor."""
    victim.revive()
    return _any(victim, "running") or _idle(victim)


def _progressing(victim: Victim) -> bool:
    """Whether each training run has an epoch that it never had before its attempt, or no run remains."""
    victim.revive()
    with victim.database.read() as session:
        running = session.exec(select(Run.id, Run.attempt, Run.epochs_done).where(Run.status == "running"))
        found = [
            (done, session.exec(select(func.max(Attempt.reached)).where(*_before(run_id, attempt))).one())
            for run_id, attempt, done in running.all()
        ]
    return all(done > (furthest or 0) for done, furthest in found) if found else _idle(victim)


def _before(run_id: int | None, attempt: int) -> tuple[ColumnElement[bool], ...]:
    return col(Attempt.run_id) == run_id, col(Attempt.attempt) < attempt


def _any(victim: Victim, *statuses: str) -> bool:
    with victim.database.read() as session:
        return session.exec(select(Run.id).where(col(Run.status).in_(statuses))).first() is not None


def _settle(victim: Victim, runs: dict[int, dict[str, Any]]) -> None:
    """Wait until all these runs have ended."""

    def done() -> bool:
        victim.revive()
        with victim.database.read() as session:
            found = session.exec(select(Run.status).where(col(Run.id).in_(runs))).all()
        return all(status in ENDED for status in found)

    with suppress(AssertionError):
        eventually(done, PATIENCE + 10 * len(runs))


def _look(victim: Victim, harm: Harm, posted: dict[int, Any], calm: dict[int, Any]) -> None:
    """Count the harm."""
    with victim.database.read() as session:
        stored = {run.id or 0: run for run in session.exec(select(Run))}
        epochs: dict[int, list[tuple[int, int]]] = {run_id: [] for run_id in stored}
        for row in session.exec(select(Epoch).order_by(col(Epoch.run_id), col(Epoch.epoch))):
            epochs[row.run_id].append((row.epoch, row.attempt))
        attempts: dict[int, list[Attempt]] = {run_id: [] for run_id in stored}
        for attempt in session.exec(select(Attempt).order_by(col(Attempt.run_id), col(Attempt.attempt))):
            attempts[attempt.run_id].append(attempt)
    harm.lost = [run_id for run_id in posted if run_id not in stored]
    for run_id in posted.keys() - harm.lost:
        run = stored[run_id]
        numbers = [number for number, _ in epochs[run_id]]
        writers = [writer for _, writer in epochs[run_id]]
        harm.attempts += run.attempt
        if run.status != "finished":
            (harm.failed if run.status == "failed" else harm.stuck).append(run_id)
        if numbers != list(range(1, run.epochs + 1)) or writers != sorted(writers):
            harm.epochs_wrong.append(run_id)
        if run.epochs_done != len(numbers):
            harm.epochs_wrong.append(run_id)
        told = [(each.attempt, each.outcome) for each in attempts[run_id]]
        ends = {outcome for _, outcome in told[:-1]}
        if [number for number, _ in told] != list(range(1, run.attempt + 1)):
            harm.attempts_wrong.append(run_id)
        if told[-1][1] != "finished" or not ends <= {"lost", "released"}:
            harm.attempts_wrong.append(run_id)
    _compare(victim.settings, {run_id: run.attempt for run_id, run in stored.items()}, harm, posted, calm)


def _compare(
    settings: Settings,
    attempts: dict[int, int],
    harm: Harm,
    posted: dict[int, Any],
    calm: dict[int, Any],
) -> None:
    """Compare the final weights of every run with those of an undisturbed run with the same settings."""

    def weights(run_id: int) -> bytes:
        return artifacts.of_run(settings.artifacts, run_id).model(attempts[run_id]).read_bytes()

    for run_id, config in posted.items():
        if run_id in harm.lost + harm.failed + harm.stuck:
            continue
        (twin,) = [other for other, same in calm.items() if same == config]
        harm.compared += 1
        if weights(run_id) != weights(twin):
            harm.weights_differ.append(run_id)
