"""How the command fails: each kind of error as a sentence and an exit code."""

from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError, OperationalError

from app.address import EXIT_ADDRESS, AddressError
from app.commands.archive import BackupError
from app.commands.failures import (
    EXIT_FAILED,
    EXIT_USAGE,
    Failure,
    address_errors,
    backup_errors,
    database_errors,
)
from app.settings import Settings
from app.storage.folder_lock import FolderInUse, Place
from app.storage.migrations import SchemaError
from trainer.files.durable import NotWritten


def broken(said: str) -> OperationalError:
    return OperationalError("SELECT", None, Exception(said))


@pytest.mark.parametrize(
    ("error", "words", "code"),
    [
        (SchemaError("the schema is newer"), "The schema is newer.", EXIT_USAGE),
        (broken("no such table: run"), "is damaged: no such table: run. Stop Depthboard, keep", EXIT_USAGE),
        (
            broken("connection refused\n"),
            "can't be used: connection refused\nCheck that it is running",
            EXIT_FAILED,
        ),
    ],
)
def test_an_unusable_database_is_a_failure_with_a_message(
    tmp_path: Path, error: Exception, words: str, code: int
) -> None:
    with pytest.raises(Failure) as caught, database_errors(Settings(data_dir=tmp_path)):
        raise error
    assert words in str(caught.value)
    assert caught.value.exit_code == code


def test_an_error_in_a_statement_of_the_application_keeps_its_traceback(tmp_path: Path) -> None:
    with pytest.raises(IntegrityError), database_errors(Settings(data_dir=tmp_path)):
        raise IntegrityError("INSERT", None, Exception("UNIQUE constraint failed"))


def test_a_database_server_is_named_without_its_password(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, database_url="postgresql+psycopg://me:secret@host/name")
    with pytest.raises(Failure) as caught, database_errors(settings):
        raise broken("connection refused")
    assert "me:***@host/name" in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("error", "words", "code"),
    [
        (BackupError("it is no backup"), "It is no backup.", EXIT_FAILED),
        (NotWritten(Path("/a"), OSError("it broke")), "Could not write /a: it broke; make sure", EXIT_FAILED),
        (FolderInUse(Place.folder(Path("/data")), ""), "already running on the data folder", EXIT_USAGE),
    ],
)
def test_a_failed_backup_or_restore_is_a_failure_with_a_message(
    error: Exception, words: str, code: int
) -> None:
    with pytest.raises(Failure) as caught, backup_errors():
        raise error
    assert words in str(caught.value)
    assert caught.value.exit_code == code


def test_an_unusable_address_has_a_separate_exit_code() -> None:
    with pytest.raises(Failure, match="port 80 is taken") as caught, address_errors():
        raise AddressError("port 80 is taken")
    assert caught.value.exit_code == EXIT_ADDRESS
