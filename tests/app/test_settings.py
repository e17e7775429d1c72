"""How a machine's cores are shared among slots and threads."""

import math
import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from app import settings
from app.settings import Settings, cores


@pytest.fixture
def eight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "cores", lambda: 8)


@pytest.mark.usefixtures("eight")
@pytest.mark.parametrize(
    ("given", "slots", "threads"),
    [
        ({}, 4, 2),
        ({"slots": 2}, 2, 4),
        ({"slots": 3}, 3, 2),
        ({"threads": 4}, 2, 4),
        ({"threads": 1}, 4, 1),
        ({"slots": 12}, 12, 1),
        ({"slots": 2, "threads": 3}, 2, 3),
    ],
)
def test_slots_and_threads_share_the_cores(given: dict[str, Any], slots: int, threads: int) -> None:
    found = Settings(**given)
    assert (found.slot_count, found.thread_count) == (slots, threads)


@pytest.mark.usefixtures("eight")
def test_slots_of_a_cluster_are_not_limited_by_the_cores_of_this_machine() -> None:
    found = Settings(engine="ray", slots=50, threads=4)
    assert (found.slot_count, found.thread_count, found.ray_address) == (50, 4, "auto")


def test_the_address_of_a_cluster_needs_its_engine() -> None:
    assert Settings(engine="ray", ray_address="head:6379").ray_address == "head:6379"
    with pytest.raises(ValidationError, match=r"\(head:6379\) is only for the engine ray; add --engine ray"):
        Settings(ray_address="head:6379")


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_numbers_are_finite(value: float) -> None:
    names = [name for name, field in Settings.model_fields.items() if field.annotation is float]
    assert {"lease_seconds", "memory_per_run"} <= set(names)
    for name in names:
        with pytest.raises(ValidationError):
            Settings(**{name: value})  # type: ignore[arg-type]


@pytest.mark.usefixtures("eight")
@pytest.mark.parametrize("given", [{"slots": 4, "threads": 3}, {"threads": 9}])
def test_more_threads_than_cores_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"exceed the 8 CPU cores; choose fewer slots or threads"):
        Settings(**given)


def test_cores_are_limited_by_the_affinity_of_the_process(tmp_path: Path) -> None:
    assert cores(tmp_path / "absent") == len(os.sched_getaffinity(0))


@pytest.mark.parametrize(("quota", "granted"), [("100000 100000\n", 1), ("50000 100000\n", 1)])
def test_cores_are_limited_by_the_control_group(tmp_path: Path, quota: str, granted: int) -> None:
    path = tmp_path / "cpu.max"
    path.write_text(quota)
    assert cores(path) == granted
    path.write_text("max 100000\n")
    assert cores(path) == cores(tmp_path / "absent")


def test_empty_variables_are_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = Settings()
    for name in Settings.model_fields:
        monkeypatch.setenv(f"DEPTHBOARD_{name.upper()}", "")
    assert Settings() == plain
