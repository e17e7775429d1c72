"""Two runs that train side by side, epoch by epoch, as a test wants them to."""

from collections.abc import Sequence
from typing import Any, Final

import httpx

from app.queue import claims, endings
from app.storage.database import Database
from tests.app.states import RESULTS, add_worker, claimed, figures
from tests.web_server import WebServer
from trainer.training.epoch_record import EpochRecord

LEASE_SECONDS: Final = 3600.0
"""Longer than any test: these workers send no heartbeats."""


class Study:
    """The first two runs of a server, with two layers each, and their recorded epochs."""

    def __init__(self, server: WebServer) -> None:
        self.server = server
        self.last = 0
        body = {"depth": [2], "seed": [0, 1], "epochs": 100}
        httpx.post(f"{server.url}/studies", json=body).raise_for_status()

    @property
    def database(self) -> Database:
        """The server's database, also after a restart of the server."""
        database: Database = self.server.app.state.database
        return database

    def start(self) -> None:
        """Claim the runs and start them."""
        add_worker(self.database, lease_seconds=LEASE_SECONDS)
        self.claims = {seed: claimed(self.database, lease_seconds=LEASE_SECONDS) for seed in (0, 1)}
        self.goes_on(after=0)

    def goes_on(self, after: int) -> None:
        """Resume the runs after this epoch; later records are removed."""
        self.last = after
        for claim in self.claims.values():
            with self.database.write() as session:
                assert claims.report_start(session, claim, "cpu", {"train_images": "60000"}, after)

    def trains(self, train_loss: Sequence[float] | None = None) -> None:
        """Record one more epoch of each run, with these training losses or those of `figures_of`."""
        self.last += 1
        for seed, claim in self.claims.items():
            other = {} if train_loss is None else {"train_loss": train_loss[seed]}
            with self.database.write() as session:
                assert claims.record_epoch(session, claim, EpochRecord(**figures_of(seed, self.last) | other))

    def fails(self, seed: int) -> None:
        """Fail one of the runs."""
        with self.database.write() as session:
            assert endings.fail(session, self.claims.pop(seed), "it broke", None)

    def finishes(self) -> None:
        """Finish the runs."""
        for claim in self.claims.values():
            with self.database.write() as session:
                assert endings.finish(session, claim, RESULTS)

    def column(self, seed: int, name: str) -> list[float]:
        """A run's recorded column; accuracies in percent."""
        scale = 100 if name.endswith("accuracy") else 1
        return [scale * figures_of(seed, epoch)[name] for epoch in range(1, self.last + 1)]


def figures_of(seed: int, epoch: int) -> dict[str, Any]:
    """The columns of an epoch record, with different values for each run and epoch."""
    inside = {"gradient_norms": [(1 + seed) / epoch, 0.3 / epoch], "dead_relu": [0.01 * epoch]}
    found = figures(
        epoch,
        train_loss=2 / epoch + 0.1 * seed,
        last_batch_loss=2.1 / epoch + 0.1 * seed,
        test_loss=2.2 / epoch + 0.1 * seed,
        train_accuracy=0.97 - 0.5 / epoch + 0.01 * seed,
        test_accuracy=0.95 - 0.6 / epoch + 0.02 * seed,
        seconds=0.2 + 0.01 * epoch,
    )
    return found | inside
