"""The shape of one run's predictions."""

from app.schemas.predictions import RunPredictions


def test_every_field_is_described_and_required() -> None:
    schema = RunPredictions.model_json_schema()
    for part in (schema, *schema["$defs"].values()):
        assert set(part["required"]) == set(part["properties"])
        assert all(field["description"] for field in part["properties"].values())
