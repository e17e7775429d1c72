"""What the command line prints of runs."""

import io
from collections.abc import Iterator
from typing import cast

import pytest
from rich.console import Console

from app.client import Client, ClientError, Event
from app.db import Database
from app.terminal import follow_run
from tests.app.states import figures, queue_run, shown


class OneEpoch:
    """A client whose events end after an epoch with a huge loss."""

    def events(self, _: int) -> Iterator[Event]:
        yield Event("epoch", figures(1, train_loss=6.4733088222760264e22, test_loss=2e-7), "1")


def test_progress_words_losses_as_pages_do(database: Database) -> None:
    run = shown(database, queue_run(database))
    said = io.StringIO()
    with pytest.raises(ClientError, match="ended before the run did"):
        follow_run(cast("Client", OneEpoch()), run, Console(file=said, width=200))
    assert "epoch 1: loss 6.473e22 train, 2.000e-7 test" in said.getvalue()
