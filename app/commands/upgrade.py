"""Upgrades a database in a process of its own, so that a server need not keep what migrations import."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from app import interpreter, lifeline
from app.settings import Settings
from app.storage import migrations
from app.storage.database import Database


@contextmanager
def apart(settings: Settings) -> Iterator[None]:
    """Upgrade the schema of the database, unless it is the newest, while the block runs.

    The other process takes its settings from the environment, and ends with this one. If it fails, the schema
    stays as it is: `migrations.upgrade` then meets the same error.

    Raises:
        SchemaError: the database was written by a newer Depthboard.
    """
    database = Database(settings.url)
    current = migrations.is_current(database)
    database.close()
    if current:
        yield
        return
    command = interpreter.command(__spec__.name, str(os.getpid()))
    with subprocess.Popen(  # noqa: S603  # our own command
        command, env=interpreter.environment(), stderr=subprocess.DEVNULL
    ):
        yield


def main(parent: int) -> None:
    """Upgrade the database of the settings for a process that waits for it."""
    lifeline.end_with_parent()
    if os.getppid() == parent:
        migrations.upgrade(Database(Settings().url))


if __name__ == "__main__":
    main(int(sys.argv[1]))
