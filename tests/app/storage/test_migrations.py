"""Schema versions."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from urllib.parse import parse_qsl

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text
from sqlmodel import SQLModel, col, select

from app.queue import admission, claims, machines, pause, run_rows
from app.queue.machines import Use
from app.runs import epoch_columns
from app.runs.listing import matches
from app.runs.listing.query import RunQuery
from app.schemas.bodies import Labels
from app.storage import migrations, outbox, saved_queries
from app.storage.database import Database, newest_change
from app.storage.migrations import SchemaError
from app.storage.tables import Counter, IdempotencyKey, Run, Study
from tests.app.first_schema import FIRST_EPOCH, FIRST_RUN
from tests.app.states import ROOM, claimed, measured, queue_run, row
from tests.postgres import PostgreSQL
from trainer.config import TrainConfig

BACKENDS = ("sqlite", "postgresql")


@pytest.fixture
def empty(tmp_path: Path, backend: str, request: pytest.FixtureRequest) -> Iterator[Database]:
    """A database without any schema."""
    if backend == "postgresql":
        server: PostgreSQL = request.getfixturevalue("postgresql")
        with server.database(template="template0") as url:
            database = Database(url)
            yield database
            database.close()
    else:
        yield Database(f"sqlite:///{tmp_path / 'folder' / 'new.sqlite3'}")


def test_a_new_database_gets_the_newest_schema(empty: Database) -> None:
    assert not migrations.is_current(empty)
    migrations.upgrade(empty)
    assert migrations.is_current(empty)
    with empty.read() as session:
        assert newest_change(session) == 0
    empty.close()


def test_an_upgrade_leaves_a_current_database_as_it_is(database: Database) -> None:
    run_id = queue_run(database)
    migrations.upgrade(database)
    assert row(database, run_id).status == "queued"


def test_the_newest_schema_is_what_the_tables_say(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, SQLModel.metadata) == []
        inspector = inspect(connection)
        for table in SQLModel.metadata.sorted_tables:
            stored = {check["name"] for check in inspector.get_check_constraints(table.name)}
            named = {str(each.name) for each in table.constraints if type(each).__name__ == "CheckConstraint"}
            assert stored == named


def test_the_newest_schema_is_the_last_migration() -> None:
    versions = Path(migrations.__file__).parent / "versions"
    newest = max(path.name for path in versions.glob("[0-9]*.py"))
    assert newest.startswith(migrations.HEAD)


def test_a_database_of_the_first_schema_keeps_its_runs_and_epochs(empty: Database) -> None:
    migrations.upgrade(empty, "0001")
    with empty.write() as session:
        session.execute(text(FIRST_RUN))
        session.execute(text(FIRST_EPOCH))
    assert not migrations.is_current(empty)
    migrations.upgrade(empty)
    with empty.read() as session:
        run = run_rows.get(session, 1)
        assert run.config == TrainConfig(depth=3, epochs=2, seed=7)
        assert (run.parameters, run.test_accuracy, run.resumed_from) == (535_818, 0.91, 0)
        found = epoch_columns.of_run(session, 1)
        assert (found.epoch, found.seconds, found.gradient_norms) == ([1], [0.5], [None])
    with empty.write() as session:
        admission.enqueue(session, [TrainConfig(depth=7, optimizer="adam")], Labels(), limit=ROOM)
    empty.close()


def test_upgrading_an_older_database_erases_stored_responses_of_deleted_runs(empty: Database) -> None:
    migrations.upgrade(empty, "0001")
    with empty.write() as session:
        session.execute(text(FIRST_RUN))
    migrations.upgrade(empty, "0003")
    with empty.write() as session:
        for route, number in (("/runs", 1), ("/runs", 2), ("/studies", 2)):
            session.execute(
                text("INSERT INTO idempotency_key VALUES (:key, :route, '', :number, 1e9, 'told')"),
                {"key": "once" + str(number), "route": route, "number": number},
            )
    migrations.upgrade(empty)
    with empty.read() as session:
        keys = session.exec(
            select(IdempotencyKey).order_by(col(IdempotencyKey.route), col(IdempotencyKey.key))
        )
        assert [key.answer for key in keys] == ["told", "", "told"]
        assert session.exec(select(Counter.origin)).one() == 0
    empty.close()


def test_upgrading_an_older_database_resets_the_loss_counts(empty: Database) -> None:
    """Its one count held lost workers and crashes since the run began; a failed run keeps what failed it."""
    migrations.upgrade(empty, "0001")
    with empty.write() as session:
        for status in ("queued", "running", "failed"):
            session.execute(text(FIRST_RUN.replace("finished", status).replace("1, 0, FALSE", "1, 2, FALSE")))
    migrations.upgrade(empty)
    with empty.read() as session:
        runs = session.exec(select(Run).order_by(col(Run.id))).all()
        found = [(run.status, run.crashes, run.worker_losses) for run in runs]
    assert found == [("queued", 0, 0), ("running", 0, 0), ("failed", 2, 0)]
    empty.close()


def test_runs_of_an_older_database_are_searched_and_sorted_like_new_ones(empty: Database) -> None:
    migrations.upgrade(empty, "0001")
    with empty.write() as session:
        for name in ("Größe 10", "größe 2", "other"):
            session.execute(
                text(FIRST_RUN.replace("'old', '[]', ''", f"'{name}', '[\"\\u00c9\"]', 'Note'")),
            )
        session.execute(text("UPDATE run SET dataset = 'set2' WHERE id = 1"))
    migrations.upgrade(empty)
    with empty.write() as session:
        session.execute(text("UPDATE counter SET value = 100"))  # more than the changes of the rows above
        admission.enqueue(
            session, [TrainConfig(depth=1, dataset="set10")], Labels(name="GRÖSSE 3"), limit=ROOM
        )
    found: dict[str, list[int]] = {}
    with empty.read() as session:
        for query in ("q=GRÖSSE&sort=name", "q=é&sort=id", "q=note&sort=id", "sort=-dataset"):
            parsed = RunQuery.parse(parse_qsl(query), strict=True)
            found[query] = [run.id for run in matches.list_runs(session, parsed).runs]
    assert found == {
        "q=GRÖSSE&sort=name": [2, 4, 1],
        "q=é&sort=id": [1, 2, 3],
        "q=note&sort=id": [1, 2, 3],
        "sort=-dataset": [4, 1, 3, 2],
    }
    empty.close()


def test_names_generated_by_older_versions_are_counted_and_kept(empty: Database) -> None:
    migrations.upgrade(empty, "0001")
    with empty.write() as session:
        for name in ("3 layers, seed 7", "mine", "3 layers, seed 7", "1 layer, seed 7"):
            session.execute(text(FIRST_RUN.replace("'old'", f"'{name}'")))
    migrations.upgrade(empty)
    config = TrainConfig(depth=3, seed=7)
    with empty.write() as session:
        session.execute(text("UPDATE counter SET value = 100"))  # more than the changes of the rows above
        (made,) = admission.enqueue(session, [config], Labels(), limit=ROOM)
    assert made.name == "3 layers, seed 7 · 3"
    found = [row(empty, run_id) for run_id in range(1, 6)]
    assert [(run.name, run.name_base, run.name_repeat) for run in found] == [
        ("3 layers, seed 7", "3 layers, seed 7", 1),
        ("mine", None, None),
        ("3 layers, seed 7", "3 layers, seed 7", 2),
        ("1 layer, seed 7", None, None),
        ("3 layers, seed 7 · 3", "3 layers, seed 7", 3),
    ]
    empty.close()


def test_an_older_study_that_grew_after_results_is_at_its_second_look(empty: Database) -> None:
    """The runs of each study in order: when they were created, and when they finished."""
    studies: dict[int, list[tuple[str, int, int | None]]] = {
        1: [("finished", 10, 20), ("finished", 10, 30)],
        2: [("finished", 10, 20), ("queued", 25, None)],
        3: [("finished", 10, 20), ("finished", 15, 30)],
        4: [("failed", 10, 20), ("queued", 25, None)],
        5: [("queued", 10, None)],
        6: [],
    }
    migrations.upgrade(empty, "0001")
    with empty.write() as session:
        for runs in studies.values():
            for status, _, _ in runs:
                session.execute(text(FIRST_RUN.replace("finished", status)))
    migrations.upgrade(empty, "0007")
    with empty.write() as session:
        run_id = 0
        for study_id, runs in studies.items():
            session.execute(
                text("INSERT INTO study (id, name, created_at) VALUES (:id, 'old', 1)"), {"id": study_id}
            )
            for _, created, finished in runs:
                run_id += 1
                session.execute(
                    text("UPDATE run SET created_at = :created, finished_at = :finished WHERE id = :id"),
                    {"id": run_id, "created": created, "finished": finished},
                )
                session.execute(
                    text("INSERT INTO study_run VALUES (:study, :run)"), {"study": study_id, "run": run_id}
                )
    migrations.upgrade(empty)
    with empty.read() as session:
        after = {study.id: study for study in session.exec(select(Study))}
    assert {study_id: study.look for study_id, study in after.items()} == {1: 1, 2: 2, 3: 1, 4: 1, 5: 1, 6: 1}
    assert {study_id: study.planned for study_id, study in after.items()} == {
        study_id: len(runs) for study_id, runs in studies.items()
    }
    empty.close()


def test_upgrading_finds_the_best_epochs_of_existing_runs(empty: Database) -> None:
    """The highest test accuracy, at the earliest epoch that reached it; a run without epochs has none."""
    accuracies = {1: [0.5, 0.9, 0.7], 2: [0.8, 0.9, 0.9], 3: [0.0], 4: []}
    migrations.upgrade(empty, "0001")
    with empty.write() as session:
        for run_id, measured in accuracies.items():
            session.execute(text(FIRST_RUN))
            for epoch, accuracy in enumerate(measured, 1):
                values = f"({run_id}, {epoch}, {epoch}, 1, 0.5, 0.4, 0.9, 0.6, {accuracy}, 0.5)"
                session.execute(text(f"INSERT INTO epoch VALUES {values}"))  # noqa: S608  # the numbers above
    migrations.upgrade(empty, "0008")
    migrations.upgrade(empty)
    found = {number: row(empty, number) for number in accuracies}
    assert {number: (run.best_epoch, run.best_test_accuracy) for number, run in found.items()} == {
        1: (2, 0.9),
        2: (2, 0.9),
        3: (1, 0.0),
        4: (None, None),
    }
    with empty.read() as session:
        assert session.exec(select(Counter.epochs, Counter.queue_change)).one() == (7, 0)
    empty.close()


def test_an_upgraded_run_that_resumes_improves_on_its_best_epoch(empty: Database) -> None:
    migrations.upgrade(empty, "0001")
    with empty.write() as session:
        session.execute(text(FIRST_RUN))
        session.execute(text("UPDATE run SET status = 'queued', epochs_done = 1"))
        session.execute(text(FIRST_EPOCH))
    migrations.upgrade(empty)
    claim = claimed(empty)
    with empty.write() as session:
        assert claims.report_start(session, claim, "cpu", {}, 1)
    assert row(empty, 1).best_epoch == 1
    with empty.write() as session:
        assert claims.record_epoch(session, claim, measured(2, test_accuracy=0.95))
    run = row(empty, 1)
    assert (run.best_epoch, run.best_test_accuracy) == (2, 0.95)
    empty.close()


def test_an_upgraded_database_takes_what_newer_versions_store(empty: Database) -> None:
    migrations.upgrade(empty, "0007")
    with empty.write() as session:
        session.execute(text("INSERT INTO study (id, name, created_at) VALUES (1, 'old', 1)"))
    migrations.upgrade(empty)
    with empty.write() as session:
        study = session.exec(select(Study)).one()
        assert (study.description, study.tags, study.archived, study.version) == ("", [], False, 1)
        assert pause.since(session) is None
        assert pause.begin(session)
        assert saved_queries.save(session, "view", "deep", "depth=7", overwrite=False).id == 1
        assert machines.record(session, "host", Use(cores=2, cpu=0.5, memory_used=2**40, memory_total=2**41))
        assert not outbox.anything_due(session)
        outbox.put_failure(session, 1, "diverged")
        notice = outbox.claim(session)
        assert notice is not None
        assert (notice.subject, notice.reason, notice.tries) == (1, "diverged", 1)
    empty.close()


def test_a_newer_schema_is_refused_with_advice(database: Database) -> None:
    with database.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SchemaError, match="schema version 9999"):
        migrations.is_current(database)
    with pytest.raises(SchemaError, match=r"schema version 9999.*use the newer Depthboard"):
        migrations.upgrade(database)
    with database.engine.connect() as connection:
        assert migrations.version(connection) == "9999"


def test_a_migration_that_breaks_leaves_nothing_behind(
    empty: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    from alembic import op  # noqa: PLC0415

    def broken(_: str) -> None:
        raise RuntimeError("the last step")

    monkeypatch.setattr(op, "execute", broken)
    with pytest.raises(RuntimeError, match="the last step"):
        migrations.upgrade(empty)
    with empty.engine.connect() as connection:
        assert inspect(connection).get_table_names() == []
    monkeypatch.undo()
    migrations.upgrade(empty)
    assert migrations.is_current(empty)
    empty.close()


def test_servers_starting_together_migrate_once(empty: Database) -> None:
    others = [Database(empty.url.render_as_string(hide_password=False)) for _ in range(3)]
    together = Barrier(len(others))

    def start(database: Database) -> None:
        together.wait()
        migrations.upgrade(database)

    with ThreadPoolExecutor(len(others)) as threads:
        for done in [threads.submit(start, each) for each in others]:
            done.result()
    assert all(migrations.is_current(each) for each in others)
    for each in others:
        each.close()
