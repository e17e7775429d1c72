"""Verification: the same training again, and what the comparison says."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from app.queue import actions, claims, endings, run_rows
from app.queue.run_rows import RunNotFound, WrongState
from app.runs import verification
from app.schemas.runs import Verification
from app.settings import Settings
from app.storage import artifacts
from app.storage.database import Database
from app.storage.tables import Epoch
from tests.app import states
from tests.app.states import RESULTS, ROOM
from trainer.files import tensor_file

BACKENDS = ("sqlite", "postgresql")
FACTS = {"torch": "2", "threads": "1", "data_sha256": "abc"}


def weigh(
    settings: Settings, run_id: int, *, device: str = "auto", weight: float = 0.5, attempt: int = 1
) -> None:
    """Store weights as a worker does, with the settings in the file's metadata."""
    path = artifacts.of_run(settings.artifacts, run_id).model(attempt)
    tensor_file.write(path, {"0.weight": np.full((2, 3), weight, np.float32)}, {"config": {"device": device}})


def original(database: Database, settings: Settings, **config: Any) -> int:
    """A finished run with weights."""
    run_id = states.finished_run(database, **config)
    with database.write() as session:
        run_rows.get(session, run_id).environment = dict(FACTS)
    weigh(settings, run_id)
    return run_id


def queue(database: Database, settings: Settings, run_id: int) -> int:
    with database.write() as session:
        return verification.queue(session, run_id, settings, limit=ROOM).id or 0


def train(
    database: Database,
    *,
    environment: Mapping[str, str] = FACTS,
    changed: Mapping[int, Mapping[str, Any]] | None = None,
    results: Mapping[str, float] = RESULTS,
) -> None:
    """Train the queued run with the figures of all runs in these tests, except for `changed` epochs."""
    claim = states.claimed(database)
    with database.write() as session:
        assert claims.report_start(session, claim, "cpu", dict(environment), 0)
        for epoch in range(1, claim.config.epochs + 1):
            record = states.measured(epoch, **{"seconds": 9.0, **(changed or {}).get(epoch, {})})
            assert claims.record_epoch(session, claim, record)
        assert endings.finish(session, claim, dict(results))


def judged(database: Database, settings: Settings, run_id: int) -> Verification:
    with database.read() as session:
        found = verification.of(session, run_rows.get(session, run_id), settings.artifacts)
    assert found is not None
    return found


def test_the_new_run_has_the_settings_kind_of_device_and_threads_of_the_first(
    database: Database, settings: Settings
) -> None:
    first = original(database, settings, depth=2, lr=0.1, seed=7)
    states.study_of(database, [first])
    with database.write() as session:
        run_rows.get(session, first).threads = 3
    repeated = queue(database, settings, first)
    row, old = states.row(database, repeated), states.row(database, first)
    assert (row.verifies, row.status, row.threads, row.study_id) == (first, "queued", 3, None)
    assert row.config == old.config.model_copy(update={"device": "cpu"})
    assert row.name == f"Verification of run {first}"
    again = states.row(database, queue(database, settings, first))
    assert again.name == f"Verification of run {first} · 2"
    claim = states.take(database, threads=8)
    assert claim is not None
    assert claim.threads == 3


def test_only_finished_runs_with_weights_and_data_are_verified(
    database: Database, settings: Settings
) -> None:
    queued = states.queue_run(database)
    with pytest.raises(WrongState, match="is queued; only a finished run can be verified"):
        queue(database, settings, queued)
    with database.write() as session:
        endings.cancel_waiting(session, [queued])
    bare = states.finished_run(database)
    with pytest.raises(WrongState, match="its weights file is missing or damaged"):
        queue(database, settings, bare)
    gone = original(database, settings, dataset="gone")
    with pytest.raises(WrongState, match="there is no usable data set 'gone'"):
        queue(database, settings, gone)
    with pytest.raises(RunNotFound):
        queue(database, settings, 999)


