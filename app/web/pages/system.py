"""The page System (workers, machines, data sets, server), and the page API."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from fastapi import APIRouter, Request, Response

from app import formats
from app.address import Address
from app.formats import as_utf8
from app.queue import machines, registry
from app.runs import datasets
from app.schemas.monitoring import MachineOut
from app.settings import Settings
from app.storage.database import Database, newest_change, told
from app.web.api import DatabaseOf, SettingsOf
from app.web.html import page
from app.web.monitoring import machine_use, server
from app.web.negotiation import HtmlRoute
from app.web.pages import sparkline
from trainer.data.folder import FILES, home

router = APIRouter(route_class=HtmlRoute, include_in_schema=False)


@router.get("/workers")
def show_system(request: Request, database: DatabaseOf, settings: SettingsOf) -> Response:
    """Workers and their devices, data sets, and storage locations."""
    with database.read() as session:
        change = newest_change(session)
        alive = registry.list_workers(session)
        used = machine_use.read(session)
        about = server.read(request, session)
    return page(
        request,
        "system.html",
        workers=alive,
        machines=[_Machine.of(machine) for machine in used],
        change=change,
        server=_server(database, settings),
        about=about,
        exposure=_address(settings).exposure,
        integrity=request.app.state.integrity,
        catalogue=datasets.catalogue(settings.data_dir),
        datasets_folder=as_utf8(str(home(settings.data_dir))),
        data_files=FILES,
    )


@dataclass(frozen=True, slots=True)
class _Chart:
    """One measure of a machine: its newest value with a note, its range over the last hour, its lines."""

    label: str
    now: str
    about: str
    hour: str
    lines: list[str]

    @classmethod
    def of(
        cls, label: str, ages: Sequence[float], shares: Sequence[float | None], about: str = ""
    ) -> "_Chart":
        """The chart of fractions from 0 to 1; `about` is a note on them."""
        known = [share for share in shares if share is not None]
        newest = shares[-1] if shares else None
        now = "not reported" if newest is None else formats.percent(newest, 0)
        hour = ""
        if known:
            low, mean, high = (formats.percent(x, 0) for x in (min(known), fmean(known), max(known)))
            hour = f"mean {mean}, {low} to {high}"
        drawn = sparkline.lines(ages, shares, span=machines.KEPT_SECONDS, interval=machines.SAMPLE_SECONDS)
        return cls(label, now, about, hour, drawn)


@dataclass(frozen=True, slots=True)
class _Machine:
    """A machine with its charts; `age` is the age of the newest sample in seconds."""

    host: str
    cores: int
    age: float
    charts: list[_Chart]

    @classmethod
    def of(cls, machine: MachineOut) -> "_Machine":
        """Charts of CPU, memory and every GPU."""
        ages = machine.age_seconds
        charts = [
            _Chart.of("CPU", ages, machine.cpu),
            _memory("Memory", ages, machine.memory_used, machine.memory_total),
        ]
        for number, gpu in enumerate(machine.gpus):
            charts.append(_Chart.of(f"GPU {number}", ages, gpu.use, gpu.name))
            charts.append(_memory(f"GPU {number} memory", ages, gpu.memory_used, gpu.memory_total))
        return cls(machine.host, machine.cores, ages[-1], charts)


def _memory(label: str, ages: Sequence[float], used: Sequence[int | None], total: int | None) -> _Chart:
    shares = [None if amount is None or not total else amount / total for amount in used]
    newest = used[-1] if used else None
    told = "" if newest is None or not total else f"{formats.size(newest)} of {formats.size(total)}"
    return _Chart.of(label, ages, shares, told)


def _server(database: Database, settings: Settings) -> dict[str, str]:
    address = _address(settings)
    return {
        "Listens on": f"{address.where}{' (this machine only)' if address.is_local else ''}",
        "Database": told(database.url),
        "Data folder": as_utf8(str(settings.data_dir)),
    }


def _address(settings: Settings) -> Address:
    return Address(settings.host, settings.port)


@router.get("/docs")
def show_docs(request: Request) -> Response:
    """The API reference, from its OpenAPI description."""
    return page(request, "api_reference.html")
