"""Finding the rows of runs, and writing to them."""

from functools import partial
from typing import Any

import pytest

from app.queue import actions, admission, run_rows
from app.queue.run_rows import RunNotFound, WrongState
from app.storage.database import Database

BACKENDS = ("sqlite", "postgresql")


@pytest.mark.parametrize(
    "step", [actions.cancel, partial(admission.retry, limit=1), actions.remove, run_rows.get]
)
def test_an_unknown_run_is_not_found(database: Database, step: Any) -> None:
    with pytest.raises(RunNotFound, match="no run 77"), database.write() as session:
        step(session, 77)


def test_an_edit_of_an_outdated_version_is_rejected() -> None:
    run_rows.require_version("study 3", 2, 2)
    run_rows.require_version("study 3", 2, None)
    with pytest.raises(WrongState) as caught:
        run_rows.require_version("study 3", 2, 1)
    assert str(caught.value) == (
        "study 3 was changed in the meantime: its version is 2, the request has 1; read the study again"
    )
