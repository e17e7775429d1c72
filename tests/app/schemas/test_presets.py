"""Presets of the form: the built-in ones are valid, and requests name only fields of the form."""

import pytest
from pydantic import ValidationError

from app.schemas.presets import BUILT_IN, PresetOut, PresetRequest, fields_in
from app.web.pages import forms


@pytest.mark.parametrize("preset", BUILT_IN, ids=lambda preset: preset.key)
def test_every_built_in_preset_fills_a_valid_form(preset: PresetOut) -> None:
    form = forms.blank(changes=fields_in(preset.query))
    assert form.errors == {}
    assert form.request is not None
    assert form.request.name


def test_a_preset_drops_empty_fields() -> None:
    assert PresetRequest(name="mine", query="?depth=1-3&lr=&tags=a, b").query == "depth=1-3&tags=a%2C+b"


@pytest.mark.parametrize(
    ("query", "message"),
    [("depth", "expected a query string"), ("deep=3", "unknown field 'deep'"), ("status=queued", "unknown")],
)
def test_other_queries_are_refused(query: str, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        PresetRequest(name="mine", query=query)
