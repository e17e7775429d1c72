"""Kills training runs repeatedly, and counts how many end bit-equal to an undisturbed run.

    python benchmarks/resume.py              # 50 kills; --kills N for another number

Each kill has a new data folder and a real worker with one slot and one thread, which saves a checkpoint after
every epoch. Some kills hit the slot or the worker at a random moment. The others hit the process before or
after a step of saving a checkpoint or of a commit. Then another worker resumes the run. Weights, predictions
and every epoch record are compared with those of an undisturbed run with the same settings.
"""

import argparse
import itertools
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.queue import admission, run_rows
from app.runs import reading
from app.schemas.bodies import Labels
from app.storage import artifacts, migrations
from app.storage.database import Database
from app.storage.tables import Run
from trainer.config import TrainConfig

DEPTHS = (1, 3, 5)
EPOCHS = 6
BATCH_SIZE = 512
PATIENCE = 180.0
REGISTERED = 6
"""A worker's commits before the first epoch: registration, heartbeats, devices, claim and start."""
POINTS = (
    "a random moment, slot",
    "a random moment, worker",
    "before fsync",
    "after fsync",
    "before rename",
    "after rename",
    "before commit",
    "after commit",
    "between training and record",
)
TRAP = """
import os, signal, sys
from pathlib import Path

mark, point, calls = os.environ["TRAP_MARK"], os.environ["TRAP_POINT"], int(os.environ["TRAP_CALLS"])
role = "slot" if "app.worker.slot" in sys.orig_argv else "worker" if "worker" in sys.orig_argv else None

def trap(owner, name, when):
    real = getattr(owner, name)

    def trapped(*arguments, **named):
        global calls
        calls -= 1
        fatal = calls == 0 and not Path(mark).exists()
        if fatal:
            Path(mark).touch()
        if not fatal or when == "after":
            result = real(*arguments, **named)
        if fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, trapped)

when, _, what = point.partition(" ")
if role == "slot" and what in ("fsync", "rename"):
    trap(os, {"fsync": "fsync", "rename": "replace"}[what], when)
if role == "slot" and what == "training and record":
    from multiprocessing.connection import Connection
    trap(Connection, "send", "before")
if role == "worker" and what == "commit":
    from sqlalchemy.engine.default import DefaultDialect
    trap(DefaultDialect, "do_commit", when)
"""
"""Python runs this as `sitecustomize` at the start of each process. The mark limits it to one kill."""


@dataclass(frozen=True)
class Outcome:
    """The results of a run: its files, and its epochs without their seconds."""

    model: bytes
    predictions: bytes
    epochs: dict[str, list[float]]


