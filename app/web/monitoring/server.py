"""The server as a response: its versions, storage and settings."""

import platform

from fastapi import Request
from sqlmodel import Session, func, select

from app import __version__
from app.schemas.monitoring import ServerOut
from app.storage.database import Database
from app.web.monitoring import settings_in_use
from app.web.monitoring.storage_use import StorageUse


def read(request: Request, session: Session) -> ServerOut:
    """Versions, storage and settings of the server that handles this request."""
    state = request.app.state
    storage: StorageUse = state.storage
    return ServerOut(
        versions={
            "Depthboard": __version__,
            "Python": platform.python_version(),
            **_database_version(state.database, session),
        },
        storage=storage.read(),
        settings=settings_in_use.listed(state.settings),
    )


def _database_version(database: Database, session: Session) -> dict[str, str]:
    if database.is_sqlite:
        return {"SQLite": session.exec(select(func.sqlite_version())).one()}
    return {"PostgreSQL": session.exec(select(func.current_setting("server_version"))).one()}
