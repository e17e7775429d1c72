"""A storm of kills over a whole dashboard that trains, and what it must not have harmed."""

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
from sqlmodel import col, select

from app import artifacts, run_queue
from app.db import Database
from app.models import Attempt, Epoch, Run
from app.outage import OUTAGES
from app.settings import Settings
from app.status import ENDED
from tests.dashboard import ROOT, clean_environment
from tests.processes import Process
from tests.reliability.server import free_port
from tests.waiting import eventually

CONFIGS = [
    {"depth": depth, "seed": seed, "width": 128, "epochs": 6, "batch_size": 1024}
    for depth in (1, 2, 3, 4, 5)
    for seed in (0, 1)
]
VICTIMS = {"slot": 50, "worker": 18, "web": 14, "supervisor": 6, "stopped worker": 12}
"""Who is hit, each once and then so often of a hundred times; a stopped worker wakes up without its run."""
LEASE_SECONDS = 2.0
PATIENCE = 300.0
Found = TypeVar("Found")


@dataclass
class Harm:
    """What a storm did, and what it must not have done: every count below `retried` has to be 0."""

    kills: Counter[str] = field(default_factory=Counter)
    runs: int = 0
    attempts: int = 0
    compared: int = 0
    retried: int = 0
    """Runs that had lost three attempts, as promised, and were queued again."""
    lost: list[int] = field(default_factory=list)
    stuck: list[int] = field(default_factory=list)
    epochs_wrong: list[int] = field(default_factory=list)
    attempts_wrong: list[int] = field(default_factory=list)
    weights_differ: list[int] = field(default_factory=list)

    @property
    def none(self) -> bool:
        """Whether nothing was harmed."""
        return not (
            self.lost or self.stuck or self.epochs_wrong or self.attempts_wrong or self.weights_differ
        )


