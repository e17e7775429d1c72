"""The database: an engine for short writes, an engine for reads, its clock and its change counter."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from time import perf_counter

from sqlalchemy import URL, Connection, Engine, make_url, update
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction
from sqlalchemy.types import Float, Integer, Text
from sqlmodel import Session, col, select

from app.formats import as_utf8
from app.histogram import Histogram
from app.storage import postgresql, sqlite
from app.storage.open_files import Misplaced, OpenFiles
from app.storage.tables import Counter


class now(GenericFunction[float]):  # noqa: N801  # reads as the SQL function it is
    """Seconds since 1970 on the database's clock, to the millisecond, as in responses."""

    type = Float()
    name = "depthboard_now"
    inherit_cache = True


@compiles(now, "sqlite")
def _now_sqlite(*_: object, **__: object) -> str:
    return "round((julianday('now') - 2440587.5) * 86400.0, 3)"


@compiles(now, "postgresql")
def _now_postgresql(*_: object, **__: object) -> str:
    return "round(extract(epoch from clock_timestamp()), 3)::float8"


class json_array(GenericFunction[str]):  # noqa: N801
    """The values of a group as a JSON array, in input order; floats are exact."""

    type = Text()
    name = "depthboard_json_array"
    inherit_cache = True


@compiles(json_array, "sqlite")
def _json_array_sqlite(array: json_array, compiler: SQLCompiler, **options: object) -> str:
    return f"json_group_array({compiler.process(array.clauses, **options)})"


@compiles(json_array, "postgresql")
def _json_array_postgresql(array: json_array, compiler: SQLCompiler, **options: object) -> str:
    return f"json_agg({compiler.process(array.clauses, **options)})::text"


class position(GenericFunction[int]):  # noqa: N801
    """The position of a text in another, from 1; 0 if it is not found. There are no wildcards."""

    type = Integer()
    name = "depthboard_position"
    inherit_cache = True


@compiles(position, "sqlite")
def _position_sqlite(place: position, compiler: SQLCompiler, **options: object) -> str:
    return f"instr({compiler.process(place.clauses, **options)})"


@compiles(position, "postgresql")
def _position_postgresql(place: position, compiler: SQLCompiler, **options: object) -> str:
    return f"strpos({compiler.process(place.clauses, **options)})"


class Database:
    """Sessions on one database; a write is one short transaction that holds the write lock from its start.

    A write waits for others at most `busy_seconds`; then it raises `OperationalError`. On PostgreSQL, a
    write that is idle for `idle_seconds` loses its connection, so that a stopped or disconnected process
    does not block others; 0 means no limit. `writes` has the durations of committed writes.
    """

    def __init__(self, url: str | URL, busy_seconds: float = 10.0, idle_seconds: float = 5.0) -> None:
        self.url = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._path = sqlite.file(self.url)
        self._files = None if self._path is None else OpenFiles(self._path)
        if self.is_sqlite:
            self._writer, self._reader = sqlite.engines(self.url, busy_seconds, self._files)
        else:
            self._writer, self._reader = postgresql.engines(self.url, busy_seconds, idle_seconds)
        self._turns = sqlite.Turns(busy_seconds) if self.is_sqlite else nullcontext()
        self.writes = Histogram()

    @property
    def engine(self) -> Engine:
        """The engine for writes, also used by migrations and tools."""
        return self._writer

    @property
    def engines(self) -> tuple[Engine, Engine]:
        """The engine for writes, and the one for reads."""
        return self._writer, self._reader

    @property
    def exists(self) -> bool:
        """Whether there is a database to connect to; always True for a database server."""
        return self._path is None or self._path.exists()

    def create(self) -> None:
        """Create the database file if it does not exist; connections don't create it."""
        if self._path is not None:
            sqlite.create(self._path)

    @contextmanager
    def write(self, *, turn: bool = True) -> Iterator[Session]:
        """Yields a session; the block is one transaction, committed at its end, rolled back on an exception.

        Without a `turn`, it does not wait for the write lock on PostgreSQL. Such a block must never wait for
        a row while it holds another one, so that it is in no deadlock, and must not raise the change counter.

        Raises:
            Misplaced: the database file is missing or replaced, before the transaction or after its commit.
        """
        began = perf_counter()
        options = {} if turn else {postgresql.WITHOUT_TURN: True}
        writer = self._writer.execution_options(**options)
        with self._turns, Session(writer, expire_on_commit=False) as session, session.begin():
            yield session
        self.writes.add(perf_counter() - began)
        if self._files:
            try:
                self._files.check()
            except Misplaced as error:
                error.committed = True
                raise

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Yields a session with a snapshot of the database; close it soon, because it pins the snapshot."""
        with Session(self._reader, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def pulse(self) -> Iterator[Callable[[], int]]:
        """Yields a function whose number changes when others have committed; cheap to call.

        Raises the same errors as a read.
        """
        with self._reader.connect() as connection:
            if self.is_sqlite:
                yield partial(sqlite.data_version, connection, self._files)
            else:
                yield partial(_newest_at, connection)

    def close(self) -> None:
        """Close every connection."""
        self._writer.dispose()
        self._reader.dispose()


def told(url: URL) -> str:
    """Returns the location of a database for messages: a file's path, or a URL without its password."""
    path = sqlite.file(url)
    return as_utf8(str(path)) if path else url.render_as_string(hide_password=True)


def clock(session: Session) -> float:
    """Returns the database's time in seconds since 1970."""
    return float(session.exec(select(now())).one())


def next_change(session: Session, count: int = 1, *, epochs: int = 0) -> int:
    """Raise the counter by `count` and return the first of the new numbers; `epochs` were recorded.

    The counter's row stays locked until the transaction ends, so that numbers become visible in order.
    """
    values = {"value": Counter.value + count} | ({"epochs": Counter.epochs + epochs} if epochs else {})
    raised = update(Counter).values(**values).returning(col(Counter.value))
    newest: int = session.execute(raised).scalars().all()[0]
    return newest - count + 1


def newest_change(session: Session) -> int:
    """Returns the number of the newest committed change."""
    return session.exec(select(Counter.value)).one()


def _newest_at(connection: Connection) -> int:
    """Returns `newest_change` from a connection, in its own transaction."""
    with connection.begin():
        newest: int = connection.execute(select(Counter.value)).scalar_one()
    return newest
