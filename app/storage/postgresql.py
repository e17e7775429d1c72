"""Connections to PostgreSQL, with the same locking and snapshots as SQLite's."""

from typing import Final

from sqlalchemy import Connection, Engine, Integer, create_engine, event, text
from sqlalchemy.engine import URL

from app.storage.sqlite import COMPILED_STATEMENTS

WRITERS: Final = 0x0DE9_7B0A
"""The advisory lock that a write transaction holds from start to end."""

WITHOUT_TURN: Final = "depthboard_without_turn"
"""The execution option of a writing transaction that does not take the lock."""

CONNECT_SECONDS: Final = 5
"""Timeout of connecting."""

STATEMENT_SECONDS: Final = 60
"""Timeout of a write statement; no statement takes that long, and the wait for the lock ends sooner."""

_ALIVE: Final = {
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,  # milliseconds that sent data may stay unacknowledged
}
"""Detects within about 25 s that the other end of a connection has vanished."""

_POOL: Final = {
    "pool_size": 5,
    "max_overflow": 40,
    "pool_pre_ping": True,
    "query_cache_size": COMPILED_STATEMENTS,
}


class _AnyInteger(Integer):
    """An integer sent without a cast, so that a value beyond a column's range matches no row."""

    render_bind_cast = False


def engines(url: URL, busy_seconds: float, idle_seconds: float) -> tuple[Engine, Engine]:
    """Returns an engine for writes, whose transactions start with the write lock, and one for reads.

    A writer that is idle for `idle_seconds` loses its connection, and thus the lock; 0 means no limit.
    """
    connecting = {"connect_timeout": CONNECT_SECONDS, **_ALIVE}
    limits = {
        "lock_timeout": max(1, round(busy_seconds * 1000)),
        "idle_in_transaction_session_timeout": round(idle_seconds * 1000),
        "statement_timeout": round(STATEMENT_SECONDS * 1000),
        "synchronous_commit": "on",
    }
    options = " ".join(f"-c {name}={value}" for name, value in limits.items())
    writer = create_engine(url, connect_args={**connecting, "options": options}, **_POOL)
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
        if not connection.get_execution_options().get(WITHOUT_TURN):
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": WRITERS})

    return writer, reader
