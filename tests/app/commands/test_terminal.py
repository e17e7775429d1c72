"""What the command line prints of runs."""

import io
from collections.abc import Iterator
from typing import cast

import pytest
from rich.console import Console

from app.client import Client, ClientError, Event
from app.commands.terminal import follow_run, run_table
from app.storage.database import Database
from tests.app.states import add_worker, figures, finished_run, queue_run, shown


class OneEpoch:
    """A client whose events end after an epoch with a huge loss."""

    def events(self, _: int) -> Iterator[Event]:
        yield Event("epoch", figures(1, train_loss=6.4733088222760264e22, test_loss=2e-7), "1")


def test_progress_formats_losses_like_pages(database: Database) -> None:
    run = shown(database, queue_run(database))
    said = io.StringIO()
    with pytest.raises(ClientError, match="ended before the run"):
        follow_run(cast("Client", OneEpoch()), run, Console(file=said, width=200))
    assert "epoch 1: loss 6.473e22 train, 2.000e-7 test" in said.getvalue()


def test_a_narrow_table_of_runs_does_not_cut_headers(database: Database) -> None:
    queue_run(database, lr=0.1, batch_size=128)
    queue_run(database, lr=0.30000000000000004, batch_size=1024, dataset="fashion-mnist")
    said = io.StringIO()
    Console(file=said, width=80).print(run_table([shown(database, run_id) for run_id in (1, 2)]))
    headers = said.getvalue().partition("128")[0].split()
    assert {"batch", "size", "test", "accuracy", "trained", "dataset", "epochs"} <= {*headers}


def test_a_narrow_table_of_runs_does_not_cut_statuses(database: Database) -> None:
    add_worker(database)
    finished_run(database, lr=0.1, dataset="fashion-members", batch_size=100)
    finished_run(database, lr=0.3, dataset="fashion", test_accuracy=0.1, seed=123456789)
    said = io.StringIO()
    Console(file=said, width=80).print(run_table([shown(database, run_id) for run_id in (1, 2)]))
    assert said.getvalue().split().count("finished") == 2
