"""Turns failures of a command into a message and an exit code."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from app.address import EXIT_ADDRESS, AddressError
from app.formats import sentence
from app.settings import ENVIRONMENT, Settings

EXIT_FAILED: Final = 1
EXIT_USAGE: Final = 2
EXIT_CLUSTER: Final = 4
"""The worker's cluster can't be reached now; another attempt may succeed."""

EXIT_INTERRUPTED: Final = 130


class Failure(Exception):
    """Ends the command without a traceback, with a message and an exit code."""

    def __init__(self, message: str, exit_code: int = EXIT_FAILED) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@contextmanager
def address_errors() -> Iterator[None]:
    """Turn an address that can't be listened on into a failure of the command."""
    try:
        yield
    except AddressError as error:
        raise Failure(str(error), EXIT_ADDRESS) from error


@contextmanager
def database_errors(settings: Settings) -> Iterator[None]:
    """Turn an unusable database into a failure of the command: schema, damage or outage."""
    from sqlalchemy.exc import DatabaseError

    from app.storage.database import told
    from app.storage.migrations import SchemaError
    from app.storage.outage import CURE, OUTAGES, damage

    try:
        yield
    except SchemaError as error:
        raise Failure(sentence(error), EXIT_USAGE) from error
    except DatabaseError as error:
        if why := damage(error):
            raise Failure(
                f"The database {told(settings.url)} is damaged: {why}. {CURE}",
                EXIT_USAGE,
            ) from error
        if not isinstance(error, OUTAGES):
            raise
        raise Failure(
            f"The database {told(settings.url)} can't be used: "
            f"{str(error.orig).strip()}\nCheck that it is running and that {ENVIRONMENT}DATABASE_URL is "
            "correct."
        ) from error


@contextmanager
def backup_errors() -> Iterator[None]:
    """Turn errors of backups into failures of the command."""
    from app.commands.archive import BackupError
    from app.storage.folder_lock import FolderInUse, LockUnusable
    from trainer.files.durable import NotWritten

    try:
        yield
    except (BackupError, NotWritten) as error:
        raise Failure(sentence(error)) from error
    except (FolderInUse, LockUnusable) as error:
        raise Failure(str(error), EXIT_USAGE) from error
