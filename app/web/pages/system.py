"""The page System (workers, data sets, server), and the page API."""

import platform
import shutil

from fastapi import APIRouter, Request, Response

from app.address import Address
from app.formats import as_utf8
from app.queue import registry
from app.runs import datasets
from app.settings import Settings
from app.storage.database import Database, newest_change, told
from app.web.api import DatabaseOf, SettingsOf
from app.web.html import page
from app.web.negotiation import HtmlRoute
from trainer.data.folder import FILES, home

router = APIRouter(route_class=HtmlRoute, include_in_schema=False)


@router.get("/workers")
def show_system(request: Request, database: DatabaseOf, settings: SettingsOf) -> Response:
    """Workers and their devices, data sets, and storage locations."""
    with database.read() as session:
        change = newest_change(session)
        alive = registry.list_workers(session)
    return page(
        request,
        "system.html",
        workers=alive,
        change=change,
        server=_server(database, settings),
        exposure=_address(settings).exposure,
        integrity=request.app.state.integrity,
        catalogue=datasets.catalogue(settings.data_dir),
        datasets_folder=as_utf8(str(home(settings.data_dir))),
        data_files=FILES,
    )


def _server(database: Database, settings: Settings) -> dict[str, str]:
    address = _address(settings)
    known = {
        "Python": platform.python_version(),
        "Listens on": f"{address.where}{' (this machine only)' if address.is_local else ''}",
        "Database": told(database.url),
        "Data folder": as_utf8(str(settings.data_dir)),
    }
    if settings.data_dir.exists():
        free = shutil.disk_usage(settings.data_dir).free
        known["Free disk space"] = f"{free / 2**30:.1f} GiB"
    return known


def _address(settings: Settings) -> Address:
    return Address(settings.host, settings.port)


@router.get("/docs")
def show_docs(request: Request) -> Response:
    """The API reference, from its OpenAPI description."""
    return page(request, "api_reference.html")
