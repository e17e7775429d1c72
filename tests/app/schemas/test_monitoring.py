"""Responses about machines and storage describe each of their fields."""

import pytest
from pydantic import BaseModel

from app.schemas import monitoring


@pytest.mark.parametrize(
    "model",
    [
        monitoring.GpuUse,
        monitoring.MachineOut,
        monitoring.StorageOut,
        monitoring.SettingOut,
        monitoring.ServerOut,
        monitoring.WorkerDevice,
        monitoring.WorkerOut,
        monitoring.WorkerList,
        monitoring.Health,
    ],
)
def test_every_field_is_described(model: type[BaseModel]) -> None:
    assert model.__doc__
    assert {name for name, field in model.model_fields.items() if not field.description} == set()
