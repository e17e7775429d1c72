"""The page System: workers and their devices, and where things are kept; and the page API."""

import platform
import shutil

from fastapi import APIRouter, Request, Response

from app import datasets, workers
from app.api import DatabaseOf, SettingsOf
from app.db import Database, newest_change
from app.html import page
from app.negotiation import HtmlRoute
from app.settings import Settings
from trainer.folder import FILES, home

router = APIRouter(route_class=HtmlRoute, include_in_schema=False)


@router.get("/workers")
def show_system(request: Request, database: DatabaseOf, settings: SettingsOf) -> Response:
    """Workers and their devices, and where things are kept."""
    with database.read() as session:
        change = newest_change(session)
        alive = workers.list_workers(session)
    return page(
        request,
        "workers.html",
        workers=alive,
        change=change,
        server=_server(database, settings),
        integrity=request.app.state.integrity,
        datasets=datasets.names(settings.data_dir),
        incomplete=datasets.incomplete(settings.data_dir),
        datasets_folder=home(settings.data_dir).absolute(),
        data_files=FILES,
    )


def _server(database: Database, settings: Settings) -> dict[str, str]:
    known = {
        "Python": platform.python_version(),
        "Database": database.url.render_as_string(hide_password=True),
        "Data folder": str(settings.data_dir.absolute()),
    }
    if settings.data_dir.exists():
        free = shutil.disk_usage(settings.data_dir).free
        known["Free disk"] = f"{free / 2**30:.1f} GiB"
    return known


@router.get("/docs")
def show_docs(request: Request) -> Response:
    """The interface for programs, from its own description."""
    return page(request, "docs.html")
