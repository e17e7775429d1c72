"""A separate PostgreSQL for tests, started as an unprivileged user and reachable only from this machine."""

import getpass
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg
import pytest
from sqlmodel import SQLModel

from app.storage import migrations
from app.storage.database import Database
from tests.waiting import eventually

_TEMPLATE = "migrated"
_SCHEMA = """
    SELECT string_agg(oid || relname, ',' ORDER BY oid), (SELECT max(version_num) FROM alembic_version)
    FROM pg_class WHERE relnamespace = 'public'::regnamespace
"""
"""A query whose result changes if tables are created or dropped or the schema version changes."""
_EMPTY = "; ".join(
    [
        *(
            f"DELETE FROM {table.name}"  # noqa: S608  # our own names
            for table in reversed(SQLModel.metadata.sorted_tables)
        ),
        "INSERT INTO counter (id, value, origin) VALUES (1, 0, 0)",
        "ALTER SEQUENCE run_id_seq RESTART",
        "ALTER SEQUENCE study_id_seq RESTART",
    ]
)
"""Resets a database to its initial state."""


class PostgreSQL:
    """A running server that creates databases with the newest schema."""

    def __init__(self, port: int) -> None:
        self._server = f"127.0.0.1:{port}"
        self._numbers = count(1)
        self._empty: list[tuple[str, psycopg.Connection]] = []

    def url(self, name: str) -> str:
        """The SQLAlchemy URL of a database."""
        return f"postgresql+psycopg://postgres@{self._server}/{name}"

    @property
    def folder(self) -> str:
        """The folder of the server that answers."""
        with self._connected() as connection:
            found = connection.execute("SHOW data_directory").fetchone()
        return str(found[0]) if found else ""

    def execute(self, statement: str) -> None:
        """Run one statement outside of a transaction."""
        with self._connected() as connection:
            connection.execute(statement)

    def _connected(self) -> psycopg.Connection:
        return psycopg.connect(f"postgresql://postgres@{self._server}/postgres", autocommit=True)

    def prepare(self) -> None:
        """Create the template of the other databases."""
        self.execute(f"CREATE DATABASE {_TEMPLATE}")
        database = Database(self.url(_TEMPLATE))
        migrations.upgrade(database)
        database.close()

    @contextmanager
    def database(self, template: str = _TEMPLATE) -> Iterator[str]:
        """The URL of a new database, which is dropped after the block."""
        name = f"test{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            yield self.url(name)
        finally:
            self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    @contextmanager
    def emptied(self) -> Iterator[str]:
        """The URL of an empty database, which an earlier test may have used."""
        name, connection = self._empty.pop() if self._empty else self._new()
        before = connection.execute(_SCHEMA).fetchone()
        try:
            yield self.url(name)
        finally:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            if connection.execute(_SCHEMA).fetchone() == before:
                connection.execute(_EMPTY)
                self._empty.append((name, connection))
            else:
                connection.close()
                self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _new(self) -> tuple[str, psycopg.Connection]:
        name = f"emptied{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}")
        return name, psycopg.connect(f"postgresql://postgres@{self._server}/{name}", autocommit=True)

    def close(self) -> None:
        """Close the connections to reusable databases."""
        for _, connection in self._empty:
            connection.close()


def _programs() -> Path:
    """The folder of the newest PostgreSQL's programs; skips the test if there is none."""
    on_path = shutil.which("initdb")
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if not (on_path or found):
        pytest.skip("this needs PostgreSQL: on Debian, apt install postgresql")
    return Path(on_path).parent if on_path else found[-1].parent


def _unprivileged() -> str:
    """An unprivileged user, because PostgreSQL refuses to run as root."""
    if os.geteuid():
        return getpass.getuser()
    names = {user.pw_name for user in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def running(*, connections: int = 200, fsync: bool = False) -> Iterator[PostgreSQL]:
    """A server with empty databases, stopped after the block; `fsync` makes it durable, and slower."""
    programs, user = _programs(), _unprivileged()
    with tempfile.TemporaryDirectory(prefix="depthboard-postgresql-") as folder:
        shutil.chown(folder, user)
        options = ["--username=postgres", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8"]
        subprocess.run(
            [str(programs / "initdb"), f"--pgdata={folder}", *options],
            check=True,
            capture_output=True,
            user=user,
            cwd="/",
        )
        port = _free_port()
        settings = (
            ("listen_addresses", "127.0.0.1"),
            ("port", port),
            ("unix_socket_directories", folder),
            ("fsync", "on" if fsync else "off"),
            ("max_connections", connections),
        )
        process = subprocess.Popen(
            [
                str(programs / "postgres"),
                "-D",
                folder,
                *(f"--{name}={value}" for name, value in settings),
            ],
            user=user,
            cwd="/",
            stderr=subprocess.DEVNULL,
        )
        server = PostgreSQL(port)

        def answers() -> bool:
            assert process.poll() is None, "PostgreSQL did not start"
            try:
                return server.folder == folder  # not the server of another process that took the same port
            except psycopg.OperationalError:
                return False

        try:
            eventually(answers)
            server.prepare()
            yield server
            server.close()
        finally:
            process.send_signal(signal.SIGINT)
            process.wait()
