"""What runs recorded epoch by epoch, as columns and as JSON of the database."""

import sqlite3
import struct

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert

from app.runs import epoch_columns
from app.schemas.epochs import CURVES
from app.storage.database import Database
from app.storage.sqlite import JsonArray
from app.storage.tables import Epoch
from tests.app.states import claimed, figures, finished_run, queue_run, record

BACKENDS = ("sqlite", "postgresql")

AWKWARD = [
    0.1 + 0.2,
    1.0,
    2 / 3,
    59_999 / 60_000,
    0.70451662481121358,
    1.25e-7,
    1e22,
    5e-324,
    struct.unpack("<f", struct.pack("<f", 0.1))[0],
]
"""Floats that are not themselves any more when written with fewer than 17 digits, or look unlike others."""


def curves(database: Database, *run_ids: int) -> dict[str, dict[str, list[float]]]:
    with database.read() as session:
        texts = orjson.dumps(epoch_columns.curves_json(session, run_ids), option=orjson.OPT_NON_STR_KEYS)
    found: dict[str, dict[str, list[float]]] = orjson.loads(texts)
    return found


def fill(database: Database, run_id: int, losses: list[float], order: int = 1) -> None:
    rows = [
        {"run_id": run_id, "epoch": epoch, "change": 0, "attempt": 1, **figures(epoch), "test_loss": loss}
        for epoch, loss in enumerate(losses, 1)
    ]
    with database.write() as session:
        session.execute(insert(Epoch), rows[::order])


def test_curves_hold_every_epoch_of_every_run(database: Database) -> None:
    done = finished_run(database, epochs=5)
    queue_run(database)
    running = claimed(database)
    record(database, running, 1)
    waiting = queue_run(database)
    found = curves(database, done, running.run_id, 99)
    assert list(found) == [str(done), str(running.run_id), "99"]
    assert list(found[str(done)]) == list(CURVES)
    assert found[str(done)]["epoch"] == [1, 2, 3, 4, 5]
    for name in ("train_loss", "last_batch_loss", "train_accuracy", "test_loss", "test_accuracy", "seconds"):
        assert found[str(done)][name] == [figures(epoch)[name] for epoch in range(1, 6)]
    assert found[str(running.run_id)]["epoch"] == [1]
    assert curves(database, waiting) == {str(waiting): {name: [] for name in CURVES}}
    assert curves(database) == {}


def test_curves_are_in_order_and_exact_to_the_last_bit(database: Database) -> None:
    first, second = queue_run(database), queue_run(database)
    fill(database, second, AWKWARD, order=-1)
    fill(database, first, AWKWARD[::-1])
    found = curves(database, second, first)
    assert found[str(second)]["epoch"] == list(range(1, len(AWKWARD) + 1))
    assert found[str(second)]["test_loss"] == AWKWARD
    assert found[str(first)]["test_loss"] == AWKWARD[::-1]


def test_epoch_columns_include_curves_and_layer_values(database: Database) -> None:
    done, waiting = finished_run(database, epochs=5), queue_run(database)
    with database.read() as session:
        found = epoch_columns.of_runs(session, [done, waiting])
        assert epoch_columns.of_run(session, done) == found[done]
    assert found[done].model_dump(include=set(CURVES)) == curves(database, done)[str(done)]
    assert len(found[done].gradient_norms) == len(found[done].dead_relu) == 5
    assert set(map(len, found[waiting].model_dump().values())) == {0}


def test_seconds_to_an_accuracy_are_those_of_the_epochs_up_to_the_first_that_has_it(
    database: Database,
) -> None:
    runs = {name: queue_run(database) for name in ("at once", "dips", "never", "no epoch")}
    reached = {"at once": [0.97, 0.98], "dips": [0.5, 0.96, 0.97, 0.96, 0.99], "never": [0.9699999, 0.1]}
    with database.write() as session:
        session.execute(
            insert(Epoch),
            [
                {"run_id": runs[name], "epoch": epoch, "change": 0, "attempt": 1}
                | figures(epoch)
                | {"test_accuracy": accuracy, "seconds": 2.0**epoch}
                for name, accuracies in reached.items()
                for epoch, accuracy in enumerate(accuracies, 1)
            ],
        )
    with database.read() as session:
        found = epoch_columns.seconds_to(session, runs.values(), 0.97)
        assert found == {runs["at once"]: 2.0, runs["dips"]: 14.0}
        assert epoch_columns.seconds_to(session, [runs["dips"]], 0.98) == {runs["dips"]: 62.0}


@pytest.fixture(scope="module")
def old_sqlite() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    connection.create_aggregate("json_group_array", 1, JsonArray)  # type: ignore[arg-type]
    return connection


NUMBERS = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)


@given(values=st.lists(st.none() | NUMBERS, min_size=1))
def test_the_array_for_older_sqlites_is_exact(
    old_sqlite: sqlite3.Connection, values: list[float | None]
) -> None:
    old_sqlite.execute("CREATE TEMP TABLE numbers (value)")
    try:
        old_sqlite.executemany("INSERT INTO numbers VALUES (?)", [(value,) for value in values])
        (text,) = old_sqlite.execute("SELECT json_group_array(value) FROM numbers").fetchone()
    finally:
        old_sqlite.execute("DROP TABLE numbers")
    assert orjson.loads(text) == values