def test_equal_records_and_weights_are_bit_identical(database: Database, settings: Settings) -> None:
    first = original(database, settings)
    repeated = queue(database, settings, first)
    assert judged(database, settings, first).status == "pending"
    train(database)
    weigh(settings, repeated, device="cpu")
    for run_id in (first, repeated):
        found = judged(database, settings, run_id)
        assert (found.run_id, found.of, found.status) == (repeated, first, "bit-identical")
        assert (found.first_epoch, found.differences, found.weights_identical) == (None, {}, True)
        assert found.sentence == (
            f"Run {repeated} is bit-identical to run {first}: the records of all 3 epochs, the final figures "
            "and the weights."
        )


def test_a_difference_is_measured_from_its_first_epoch_on(database: Database, settings: Settings) -> None:
    first = original(database, settings)
    repeated = queue(database, settings, first)
    train(
        database,
        environment={**FACTS, "torch": "3", "threads": "2"},
        changed={2: {"test_loss": 1.1 + 2e-7}, 3: {"test_accuracy": 0.8 - 1e-3}},
        results={**RESULTS, "train_loss": 0.25},
    )
    weigh(settings, repeated, weight=0.25)
    found = judged(database, settings, first)
    assert (found.status, found.first_epoch, found.weights_identical) == ("different", 2, False)
    assert found.differences == pytest.approx(
        {"test_loss": 2e-7, "test_accuracy": 1e-3, "final_train_loss": 0.05}
    )
    assert found.reason == "Likely reason: CPU threads 2 instead of 1 and PyTorch 3 instead of 2."
    assert found.sentence == (
        f"Run {repeated} differs from run {first} from epoch 2 on: losses by at most 0.05 nats, accuracies "
        f"by at most 0.1 pp, the weights differ. {found.reason}"
    )


@pytest.mark.parametrize("name", ["gradient_norms", "dead_relu"])
def test_measurements_by_layer_are_compared_where_both_runs_have_them(
    database: Database, settings: Settings, name: str
) -> None:
    first = original(database, settings)
    repeated = queue(database, settings, first)
    train(database, changed={3: {name: [0.125]}})
    weigh(settings, repeated)
    found = judged(database, settings, repeated)
    assert (found.status, found.first_epoch, found.differences) == ("different", 3, {})
    assert found.reason is not None
    assert found.reason.startswith("Both runs recorded the same device")
    with database.write() as session:
        epoch = session.get(Epoch, (first, 3))
        assert epoch is not None
        setattr(epoch, name, None)
    assert judged(database, settings, repeated).status == "bit-identical"


def test_weights_alone_can_differ(database: Database, settings: Settings) -> None:
    first = original(database, settings)
    repeated = queue(database, settings, first)
    train(database)
    weigh(settings, repeated, weight=0.25)
    found = judged(database, settings, repeated)
    assert (found.status, found.first_epoch, found.weights_identical) == ("different", None, False)
    assert "after equal records of all 3 epochs: the weights differ." in found.sentence
    artifacts.of_run(settings.artifacts, first).remove()
    found = judged(database, settings, repeated)
    assert (found.status, found.weights_identical) == ("not comparable", None)


def test_what_can_not_be_compared_says_why(database: Database, settings: Settings) -> None:
    first = original(database, settings)
    repeated = queue(database, settings, first)
    train(database, environment={**FACTS, "data_sha256": "other"})
    weigh(settings, repeated)
    found = judged(database, settings, first)
    assert (found.status, found.reason) == ("not comparable", "The files of the data set mnist have changed.")
    second = queue(database, settings, first)
    claim = states.claimed(database)
    with database.write() as session:
        assert endings.fail(session, claim, "it broke")
    found = judged(database, settings, first)
    assert (found.run_id, found.reason) == (second, f"Run {second} failed: it broke.")
    with database.write() as session:
        actions.remove(session, first)
    assert judged(database, settings, repeated).reason == f"Run {first} was deleted."


def test_a_run_without_verification_has_none(database: Database, settings: Settings) -> None:
    first = original(database, settings)
    with database.read() as session:
        assert verification.of(session, run_rows.get(session, first), settings.artifacts) is None
