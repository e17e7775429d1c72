"""A server with runs in every state, and something in every place of its pages."""

from pathlib import Path
from typing import Any, Final

import httpx
import numpy as np

from app.queue import claims, endings, machines
from app.queue.claims import Claim
from app.settings import Settings
from app.storage import artifacts
from app.storage.database import Database
from tests.app.states import RESULTS, add_worker, claimed, figures
from tests.web_server import WebServer, started
from trainer.data.folder import SHIPPED, TEST_LABELS_FILE, DataFolder, home
from trainer.data.idx import IdxFile
from trainer.files import predictions
from trainer.training.epoch_record import EpochRecord

COMPARED: Final = 15
"""Number of finished runs: three seeds of one to five layers, with the first ids, in study 1."""
FAILED_EARLY: Final = 16
FAILED_LATE: Final = 17
CANCELLED: Final = 18
CANCELLING: Final = 19
TRAINING: Final = 20
QUEUED: Final = 21
LEASE_SECONDS: Final = 86_400
"""Longer than any test, so that training runs are not reclaimed."""
_EPOCHS: Final = 4
GPU: Final = {"name": "a GPU", "use": 0.5, "memory_used": 10**9, "memory_total": 8 * 10**9}


class _Furnisher:
    """Acts as workers and users of a server."""

    def __init__(self, server: WebServer, settings: Settings) -> None:
        self.server = server
        self.settings = settings
        self.database: Database = server.app.state.database
        path = DataFolder.of(SHIPPED, settings.data_dir).file(TEST_LABELS_FILE)
        assert path
        self.labels = IdxFile.labels(path).items

    def post(self, address: str, **body: Any) -> None:
        httpx.post(self.server.url + address, json=body).raise_for_status()

    def begin(self, *, epochs: int) -> Claim:
        """Train the next run up to this epoch."""
        claim = claimed(self.database, lease_seconds=LEASE_SECONDS)
        environment = {"train_images": "60000", "test_images": "10000"}
        with self.database.write() as session:
            assert claims.report_start(session, claim, "cpu", environment, 0)
            for epoch in range(1, epochs + 1):
                assert claims.record_epoch(session, claim, EpochRecord(**_record(claim, epoch)))
        return claim

    def finish(self) -> None:
        claim = self.begin(epochs=_EPOCHS)
        classes = self.labels.copy()
        count = 1000 - 100 * claim.config.depth - 10 * claim.config.seed
        wrong = slice(100 * claim.config.seed, 100 * claim.config.seed + count)
        classes[wrong] = (classes[wrong] + 1) % 10
        path = artifacts.of_run(self.settings.artifacts, claim.run_id).predictions(claim.attempt)
        sure = np.full(len(classes), 0.75, np.float16)
        predictions.save(path, predictions.Predictions(classes, sure))
        accuracy = 1 - count / len(classes)
        with self.database.write() as session:
            assert endings.finish(session, claim, {**RESULTS, "test_accuracy": accuracy})

    def fail(self, reason: str, *, epochs: int) -> None:
        claim = self.begin(epochs=epochs)
        with self.database.write() as session:
            assert endings.fail(session, claim, reason, "Traceback (most recent call last):\n  …")


def _record(claim: Claim, epoch: int) -> dict[str, Any]:
    depth = claim.config.depth
    norms = [0.1 * (layer + 1) / epoch for layer in range(depth)]
    return {**figures(epoch), "gradient_norms": norms, "dead_relu": [0.01 * epoch] * (depth - 1)}


def furnish(folder: Path) -> None:
    """Fill this folder with runs in every state, which no worker continues."""
    (home(folder) / "unfit").mkdir(parents=True)
    settings = Settings(data_dir=folder)
    with started(settings) as server:
        there = _Furnisher(server, settings)
        add_worker(there.database, slots=3, lease_seconds=LEASE_SECONDS)
        with there.database.write() as session:
            machines.record(session, "here", machines.Use(16, 0.25, 10**9, 4 * 10**9, [GPU]))
        there.post("/studies", depth=[1, 2, 3, 4, 5], seed=[0, 1, 2], epochs=_EPOCHS, tags=["depth"])
        for _ in range(COMPARED):
            there.finish()
        there.post("/studies", depth=[1], lr=[100], seed=[0], tags=["a", "high rate"])
        there.fail("diverged: loss became non-finite at epoch 1", epochs=0)
        there.post("/runs", depth=2)
        there.fail("it broke", epochs=2)
        there.post("/runs", depth=3)
        there.post(f"/runs/{CANCELLED}/cancel")
        there.post("/runs", depth=4)
        there.begin(epochs=1)
        there.post(f"/runs/{CANCELLING}/cancel")
        there.post("/runs", depth=5)
        there.begin(epochs=3)
        there.post("/runs", depth=2, seed=9, tags=["later"], note="Waits.")
        there.post("/runs/bulk", ids=[FAILED_LATE], action="archive")
