"""Schema versions: `upgrade` upgrades a database to the newest one."""

import re
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect, text

from app.storage.database import Database, told
from app.storage.outage import RESTORE

TABLE: Final = "alembic_version"
"""The table that stores the version."""

_HERE: Final = Path(__file__).parent
HEAD: Final = max(path.name[:4] for path in (_HERE / "versions").glob("[0-9]*.py"))
"""The newest version; file names start with their version."""


class SchemaError(Exception):
    """The database has a schema that this version does not know; the message says what to do."""


def version(connection: Connection) -> str | None:
    """Returns the schema version of a database, None for an empty one."""
    if not inspect(connection).has_table(TABLE):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def upgrade(database: Database, to: str = HEAD) -> None:
    """Upgrade the schema to a version, by default the newest; fast if it is already there.

    Raises:
        SchemaError: the database was written by a newer Depthboard.
    """
    database.create()
    if _found(database) == to:
        return
    from alembic import command  # noqa: PLC0415  # a slow import, only for a first start or an upgrade
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_HERE))
    with database.engine.begin() as connection:
        if version(connection) == to:  # another server has upgraded it
            return
        if not database.is_sqlite:
            connection.execute(text("SET LOCAL statement_timeout = 0"))  # tables may be large
        config.attributes["connection"] = connection
        command.upgrade(config, to)


def is_current(database: Database) -> bool:
    """Whether the schema is the newest, and not an older one.

    Raises:
        SchemaError: the database was written by a newer Depthboard.
    """
    return _found(database) == HEAD


def judged(stored: str, place: str) -> str:
    """Returns the version stored in the database at a place, if this Depthboard can work with it.

    Raises:
        SchemaError: it can't; the message says why and what to do.
    """
    number = re.fullmatch(r"[0-9]{4}", stored)
    if number and 0 < int(stored) <= int(HEAD):
        return stored
    cure = (
        "use the newer Depthboard that wrote it"
        if number and stored > HEAD
        else f"if Depthboard created it, it is damaged: restore a backup into a new folder ({RESTORE})"
    )
    raise SchemaError(
        f"the database {place} has schema version {stored}, which this version of Depthboard (schema {HEAD}) "
        f"does not support. Nothing was changed; {cure}, or use another DEPTHBOARD_DATA_DIR"
    )


def _found(database: Database) -> str | None:
    if not database.exists:
        return None
    with database.engine.connect() as connection:
        stored = version(connection)
    return stored if stored is None else judged(stored, told(database.url))
