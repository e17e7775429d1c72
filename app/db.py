"""The database: one engine for short writes, one for reads, and the clock and counter all share."""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, event, make_url, text, update
from sqlalchemy.engine import URL
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.sql.functions import GenericFunction
from sqlalchemy.types import Float
from sqlmodel import Session, col, create_engine, select

from app.models import Counter

try:  # Linux wheels carry a newer SQLite than the interpreter's
    import pysqlite3.dbapi2 as sqlite  # type: ignore[import-untyped]
except ImportError:
    sqlite = sqlite3

log = logging.getLogger(__name__)

_SAFE_WAL: Final = (3, 51, 3)
"""Below this, SQLite's WAL can lose commits with several connections: sqlite.org/wal.html#walresetbug."""


class now(GenericFunction[float]):  # noqa: N801  # reads as the SQL function it is
    """Seconds since 1970 on the database's clock, to the millisecond that answers show."""

    type = Float()
    name = "depthboard_now"
    inherit_cache = True


@compiles(now, "sqlite")
def _now_sqlite(*_: object, **__: object) -> str:
    return "round((julianday('now') - 2440587.5) * 86400.0, 3)"


@compiles(now, "postgresql")
def _now_postgresql(*_: object, **__: object) -> str:
    return "round(extract(epoch from clock_timestamp()), 3)::float8"


class Database:
    """Sessions on one database; a write is one short transaction that holds the write lock from its start.

    On SQLite a write waits for others at most `busy_seconds`; then it raises `OperationalError`.
    """

    def __init__(self, url: str, busy_seconds: float = 10.0) -> None:
        self.url = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        if self.is_sqlite:
            _prepare_folder(self.url)
            self._writer = _sqlite_engine(self.url, busy_seconds, begin="BEGIN IMMEDIATE")
            self._reader = _sqlite_engine(self.url, busy_seconds, begin="BEGIN")
        else:
            self._writer = self._reader = create_engine(self.url, pool_pre_ping=True)

    @property
    def engine(self) -> Engine:
        """The engine for writes, for migrations and tools."""
        return self._writer

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session whose block is one transaction: committed at its end, rolled back on an exception."""
        with Session(self._writer, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that sees one moment of the database; close it soon, it pins that moment."""
        with Session(self._reader, expire_on_commit=False) as session:
            yield session

    def close(self) -> None:
        """Close every connection."""
        self._writer.dispose()
        self._reader.dispose()


def clock(session: Session) -> float:
    """The database's time in seconds since 1970."""
    return float(session.exec(select(now())).one())


def next_change(session: Session, count: int = 1) -> int:
    """Raise the counter by `count` and return the first of the new numbers.

    The counter's row is locked until the transaction ends, so that numbers become visible in order.
    """
    raised = update(Counter).values(value=Counter.value + count).returning(col(Counter.value))
    newest: int = session.execute(raised).scalars().all()[0]
    return newest - count + 1


def newest_change(session: Session) -> int:
    """The number of the newest committed change."""
    return session.exec(select(Counter.value)).one()


def _prepare_folder(url: URL) -> None:
    if url.database and url.database != ":memory:":
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)


def _sqlite_engine(url: URL, busy_seconds: float, *, begin: str) -> Engine:
    engine = create_engine(
        url, module=sqlite, connect_args={"check_same_thread": False, "timeout": busy_seconds}
    )
    wal = sqlite.sqlite_version_info >= _SAFE_WAL
    if not wal:
        log.warning(
            "SQLite %s has a race in its write-ahead log; using a rollback journal, which is slower. "
            "Install pysqlite3 or a Python with SQLite 3.51.3 or newer.",
            sqlite.sqlite_version,
        )

    @event.listens_for(engine, "connect")
    def _connected(connection: sqlite3.Connection, _: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # transactions begin where the listener below says, not by guess
        for pragma in (
            f"busy_timeout={busy_seconds * 1000:.0f}",
            f"journal_mode={'WAL' if wal else 'TRUNCATE'}",
            "synchronous=FULL",
            "foreign_keys=ON",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.execute(text(begin))

    return engine
