"""Checks before a process starts: its settings, its folders and its database's driver."""

import os
from pathlib import Path
from typing import Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from app.address import Address
from app.commands import logs
from app.commands.failures import EXIT_USAGE, Failure
from app.commands.options import flag
from app.formats import sentence
from app.settings import ENVIRONMENT, SECRETS, Settings
from app.storage.folder_lock import Place

LONGEST_PATH: Final = 504
"""Maximum path length of a SQLite file in bytes: SQLite takes 512, and appends `-journal`."""


def begin(given: dict[str, str], *, anew: bool = True) -> Settings:
    """Prepare a process that runs alone or as a child: its log and its settings.

    With `anew`, create missing folders; otherwise the installation must exist.
    """
    logs.begin()
    settings = settings_of(given)
    database = check_database(settings)
    if anew:
        check_data_dir(settings)
    else:
        _check_installed(settings, database)
    if database:
        _check_file(database)
    _check_artifacts(settings, create=anew and settings.artifacts_url is not None)
    return settings


def settings_of(given: dict[str, str]) -> Settings:
    """The settings in force; options become environment variables, for child processes."""
    for name, text in given.items():
        if not text:
            raise _refused(name, "the value is empty; omit the option to use the default")
        os.environ[ENVIRONMENT + name.upper()] = text
    try:
        settings = Settings()
    except ValidationError as error:
        texts = [
            str(_refused(str(problem["loc"][0]), _expected(problem) + _got(problem)))
            if problem["loc"]
            else str(problem.get("ctx", {}).get("error", problem["msg"]))  # contradictory settings
            for problem in error.errors()
        ]
        raise Failure("\n".join(texts), EXIT_USAGE) from error
    os.environ[f"{ENVIRONMENT}DATA_DIR"] = str(settings.data_dir)  # now absolute, for child processes
    return settings


def _expected(problem: ErrorDetails) -> str:
    return problem["msg"].removeprefix("Value error, ")


def _got(problem: ErrorDetails) -> str:
    """The rejected value in words; empty for a secret."""
    return "" if problem["loc"][0] in SECRETS else f", got {problem['input']!r}"


def check_data_dir(settings: Settings) -> None:
    """Create the data folder if it is missing, and check that it is writable."""
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _refused("data_dir", f"can't be created: {error}") from error
    if not os.access(settings.data_dir, os.W_OK):
        raise _refused("data_dir", f"this user can't write to {str(settings.data_dir)!r}")


def check_database(settings: Settings) -> Path | None:
    """Check the database URL and its driver; return the database file, or None for a database server."""
    path = settings.own_database
    if settings.database_url:
        named = _named_database(settings)
        if named is None:
            return None
        path = named
    size = len(os.fsencode(path))
    if size > LONGEST_PATH:
        setting = "database_url" if settings.database_url else "data_dir"
        raise _refused(
            setting,
            f"the path of the database has {size} bytes, but SQLite supports at most {LONGEST_PATH}; choose "
            "a shorter one",
        )
    return path


def _named_database(settings: Settings) -> Path | None:
    """The file that the URL names; None for a database server."""
    from sqlalchemy.exc import ArgumentError

    from app.storage import sqlite

    try:
        url = settings.url
        url.get_dialect().import_dbapi()
    except ArgumentError as error:
        raise _refused(
            "database_url", f"{error}; expected one like postgresql+psycopg://user@host/name"
        ) from error
    except ImportError as error:
        raise _refused("database_url", f"{error}; install the driver for this database") from error
    if url.get_backend_name() != "sqlite":
        return None
    path = sqlite.file(url)
    if path is None:
        raise _refused(
            "database_url",
            f"{settings.database_url!r} is an in-memory database, which other processes can't read; "
            "use a file, as in sqlite:////srv/depthboard.sqlite3",
        )
    return path


def places(settings: Settings) -> list[Place]:
    """The places that only one dashboard may use at a time: its data folder and its database file."""
    database = check_database(settings)
    return [Place.folder(settings.data_dir), *([Place.database(database)] if database else [])]


def check_login(settings: Settings) -> None:
    """Refuse an address that other machines can reach, unless the settings allow it.

    Raises:
        AddressError: the host is not an address of this machine.
    """
    address = Address(settings.host, settings.port)
    if address.is_local:
        return
    with address.listen():  # reject an address of another machine before asking for --no-login
        pass
    if not settings.no_login:
        raise _refused(
            "host",
            f"{settings.host!r} can be reached from other machines, and there is no login: anyone who "
            "reaches its port could start, read and delete runs. Listen on 127.0.0.1, or allow it with "
            f"--no-login ({ENVIRONMENT}NO_LOGIN=1)",
        )


def _check_installed(settings: Settings, database: Path | None) -> None:
    """Check that the database and the folder exist, without creating either."""
    if database and not database.is_file():
        raise _refused(
            "database_url" if settings.database_url else "data_dir", f"there is no database {str(database)!r}"
        )
    if not (settings.artifacts_url or settings.data_dir.is_dir()):
        raise _refused("data_dir", f"there is no folder {str(settings.data_dir)!r}")


def _check_file(path: Path) -> None:
    """Check the database file for damage, if it exists, without changing it."""
    from app.storage import database_file
    from app.storage.migrations import SchemaError

    try:
        database_file.check(path)
    except database_file.DatabaseUnusable as error:
        raise Failure(str(error), EXIT_USAGE) from error
    except SchemaError as error:
        raise Failure(sentence(error), EXIT_USAGE) from error


def _check_artifacts(settings: Settings, *, create: bool) -> None:
    from app.storage import artifacts

    try:
        artifacts.check(settings.artifacts)
        if create:
            artifacts.prepare(settings.artifacts)
    except OSError as error:
        raise _refused("artifacts_url", f"can't be created: {error}") from error
    except artifacts.StoreUnusable as error:
        raise _refused("artifacts_url", str(error)) from error


def _refused(setting: str, why: str) -> Failure:
    return Failure(f"{ENVIRONMENT}{setting.upper()} ({flag(setting)}): {why}", EXIT_USAGE)
