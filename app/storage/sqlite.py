"""Connections to SQLite: durable settings and explicit transactions."""

import json
import logging
import os
import secrets
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import quote, unquote_to_bytes, urlsplit

from sqlalchemy import Connection, Dialect, Engine, create_engine, event, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from app.storage.open_files import OpenFiles
from trainer.files.durable import TEMPORARY

try:  # a Linux wheel with a newer SQLite than the interpreter's
    import pysqlite3.dbapi2 as sqlite  # type: ignore[import-untyped]
except ImportError:
    sqlite = sqlite3

DRIVER: Final = sqlite
"""The module that creates all connections."""

log = logging.getLogger(__name__)

_SAFE_WAL: Final = (3, 51, 3)
"""Before this version, WAL can lose commits of several connections: sqlite.org/wal.html#walresetbug."""

_MEMORY: Final = ":memory:"

COMPILED_STATEMENTS: Final = 150
"""How many compiled statements SQLAlchemy caches per engine: the application's, and some filters.

Clients can request any number of different filters, each of which takes about 150 KB.
"""

PREPARED_STATEMENTS: Final = 32
"""How many prepared statements each connection caches."""

_PAGES_OF_READERS: Final = 200
"""KiB of pages that a connection for reads keeps, instead of SQLite's 2,000.

Any commit of another connection makes it discard them, and the operating system caches the file anyway.
"""

_PAUSE_SECONDS: Final = 0.01
_LONG: Final = 0.1 + 0.2
"""A float that needs all 17 digits; many versions of SQLite write only 15 into JSON."""


def _use_journal(connection: sqlite3.Connection, mode: str, busy_seconds: float) -> None:
    """Set the journal mode. Retries, because SQLite fails instead of waiting if others set it, too."""
    deadline = time.monotonic() + busy_seconds
    while True:
        try:
            connection.execute(f"PRAGMA journal_mode={mode}")
        except sqlite.OperationalError as error:
            if error.sqlite_errorcode != sqlite.SQLITE_BUSY or time.monotonic() >= deadline:
                raise
            time.sleep(_PAUSE_SECONDS)
        else:
            return


class Turns:
    """Admits the writers of one process one at a time, each as soon as the previous one has ended.

    SQLite itself makes a waiting writer poll for the lock with growing pauses. Among many writers, one may
    wait long while later ones overtake it.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        """Wait for the lock.

        Raises:
            OperationalError: the lock was not free in time; with SQLite's message.
        """
        if not self._lock.acquire(timeout=self._seconds):
            raise OperationalError("BEGIN IMMEDIATE", None, sqlite.OperationalError("database is locked"))

    def __exit__(self, *_: object) -> None:
        """Release the lock."""
        self._lock.release()


class JsonArray:
    """Replaces `json_group_array` where SQLite's own rounds floats."""

    def __init__(self) -> None:
        self._values: list[object] = []

    def step(self, value: object) -> None:
        """Add a value of the group."""
        self._values.append(value)

    def finalize(self) -> str:
        """Returns the group as JSON."""
        return json.dumps(self._values)


def file(url: URL) -> Path | None:
    """Returns the path of a database file; None for a database in memory or on a server."""
    if url.get_backend_name() != "sqlite":
        return None
    name = url.database or _MEMORY
    if "uri" in url.query:  # the name is a URI, such as file:/srv/depthboard.sqlite3
        name = os.fsdecode(unquote_to_bytes(urlsplit(name).path))
    return None if name == _MEMORY or url.query.get("mode") == "memory" else Path(name)


def uri(path: Path, how: str) -> str:
    """Returns a SQLite URI of a path, with options."""
    return f"file:{quote(os.fsencode(path.absolute()))}?{how}"


def create(path: Path) -> None:
    """Create an empty database if there is no file; other processes never see it incomplete."""
    if path.exists():
        return
    path = Path(os.path.realpath(path))  # a link may lead to a missing file
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{secrets.token_hex(4)}{TEMPORARY}")  # short: SQLite limits paths
    try:
        with closing(sqlite.connect(temporary)) as connection:
            connection.execute("PRAGMA user_version=0")  # writes the first page
        try:
            os.link(temporary, path)
        except FileExistsError:  # another process has created it
            pass
        except OSError:  # a file system without links
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def engines(url: URL, busy_seconds: float, files: OpenFiles | None) -> tuple[Engine, Engine]:
    """Returns an engine for writes, whose transactions start with the write lock, and one for reads."""
    reader = _engine(url, busy_seconds, "BEGIN", files)

    @event.listens_for(reader, "connect")
    def _connected(connection: sqlite3.Connection, _: ConnectionPoolEntry) -> None:
        connection.execute(f"PRAGMA cache_size=-{_PAGES_OF_READERS}")

    return _engine(url, busy_seconds, "BEGIN IMMEDIATE", files), reader


def _engine(url: URL, busy_seconds: float, begin: str, files: OpenFiles | None) -> Engine:
    connecting = {
        "check_same_thread": False,
        "timeout": busy_seconds,
        "cached_statements": PREPARED_STATEMENTS,
    }
    engine = create_engine(url, module=sqlite, connect_args=connecting, query_cache_size=COMPILED_STATEMENTS)
    wal = sqlite.sqlite_version_info >= _SAFE_WAL
    if not wal:
        log.warning(
            "SQLite %s has a race in its write-ahead log; using a rollback journal, which is slower. "
            "Install pysqlite3 or a Python with SQLite 3.51.3 or newer.",
            sqlite.sqlite_version,
        )

    def prepare(connection: sqlite3.Connection) -> None:
        connection.isolation_level = None  # the listener below begins transactions, not the driver
        connection.execute(f"PRAGMA busy_timeout={busy_seconds * 1000:.0f}")
        _use_journal(connection, "WAL" if wal else "TRUNCATE", busy_seconds)
        connection.execute("PRAGMA schema_version").fetchone()  # a first read opens the log
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        (written,) = connection.execute("SELECT json_group_array(?)", (_LONG,)).fetchone()
        if json.loads(written) != [_LONG]:
            connection.create_aggregate("json_group_array", 1, JsonArray)  # type: ignore[arg-type]

    @event.listens_for(engine, "connect")
    def _connected(connection: sqlite3.Connection, _: ConnectionPoolEntry) -> None:
        try:
            prepare(connection)
            if files:
                files.opened(logged=wal)
        except BaseException:
            connection.close()
            raise

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        if files:
            files.check()
        connection.execute(text(begin))

    if files:
        _watch(engine, files)
    return engine


def data_version(connection: Connection, files: OpenFiles | None) -> int:
    """Returns a number that changes when another connection commits; needs no transaction.

    Raises:
        Misplaced: the file is missing or replaced.
        OperationalError: the file can't be read.
    """
    if files:
        files.check()
    statement = "PRAGMA data_version"
    opened = cast("sqlite3.Connection", connection.connection.driver_connection)  # it is not detached
    try:
        (version,) = opened.execute(statement).fetchone()
    except sqlite.Error as error:
        raise OperationalError(statement, None, error) from error
    return int(version)


def _watch(engine: Engine, files: OpenFiles) -> None:
    """Make connections open the existing file and never create a new one."""

    @event.listens_for(engine, "do_connect")
    def _connecting(_: Dialect, __: ConnectionPoolEntry, words: list[Any], options: dict[str, Any]) -> None:
        files.check()
        words[0] = uri(files.path, "mode=rw")
        options["uri"] = True

    @event.listens_for(engine, "close")
    def _closed(_: sqlite3.Connection, __: ConnectionPoolEntry) -> None:
        files.closed()
