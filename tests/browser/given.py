"""Finished runs whose epochs are given, however odd."""

from collections.abc import Mapping, Sequence
from typing import Any

from app.queue import claims, endings
from app.storage.database import Database
from tests.app.states import RESULTS, claimed, measured, queue_run


def given(
    database: Database,
    columns: Mapping[str, Sequence[Any]],
    *,
    results: dict[str, float] | None = None,
    **config: Any,
) -> int:
    """The id of a new finished run with these columns; other columns are those of `figures`.

    It was to train for as many epochs as there are values, unless `config` has others.
    """
    epochs = len(next(iter(columns.values())))
    run_id = queue_run(database, **{"epochs": epochs, **config})
    claim = claimed(database)
    with database.write() as session:  # one transaction: each waits for the disk
        claims.report_start(session, claim, "cpu", {"train_images": "60000"}, 0)
        for epoch in range(1, epochs + 1):
            other = {name: values[epoch - 1] for name, values in columns.items()}
            assert claims.record_epoch(session, claim, measured(epoch, **other))
        assert endings.finish(session, claim, {**RESULTS, **(results or {})})
    return run_id