class Installation:
    """A data folder with one run, and consecutive workers that train it."""

    def __init__(self, folder: Path, depth: int) -> None:
        self.folder = folder
        self.database = Database(f"sqlite:///{folder / 'depthboard.sqlite3'}")
        migrations.upgrade(self.database)
        config = TrainConfig(depth=depth, epochs=EPOCHS, batch_size=BATCH_SIZE)
        with self.database.write() as session:
            self.run_id = admission.enqueue(session, [config], Labels(), limit=1)[0].id or 0
        self._workers = itertools.count(1)

    @contextmanager
    def worker(self, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
        """A new worker, which is told that it replaces the previous one."""
        number = next(self._workers)
        command = [sys.executable, "-m", "app.cli", "worker", "--parent", str(os.getpid())]
        command += ["--id", f"w{number}"]
        command += ["--replaces", f"w{number - 1}"] if number > 1 else []
        command += ["--data-dir", str(self.folder), "--slots", "1", "--threads", "1", "--device", "cpu"]
        command += ["--checkpoint-seconds", "0"]
        process = subprocess.Popen(command, env={**os.environ, **environment}, stderr=subprocess.DEVNULL)
        try:
            yield process
        finally:
            process.terminate()
            process.wait()

    def run(self) -> Run:
        """The run's current row."""
        with self.database.read() as session:
            return run_rows.get(session, self.run_id)

    def finish(self) -> None:
        """Train until the run has ended, and replace workers that die."""
        while self.run().status in ("queued", "running"):
            with self.worker() as process:
                self.wait_for_end(process)

    def wait_for_end(self, process: subprocess.Popen[bytes]) -> None:
        """Wait until the run or its worker has ended."""
        deadline = time.monotonic() + PATIENCE
        while process.poll() is None and self.run().status in ("queued", "running"):
            if time.monotonic() > deadline:
                raise TimeoutError(f"the run did not end within {PATIENCE:.0f} s")
            time.sleep(0.02)

    def outcome(self) -> Outcome:
        """The results of the finished run."""
        run = self.run()
        if run.status != "finished":
            raise RuntimeError(f"the run is {run.status}: {run.reason}")
        files = artifacts.of_run(str(self.folder / "artifacts"), self.run_id)
        with self.database.read() as session:
            columns = reading.epoch_columns(session, self.run_id)
        return Outcome(
            files.model(run.attempt).read_bytes(),
            files.predictions(run.attempt).read_bytes(),
            columns.model_dump(exclude={"seconds"}),
        )


@contextmanager
def installation(depth: int) -> Iterator[Installation]:
    """A new data folder, deleted after the block."""
    with tempfile.TemporaryDirectory() as folder:
        made = Installation(Path(folder), depth)
        yield made
        made.database.close()


def left_alone(depth: int) -> Outcome:
    """The results of an undisturbed run."""
    with installation(depth) as made:
        made.finish()
        return made.outcome()


def killed_once(depth: int, point: str, chance: random.Random) -> tuple[Outcome, Run]:
    """The results of a run that is killed at this point."""
    with installation(depth) as made:
        if point.startswith("a random moment"):
            with made.worker() as process:
                _kill_at_random(made, process, point.rsplit(maxsplit=1)[-1], chance)
                made.wait_for_end(process)
        else:
            with made.worker(**_trap(made.folder, point, chance)) as process:
                made.wait_for_end(process)
        made.finish()
        return made.outcome(), made.run()


def _kill_at_random(
    made: Installation, worker: subprocess.Popen[bytes], victim: str, chance: random.Random
) -> None:
    moment = chance.uniform(0, EPOCHS - 1)
    while made.run().epochs_done < int(moment):
        time.sleep(0.005)
    if made.run().epochs_done:
        time.sleep((moment % 1) * (made.run().train_seconds or 0) / made.run().epochs_done)
    while not (slots := _children(worker.pid)):
        time.sleep(0.005)
    os.kill(slots[0] if victim == "slot" else worker.pid, signal.SIGKILL)


def _children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _trap(folder: Path, point: str, chance: random.Random) -> dict[str, str]:
    """The environment of a worker that kills itself or its slot at a random call of this kind."""
    trap = folder / "trap"
    trap.mkdir()
    (trap / "sitecustomize.py").write_text(TRAP)
    path = os.pathsep.join([str(trap), os.environ.get("PYTHONPATH", "")])
    before = REGISTERED if point.endswith("commit") else 2
    calls = str(before + chance.randint(1, EPOCHS - 2))
    return {"PYTHONPATH": path, "TRAP_POINT": point, "TRAP_CALLS": calls, "TRAP_MARK": str(folder / "mark")}


def main() -> None:
    """Kill and compare runs, and print the number of bit-equal results as Markdown."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=50, help="how many runs to kill")
    parser.add_argument("--seed", type=int, default=0, help="decides the random moments")
    given = parser.parse_args()
    chance = random.Random(given.seed)
    expected = {depth: left_alone(depth) for depth in DEPTHS}
    points = (point for point, _ in zip(itertools.cycle(POINTS), range(given.kills), strict=False))
    killed, equal, resumed = Counter[str](), Counter[str](), Counter[str]()
    for number, point in enumerate(points):
        depth = DEPTHS[(number + number // len(POINTS)) % len(DEPTHS)]
        outcome, run = killed_once(depth, point, chance)
        killed[point] += run.attempt > 1
        equal[point] += run.attempt > 1 and outcome == expected[depth]
        resumed[point] += run.resumed_from > 0
        verdict = "equal" if outcome == expected[depth] else "DIFFERENT"
        progress = f"{number + 1}: depth {depth}, {point}: resumed from {run.resumed_from}, {verdict}"
        print(progress, file=sys.stderr, flush=True)
    print("| killed | runs | resumed from a checkpoint | bit-equal at the end |\n|---|---:|---:|---:|")
    for point in killed:
        print(f"| {point} | {killed[point]} | {resumed[point]} | {equal[point]} |")
    print(f"| **all** | {killed.total()} | {resumed.total()} | **{equal.total()}** |")


if __name__ == "__main__":
    main()
