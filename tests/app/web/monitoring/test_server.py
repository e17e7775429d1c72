"""The server as a response."""

from app.storage.database import Database
from app.web.monitoring import server

BACKENDS = ("sqlite", "postgresql")


def test_the_version_of_the_database_is_named(database: Database) -> None:
    with database.read() as session:
        versions = server._database_version(database, session)  # noqa: SLF001  # on both databases
    name = "SQLite" if database.is_sqlite else "PostgreSQL"
    assert versions[name].partition(".")[0].isdigit()
