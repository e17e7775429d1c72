"""What all tests share."""

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from app.settings import Settings
from app.storage import migrations
from app.storage.database import Database
from tests import compiled_once, forked, postgres
from tests.few import contents
from tests.forked import Forks
from tests.postgres import PostgreSQL
from tests.processes import LOCAL, Engine
from tests.reliability import SCALE
from tests.trainer import idx_files

MEMORY = Path("/dev/shm")  # noqa: S108  # only its existence and room are relied on
ROOM = 4 * 2**30
"""Bytes that temporary files of all tests may take."""

REQUIRE_ALL = "DEPTHBOARD_REQUIRE_ALL"
LONG = (
    "tests/reliability/",
    "tests/end_to_end/",
    "tests/browser/",
    "tests/test_packaging.py",
    "tests/app/worker/cluster/test_ray_engine.py",
    "tests/app/worker/test_loop.py",
    "tests/app/test_cli.py",
)
"""Paths of slow tests; each file stays in one process."""

SLOW = (
    *LONG,
    "tests/test_readme.py",
    "tests/app/commands/test_backup.py",
    "tests/app/commands/test_supervisor.py",
    "tests/app/compare/test_offers.py",
    "tests/app/queue/forecasting/test_estimate.py",
    "tests/app/test_cli_output.py",
    "tests/app/test_exact_numbers.py",
    "tests/app/test_client.py",
    "tests/app/test_data_folder.py",
    "tests/app/test_interpreter.py",
    "tests/app/queue/forecasting/test_forecast.py",
    "tests/app/storage/test_database.py",
    "tests/app/storage/test_open_files.py",
    "tests/app/web/test_connections.py",
    "tests/app/web/test_events.py",
    "tests/app/web/test_housekeeping.py",
    "tests/app/worker/cluster/test_place.py",
    "tests/app/worker/cluster/test_ray_slot.py",
    "tests/app/worker/test_slot",  # and test_slot_process.py
    "tests/app/worker/test_stall.py",
    "tests/trainer/files/test_checkpoint.py",
    "tests/trainer/data/test_loading.py",
    "tests/trainer/data/test_idx.py",
    "tests/trainer/data/test_inspection.py",
    "tests/trainer/training/test_loop.py",
    "tests/trainer/training/test_optimizer.py",
    "tests/trainer/training/test_schedule.py",
    "tests/trainer/test_streams.py",
    "tests/trainer/test_terminal.py",
    "tests/trainer/files/test_weights.py",
)
"""Paths of tests that start processes or are slow: `make check` skips them and tests marked `slow`."""

_starting: list[str] = []
"""The current test, if it must not start a process."""


def pytest_configure() -> None:
    """Keep temporary files in memory if there is room: on a disk, SQLite waits for it at every commit."""
    has_room = MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= ROOM
    if has_room and "TMPDIR" not in os.environ:
        os.environ["TMPDIR"] = str(MEMORY)
        tempfile.tempdir = None


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """One process for each core, and one more if many tests wait for processes that they start."""
    waiting = 0 if config.getoption("markexpr") == "fast" else 1
    return min(4, (os.cpu_count() or 1) + waiting)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Skip loading of the files that `-m fast` would deselect."""
    if config.getoption("markexpr") != "fast" or not collection_path.is_relative_to(config.rootpath):
        return None
    place = collection_path.relative_to(config.rootpath).as_posix()
    return f"{place}/".startswith(SLOW) or place.startswith(SLOW) or None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark fast tests, and start with slow ones, so that no process is still busy with them at the end."""
    for item in items:
        if _is_fast(item):
            item.add_marker("fast")
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))


def _is_fast(item: pytest.Item) -> bool:
    """Whether a test runs on SQLite, starts no process and is not slow."""
    chosen = getattr(item, "callspec", None)
    needs_process = not {"postgresql", "forks"}.isdisjoint(getattr(item, "fixturenames", ()))
    on_server = chosen is not None and any(value == "postgresql" for value in chosen.params.values())
    marked = item.get_closest_marker("slow") or item.get_closest_marker("gpu")
    return not (item.nodeid.startswith(SLOW) or needs_process or on_server or marked)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Fail fast tests that start a process."""
    if item.get_closest_marker("fast"):
        _starting.append(item.nodeid)
    try:
        return (yield)
    finally:
        _starting.clear()


def _no_process(event: str, _: object) -> None:
    if event == "subprocess.Popen" and _starting:
        raise AssertionError(f"{_starting[0]} starts a process: mark it with pytest.mark.slow")


sys.addaudithook(_no_process)


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Fail skipped tests if the environment says that all tests can run."""
    if report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{REQUIRE_ALL} is set, and this was skipped: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if os.environ.get(REQUIRE_ALL) and item.get_closest_marker("gpu") is None:
        _refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if os.environ.get(REQUIRE_ALL):
        _refuse_skip(report)
    return report


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """A PostgreSQL server of this test process."""
    with postgres.running() as server:
        yield server