class Victim:
    """`depthboard up` on one port, started again whenever its supervisor has ended."""

    def __init__(self, settings: Settings, slots: int, chance: random.Random) -> None:
        self.settings = settings
        self._chance = chance
        self._database = Database(settings.url)
        port = free_port()
        self._command = [sys.executable, "-m", "app.cli", "up", "--port", str(port), "--slots", str(slots)]
        self._command += ["--threads", "1", "--device", "cpu", "--data-dir", str(settings.data_dir)]
        self._command += ["--checkpoint-seconds", "0", "--lease-seconds", str(LEASE_SECONDS)]
        self._command += ["--heartbeat-seconds", "0.5"]
        if settings.database_url:
            self._command += ["--database-url", settings.database_url]
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30)
        self.start()

    def start(self) -> None:
        """Start it; it may take a moment until the one before has let go of port and folder."""
        self._process = subprocess.Popen(
            self._command,
            cwd=ROOT,
            env=clean_environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def end(self) -> None:
        """End it as Ctrl-C does."""
        self._process.terminate()
        self._process.wait(60)
        self.client.close()
        self._database.close()

    def revive(self) -> None:
        """Start it again if it has ended."""
        if self._process.poll() is not None:
            self.start()

    def insist(self, ask: Callable[[], httpx.Response]) -> httpx.Response:
        """The answer to a request, repeated while the server is away."""

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
        """The id of a new run, once the server has acknowledged it."""
        key = {"Idempotency-Key": uuid.uuid4().hex}
        answer = self.insist(lambda: self.client.post("/runs", json=config, headers=key))
        assert answer.status_code == httpx.codes.CREATED, answer.text
        run_id: int = answer.json()["id"]
        return run_id

    def hit(self, kind: str) -> bool:
        """Kill a process of this kind if there is one, or let a worker that trains sleep past its lease."""
        self.revive()
        chosen = self._find(kind.removeprefix("stopped "))
        if chosen is None:
            return False
        with suppress(ProcessLookupError):
            if kind == "stopped worker":
                return self._outlast(chosen)
            chosen.kill()
            if kind == "supervisor":
                self._process.wait()
            return True
        return False

    def _find(self, kind: str) -> Process | None:
        supervisor = Process(self._process.pid)
        if kind == "supervisor":
            return supervisor if supervisor.alive else None
        word = "serve" if kind == "web" else "worker"
        found = [each for each in supervisor.children() if word in each.command]
        if kind == "slot":
            found = [slot for worker in found for slot in worker.children() if "app.slot" in slot.command]
        return self._chance.choice(found) if found else None

    def _outlast(self, worker: Process) -> bool:
        """Stop a worker until all it trains has been taken away, and wake it; False if nothing was."""
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
        """Whether a worker has lost its runs, once all late ones are taken away, as any server would."""
        with self._database.write() as session:
            run_queue.reap(session)
        return not self._held_by(worker_id)

    def _held_by(self, worker_id: str) -> bool:
        with self._database.read() as session:
            return bool(run_queue.held_by(session, worker_id).attempts)


@contextmanager
def dashboard(settings: Settings, slots: int, chance: random.Random) -> Iterator[Victim]:
    """A dashboard to be attacked."""
    victim = Victim(settings, slots, chance)
    try:
        yield victim
    finally:
        victim.end()


def storm(
    settings: Settings,
    *,
    kills: int,
    runs: int,
    slots: int = 2,
    seed: int = 0,
    say: Callable[[str], None] = lambda _: None,
) -> Harm:
    """Kill so many processes of a dashboard while so many runs train, and look at what is left."""
    harm = Harm()
    chance = random.Random(seed)
    configs = CONFIGS[: max(3, runs // 4)]
    posted: dict[int, dict[str, Any]] = {}
    with dashboard(settings, slots, chance) as victim:
        database = Database(settings.url)
        for number, kind in enumerate(_kinds(kills, chance), 1):
            struck = False
            while not struck:
                while len(posted) < runs * number // kills + 2 or _idle(database):
                    config = configs[len(posted) % len(configs)]
                    posted[victim.post(config)] = config
                eventually(lambda: _training(victim, database), PATIENCE)
                time.sleep(chance.uniform(0, 0.8))
                struck = victim.hit(kind)
                harm.retried += _retry(victim, database)
            harm.kills[kind] += 1
            say(f"{number} kills, {len(posted)} runs")
        _settle(victim, harm, posted)
        say("comparing weights with those of runs left alone")
        used = [config for config in CONFIGS if config in posted.values()]
        calm = {victim.post(config): config for config in used}
        _settle(victim, harm, calm)
    harm.runs = len(posted)
    _look(database, harm, posted)
    _compare(settings, harm, posted, calm)
    database.close()
    return harm


def _kinds(kills: int, chance: random.Random) -> Iterator[str]:
    """Who is hit: each kind once, then at random."""
    yield from islice(VICTIMS, kills)
    for _ in range(kills - len(VICTIMS)):
        yield chance.choices(list(VICTIMS), list(VICTIMS.values()))[0]


def _idle(database: Database) -> bool:
    return not _any(database, "queued", "running")


def _training(victim: Victim, database: Database) -> bool:
    """Whether a run trains, or none is left; runs of a killed supervisor wait for its successor."""
    victim.revive()
    return _any(database, "running") or _idle(database)


def _any(database: Database, *statuses: str) -> bool:
    with database.read() as session:
        return session.exec(select(Run.id).where(col(Run.status).in_(statuses))).first() is not None


def _retry(victim: Victim, database: Database) -> int:
    """Queue again the runs that lost three attempts; any other failure is one that must not be."""
    if not _any(database, "failed"):
        return 0
    failed = victim.insist(lambda: victim.client.get("/runs?status=failed")).json()["runs"]
    for run in failed:
        assert run["reason"].startswith("lost worker 3 times"), run
        victim.insist(lambda run=run: victim.client.post(f"/runs/{run['id']}/retry"))  # type: ignore[misc]
    return len(failed)


def _settle(victim: Victim, harm: Harm, runs: dict[int, dict[str, Any]]) -> None:
    """Wait until all these runs have finished."""
    database = Database(victim.settings.url)

    def done() -> bool:
        victim.revive()
        harm.retried += _retry(victim, database)
        with database.read() as session:
            found = session.exec(select(Run.status).where(col(Run.id).in_(runs))).all()
        return all(status in ENDED for status in found)

    with suppress(AssertionError):
        eventually(done, PATIENCE + 10 * len(runs))
    database.close()


def _look(database: Database, harm: Harm, posted: dict[int, dict[str, Any]]) -> None:
    """Count what must not be."""
    with database.read() as session:
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
            harm.stuck.append(run_id)
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


def _compare(settings: Settings, harm: Harm, posted: dict[int, Any], calm: dict[int, Any]) -> None:
    """Compare the final weights of every run with those of a run of the same settings that was left alone."""
    attempts = _attempts(settings)

    def weights(run_id: int) -> bytes:
        return artifacts.of_run(settings.artifacts, run_id).model(attempts[run_id]).read_bytes()

    for run_id, config in posted.items():
        (twin,) = [other for other, same in calm.items() if same == config]
        harm.compared += 1
        if weights(run_id) != weights(twin):
            harm.weights_differ.append(run_id)


def _attempts(settings: Settings) -> dict[int, int]:
    """The newest attempt at every run."""
    database = Database(settings.url)
    with database.read() as session:
        found = {run.id or 0: run.attempt for run in session.exec(select(Run))}
    database.close()
    return found
