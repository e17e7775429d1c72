"""Presets of the form for new runs: the built-in ones, and bodies of requests and responses."""

from typing import Annotated, Final
from urllib.parse import parse_qsl, urlencode

from pydantic import AfterValidator, BaseModel, Field

from app.schemas.bodies import Name, Strict
from app.schemas.hyperparameters import HYPERPARAMETERS

KIND: Final = "preset"
"""The kind of the saved queries that are presets."""

FIELDS: Final = (*HYPERPARAMETERS, "name", "tags", "note", "priority", "reuse")
"""The fields of the form that a preset can fill."""

DEPTH_STUDY: Final = {"depth": "1-5", "seed": "0-2", "epochs": "20", "name": "Depth study", "reuse": "on"}
PUBLISHED: Final = {
    "depth": "1-5",
    "seed": "0",
    "epochs": "200",
    "name": "Published experiment, reproduced",
    "reuse": "on",
}
_QUICK: Final = {"depth": "3", "epochs": "3", "name": "Quick look"}
_SWEEP: Final = {
    "depth": "3",
    "epochs": "10",
    "lr": "0.01-1 log 5",
    "seed": "0-2",
    "name": "Learning-rate sweep",
    "reuse": "on",
}


def fields_in(query: str) -> dict[str, str]:
    """The fields that a query string fills, with their texts."""
    return {name: text for name, text in parse_qsl(query) if name in FIELDS}


def _known_fields(query: str) -> str:
    try:
        pairs = parse_qsl(query.removeprefix("?"), keep_blank_values=True, strict_parsing=bool(query))
    except ValueError:
        raise ValueError("expected a query string, such as depth=1-5&seed=0-2") from None
    for name, _ in pairs:
        if name not in FIELDS:
            raise ValueError(f"unknown field {name[:40]!r}; expected some of {', '.join(FIELDS)}")
    return urlencode({name: text for name, text in pairs if text})


Query = Annotated[str, Field(max_length=40_000), AfterValidator(_known_fields)]


class PresetRequest(Strict):
    """Body of `POST /presets`."""

    name: Annotated[Name, Field(description="The preset's name.")]
    query: Annotated[
        Query, Field(description="The form's fields as a query string, such as `depth=1-5&seed=0-2`.")
    ]
    overwrite: Annotated[
        bool, Field(description="Replace a preset with this name; by default the request is rejected.")
    ] = False


class PresetOut(BaseModel):
    """A preset of the form for new runs."""

    id: Annotated[int | None, Field(description="The preset's id; null for a built-in one.")]
    key: Annotated[str, Field(description="Opens it in the form: `/runs/new?preset={key}`.")]
    name: Annotated[str, Field(description="The preset's name.")]
    query: Annotated[str, Field(description="The form's fields as a query string.")]
    about: Annotated[str, Field(description="What it is for; empty for a saved one.")] = ""


class PresetList(BaseModel):
    """Response of `GET /presets`."""

    presets: Annotated[list[PresetOut], Field(description="The built-in presets, then the others by name.")]


BUILT_IN: Final = tuple(
    PresetOut(id=None, key=key, name=name, query=urlencode(fields), about=about)
    for key, name, about, fields in (
        ("quick-look", "Quick look", "1 run of 3 layers for 3 epochs", _QUICK),
        ("depth-study", "Depth study", "1 to 5 layers, 3 seeds, 20 epochs", DEPTH_STUDY),
        ("lr-sweep", "Learning-rate sweep", "5 rates from 0.01 to 1, 3 seeds, 10 epochs", _SWEEP),
        ("published", "Published experiment", "1 to 5 layers, seed 0, 200 epochs", PUBLISHED),
    )
)