@pytest.fixture(scope="session")
def forks(_own_settings: None, _signals_of_a_terminal: None) -> Iterator[Forks]:
    """Processes that start immediately."""
    with forked.forking() as started:
        yield started


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run tests of a module with `BACKENDS` on each of these databases, unless a test selects its own.

    Those with an `engine` and the mark `on_ray` also run with a Ray cluster; in the long form, all do.
    The others name their engine too: a fixture without a parameter is not shared with one that has one.
    """
    backends = getattr(metafunc.module, "BACKENDS", None)
    chosen = any("backend" in mark.args[0] for mark in metafunc.definition.iter_markers("parametrize"))
    if backends and not chosen and "backend" in metafunc.fixturenames:
        metafunc.parametrize("backend", backends, indirect=True)
    with_ray = SCALE > 1 or any(metafunc.definition.iter_markers("on_ray"))
    if "engine" in metafunc.fixturenames:
        metafunc.parametrize("engine", ["local", "ray"] if with_ray else ["local"], indirect=True)


@pytest.fixture(scope="module")
def backend(request: pytest.FixtureRequest) -> str:
    """The database of a test: SQLite unless its module selects another."""
    chosen: str = getattr(request, "param", "sqlite")
    return chosen


@pytest.fixture(scope="module")
def cluster_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """The engine of a Ray cluster of two nodes."""
    from tests import cluster  # noqa: PLC0415  # Ray may be missing

    with cluster.started(tmp_path_factory.mktemp("cache")) as nodes:
        nodes.add()
        nodes.add()
        yield nodes.engine


@pytest.fixture(scope="module")
def engine(request: pytest.FixtureRequest) -> Engine:
    """Where the dashboards of a test train: on this machine, unless the test selects a cluster."""
    if getattr(request, "param", "local") == "local":
        return LOCAL
    found: Engine = request.getfixturevalue("cluster_engine")
    return found


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database file with the newest schema, to be copied."""
    path = tmp_path_factory.mktemp("migrated") / "depthboard.sqlite3"
    database = Database(f"sqlite:///{path}")
    migrations.upgrade(database)
    database.close()
    return path


@pytest.fixture(scope="session")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a data set of a few images, to be linked into data folders."""
    return idx_files.write(tmp_path_factory.mktemp("few"), contents())


@pytest.fixture(scope="session", autouse=True)
def _signals_of_a_terminal() -> None:
    """Let Ctrl-C and a hang-up end processes, even if the tests were started in the background."""
    for number, handler in (
        (signal.SIGINT, signal.default_int_handler),
        (signal.SIGHUP, signal.SIG_DFL),
    ):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, handler)


@pytest.fixture(scope="session", autouse=True)
def _own_settings() -> Iterator[None]:
    """Remove settings in the environment."""
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ:
            if name.startswith("DEPTHBOARD_") and name != REQUIRE_ALL:
                patch.delenv(name)
        yield


@pytest.fixture(scope="session", autouse=True)
def _compiled_once() -> Iterator[None]:
    """Let the processes that tests start cache compiled modules, because tests start hundreds of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        yield


@pytest.fixture(scope="session", autouse=True)
def _statements_compiled_once() -> Iterator[None]:
    """Compile each statement once in a process that opens thousands of databases."""
    with compiled_once.shared():
        yield


@pytest.fixture
def settings(
    tmp_path: Path, migrated: Path, backend: str, request: pytest.FixtureRequest
) -> Iterator[Settings]:
    """Settings of a new installation with an empty database."""
    if backend == "postgresql":
        server: PostgreSQL = request.getfixturevalue("postgresql")
        with server.emptied() as url:
            yield Settings(data_dir=tmp_path, database_url=url)
    else:
        shutil.copy(migrated, tmp_path)
        yield Settings(data_dir=tmp_path)


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    """An empty database with the newest schema."""
    database = Database(settings.url)
    yield database
    database.close()
