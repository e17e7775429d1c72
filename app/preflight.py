"""What has to be right before a process begins: its settings, its folders and its database's driver."""

import logging
import os
from pathlib import Path

from pydantic import ValidationError

from app.failures import EXIT_USAGE, Failure
from app.formats import sentence
from app.options import flag
from app.settings import ENVIRONMENT, Settings


def begin(given: dict[str, str], *, anew: bool = True) -> Settings:
    """Prepare a child process or a half that runs alone: its log and its settings.

    A data folder is made where there is none, unless nothing shall begin `anew`.
    """
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("app").setLevel(logging.INFO)
    settings = settings_of(given)
    _check_database(settings)
    if anew:
        check_data_dir(settings)
    else:
        _check_installed(settings)
    _check_file(settings)
    _check_artifacts(settings)
    return settings


def settings_of(given: dict[str, str]) -> Settings:
    """The settings in force; options become variables, so that child processes have them too."""
    os.environ.update({ENVIRONMENT + name.upper(): text for name, text in given.items()})
    try:
        return Settings()
    except ValidationError as error:
        texts = [
            str(_refused(str(problem["loc"][0]), f"{problem['msg']}, got {problem['input']!r}"))
            if problem["loc"]
            else str(problem.get("ctx", {}).get("error", problem["msg"]))  # several that don't fit together
            for problem in error.errors()
        ]
        raise Failure("\n".join(texts), EXIT_USAGE) from error


def check_data_dir(settings: Settings) -> None:
    """Make the data folder where there is none, and see that it can be written to."""
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _refused("data_dir", f"cannot be made: {error}") from error
    if not os.access(settings.data_dir, os.W_OK):
        raise _refused("data_dir", f"{str(settings.data_dir)!r} cannot be written to by this user")


def _check_installed(settings: Settings) -> None:
    """See that somebody has used this database and this folder; make neither."""
    from sqlalchemy import make_url

    url = make_url(settings.url)
    setting = "database_url" if settings.database_url else "data_dir"
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
        raise _refused(setting, f"there is no database {url.database!r}")
    if not (settings.artifacts_url or settings.data_dir.is_dir()):
        raise _refused("data_dir", f"there is no folder {str(settings.data_dir)!r}")


def _check_database(settings: Settings) -> None:
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        make_url(settings.url).get_dialect().import_dbapi()
    except ArgumentError as error:
        raise _refused(
            "database_url", f"{error}; expected one like postgresql+psycopg://user@host/name"
        ) from error
    except ImportError as error:
        raise _refused("database_url", f"{error}; install the package that talks to this database") from error


def _check_file(settings: Settings) -> None:
    """See that the database file, if there is one, is sound; it is not changed."""
    from sqlalchemy import make_url

    from app import database_file, sqlite
    from app.migrations import SchemaError

    path = sqlite.path_of(make_url(settings.url))
    try:
        if path is not None:
            database_file.check(path)
    except database_file.DatabaseUnusable as error:
        raise Failure(str(error), EXIT_USAGE) from error
    except SchemaError as error:
        raise Failure(sentence(error), EXIT_USAGE) from error


def _check_artifacts(settings: Settings) -> None:
    from app import artifacts

    try:
        artifacts.check(settings.artifacts)
    except artifacts.StoreUnusable as error:
        raise _refused("artifacts_url", str(error)) from error


def _refused(setting: str, why: str) -> Failure:
    return Failure(f"{ENVIRONMENT}{setting.upper()} ({flag(setting)}): {why}", EXIT_USAGE)
