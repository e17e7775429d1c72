"""What a worker measures of its machine, with and without GPUs."""

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from app.worker.machine import Machine


class NVMLError(Exception):
    """A value that a GPU does not report."""


def _refuse(_: object) -> Any:
    raise NVMLError


def nvml(**changes: Any) -> SimpleNamespace:
    """A driver with two GPUs."""
    return SimpleNamespace(
        **{
            "NVMLError": NVMLError,
            "nvmlInit": lambda: None,
            "nvmlDeviceGetCount": lambda: 2,
            "nvmlDeviceGetHandleByIndex": lambda index: index,
            "nvmlDeviceGetName": lambda index: ("first", b"second")[index],
            "nvmlDeviceGetUtilizationRates": lambda index: SimpleNamespace(gpu=50 + index),
            "nvmlDeviceGetMemoryInfo": lambda _: SimpleNamespace(used=3, total=8),
            **changes,
        }
    )


def measured(monkeypatch: pytest.MonkeyPatch, driver: SimpleNamespace) -> list[dict[str, Any]]:
    monkeypatch.setattr("app.worker.machine.ctypes.CDLL", lambda _: None)
    monkeypatch.setitem(sys.modules, "pynvml", driver)
    return [dict(gpu) for gpu in Machine().measure().gpus]


def test_cpu_and_memory_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: str) -> None:
        raise OSError

    monkeypatch.setattr("app.worker.machine.ctypes.CDLL", missing)
    monkeypatch.setitem(sys.modules, "pynvml", None)  # an import would fail
    use = Machine().measure()
    assert use.cores >= 1
    assert 0 <= use.cpu <= 1
    assert 0 < use.memory_used <= use.memory_total
    assert use.gpus == ()


def test_every_gpu_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    assert measured(monkeypatch, nvml()) == [
        {"name": "first", "use": 0.5, "memory_used": 3, "memory_total": 8},
        {"name": "second", "use": 0.51, "memory_used": 3, "memory_total": 8},
    ]


def test_values_that_a_gpu_does_not_report_are_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = nvml(nvmlDeviceGetUtilizationRates=_refuse, nvmlDeviceGetCount=lambda: 1)
    assert measured(monkeypatch, driver) == [
        {"name": "first", "use": None, "memory_used": 3, "memory_total": 8}
    ]


def test_a_driver_that_fails_reports_no_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    assert measured(monkeypatch, nvml(nvmlDeviceGetHandleByIndex=_refuse)) == []
    assert measured(monkeypatch, nvml(nvmlInit=lambda: _refuse(None))) == []


def test_the_bindings_have_what_is_asked() -> None:
    pynvml = pytest.importorskip("pynvml")
    assert [name for name in vars(nvml()) if not hasattr(pynvml, name)] == []
