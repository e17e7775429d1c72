"""Finding the rows of runs, and writing to them."""

from functools import partial
from typing import Any

import pytest

from app.queue import actions, admission, run_rows
from app.queue.run_rows import RunNotFound
from app.storage.database import Database

BACKENDS = ("sqlite", "postgresql")


@pytest.mark.parametrize(
    "step", [actions.cancel, partial(admission.retry, limit=1), actions.remove, run_rows.get]
)
def test_an_unknown_run_is_not_found(database: Database, step: Any) -> None:
    with pytest.raises(RunNotFound, match="no run 77"), database.write() as session:
        step(session, 77)
