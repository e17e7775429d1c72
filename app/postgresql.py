"""Connections to PostgreSQL that behave as those to SQLite do: writers take turns, readers see one moment."""

from typing import Final

from sqlalchemy import Connection, Engine, Integer, create_engine, event, text
from sqlalchemy.engine import URL

WRITERS: Final = 0x0DE9_7B0A
"""The advisory lock that a writing transaction holds from its start to its end."""

CONNECT_SECONDS: Final = 5
"""How long a connection may take to be made."""

_POOL: Final = {"pool_size": 5, "max_overflow": 40, "pool_pre_ping": True}


class _AnyInteger(Integer):
    """A whole number that is sent as large as it is, so that one beyond a column's range just isn't found."""

    render_bind_cast = False


def engines(url: URL, busy_seconds: float) -> tuple[Engine, Engine]:
    """One engine whose transactions hold the write lock from their first statement, and one for reading."""
    connecting = {"connect_timeout": CONNECT_SECONDS}
    writer = create_engine(
        url,
        connect_args={
            **connecting,
            "options": f"-c lock_timeout={max(1, round(busy_seconds * 1000))} -c synchronous_commit=on",
        },
        **_POOL,
    )
    reader = create_engine(
        url,
        isolation_level="REPEATABLE READ",
        connect_args={**connecting, "options": "-c default_transaction_read_only=on"},
        **_POOL,
    )

    for engine in (writer, reader):
        engine.dialect.colspecs = {**engine.dialect.colspecs, Integer: _AnyInteger}

    @event.listens_for(writer, "begin")
    def _wait_for_the_turn(connection: Connection) -> None:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": WRITERS})

    return writer, reader
