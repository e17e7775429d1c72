"""Schema versions: `upgrade` brings a database to the newest, `wait` waits until somebody has."""

from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect, text

from app.db import Database

HEAD: Final = "0004"
_HERE: Final = Path(__file__).parent


class SchemaError(Exception):
    """The database has a schema that this version does not know; the message says what to do."""


def version(connection: Connection) -> str | None:
    """The schema version of a database, None for an empty one."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def upgrade(database: Database, to: str = HEAD) -> None:
    """Bring the schema to a version, the newest if none is named; quick when it is there.

    Raises:
        SchemaError: the database was written by a newer Depthboard.
    """
    if _found(database) == to:
        return
    from alembic import command  # noqa: PLC0415  # only a first start and an upgrade pay for the import
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_HERE))
    with database.engine.begin() as connection:
        if version(connection) == to:  # another server was quicker
            return
        if not database.is_sqlite:
            connection.execute(text("SET LOCAL statement_timeout = 0"))  # tables may be large
        config.attributes["connection"] = connection
        command.upgrade(config, to)


def is_current(database: Database) -> bool:
    """Whether the schema is the one that this version works with, and not an older one.

    Raises:
        SchemaError: the database was written by a newer Depthboard.
    """
    return _found(database) == HEAD


def _found(database: Database) -> str | None:
    with database.engine.connect() as connection:
        found = version(connection)
    if found is not None and found > HEAD:  # versions are numbers of four digits
        raise SchemaError(
            f"the database {database.url.render_as_string()} has schema version {found}, which this version "
            f"of Depthboard (schema {HEAD}) does not know; use the newer Depthboard that wrote it, "
            "or another DEPTHBOARD_DATA_DIR"
        )
    return found
