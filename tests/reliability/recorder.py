"""A stand-in for workers, as a process: records epochs of several runs at a steady rate.

    python -m tests.reliability.recorder URL RUNS EPOCHS PER_SECOND

With 0 runs, it records those that are queued; with 0 epochs, it continues until its standard input ends. Each
record's `last_batch_loss` is the time
(seconds since 1970) just before its commit.
"""

import itertools
import sys
import threading
import time

from app.queue import admission, claims
from app.queue.claims import Claim
from app.schemas.bodies import Labels
from app.storage import migrations
from app.storage.database import Database
from trainer.config import TrainConfig
from trainer.training.epoch_record import EpochRecord


def main(url: str, runs: int, epochs: int, per_second: float) -> None:
    """Queue and claim the runs, or claim all queued ones, and record their epochs in turns."""
    database = Database(url)
    migrations.upgrade(database)
    enough = threading.Event()
    if not epochs:
        threading.Thread(target=_wait_for_end_of_input, args=(enough,), daemon=True).start()
    configs = [TrainConfig(depth=1, epochs=epochs or 10_000, seed=seed) for seed in range(runs)]
    if runs:
        with database.write() as session:
            admission.enqueue(session, configs, Labels(), limit=runs)
    held: list[Claim] = []
    while len(held) < runs or not runs:
        with database.write() as session:
            claim = claims.claim(session, "recorder", {"cpu"}, threads=1, lease_seconds=3600)
        if claim is None:
            break
        held.append(claim)
    due = time.monotonic()
    for epoch in range(1, epochs + 1) if epochs else itertools.count(1):
        if enough.is_set():
            break
        for claim in held:
            due += 1 / (per_second * len(held))
            time.sleep(max(0.0, due - time.monotonic()))
            record = EpochRecord(
                epoch=epoch,
                train_loss=2 / epoch,
                last_batch_loss=time.time(),
                train_accuracy=0.9,
                test_loss=2 / epoch,
                test_accuracy=0.9,
                seconds=1 / per_second,
                gradient_norms=(0.5,) * claim.config.depth,
                dead_relu=(0.1,) * (claim.config.depth - 1),
            )
            with database.write() as session:
                if not claims.record_epoch(session, claim, record):
                    raise RuntimeError("a run was taken from the only worker")
    database.close()


def _wait_for_end_of_input(enough: threading.Event) -> None:
    sys.stdin.read()
    enough.set()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
