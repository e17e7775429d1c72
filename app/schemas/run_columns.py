"""Columns of tables of runs, derived from the declared fields of a run."""

from dataclasses import dataclass
from typing import Any, Final, Literal, get_args, get_origin

from app.schemas.hyperparameters import HYPERPARAMETERS
from app.schemas.run_fields import TIMES
from app.schemas.runs import RunOut
from trainer.config import Hyperparameters

Kind = Literal["share", "loss", "duration", "count", "number", "time", "flag", "list", "text", "curve"]
"""How a column shows its values; a `share` is a fraction in percent."""

LOSS_CURVE: Final = "loss_curve"
"""The column with a sparkline of the train loss, which is no field of a run."""

_NUMBERS: Final = ("share", "loss", "duration", "count", "number")

_LABELS: Final = {
    "id": "Run",
    "study_id": "Launched by study",
    "epochs": "Planned epochs",
    "epochs_done": "Epochs",
    "device": "Requested device",
    "device_used": "Device",
    "train_seconds": "Duration",
    "eta_seconds": "Time left",
    "created_at": "Created",
    "started_at": "Started",
    "finished_at": "Finished",
    "verifies": "Verifies run",
    "flops_per_epoch": "FLOPs per epoch",
}
"""Labels of fields whose own name or title is not the word that people use for the column."""

_WIDTHS: Final = {
    "name": 280,
    "status": 104,
    "reason": 200,
    "tags": 150,
    "note": 220,
    "depth": 58,
    "seed": 60,
    "id": 58,
    "epochs_done": 84,
    "batch_size": 70,
    "device_used": 64,
    "test_accuracy": 92,
    "layer_sizes": 170,
    "study_id": 130,
}
"""Widths in pixels where that of the kind does not fit."""

_WIDTHS_OF_KINDS: Final[dict[Kind, int]] = {
    "share": 84,
    "loss": 78,
    "duration": 92,
    "count": 88,
    "number": 78,
    "time": 88,
    "flag": 80,
    "list": 150,
    "text": 100,
    "curve": 80,
}


@dataclass(frozen=True, slots=True)
class RunColumn:
    """A column: the field that it shows, its label, its kind, its meaning and its usual width in pixels."""

    name: str
    label: str
    kind: Kind
    help: str
    width: int

    @property
    def is_number(self) -> bool:
        """Whether its values are numbers, which are aligned at the right."""
        return self.kind in _NUMBERS

    @property
    def unit(self) -> str:
        """The unit of the exact values; empty if they have none."""
        return {"share": "fraction", "loss": "nats", "duration": "s"}.get(self.kind, "")


def _kind(name: str, annotation: Any) -> Kind:  # noqa: ANN401  # any type of a field
    """The kind of a field, from its type and the ending of its name, which the contract fixes."""
    if name in TIMES:
        return "time"
    for ending, kind in (("accuracy", "share"), ("loss", "loss"), ("seconds", "duration")):
        if name.endswith(ending):
            return kind  # type: ignore[return-value]
    if get_origin(annotation) is Literal:
        return "text"
    of_type: dict[Any, Kind] = {bool: "flag", int: "count", float: "number", str: "text"}
    kinds = [each for each in (annotation, *get_args(annotation)) if each in of_type]
    return "list" if get_origin(annotation) is list else of_type[kinds[0]] if kinds else "text"


def _column(name: str) -> RunColumn:
    info = RunOut.model_fields[name]
    kind = _kind(name, info.annotation)
    title = Hyperparameters.model_fields[name].title if name in HYPERPARAMETERS else None
    label = _LABELS.get(name) or title or name.replace("_", " ").capitalize()
    width = _WIDTHS.get(name) or _WIDTHS_OF_KINDS[kind]
    return RunColumn(name, label, kind, info.description or "", width)


def _columns() -> dict[str, RunColumn]:
    curve = RunColumn(
        LOSS_CURVE,
        "Loss",
        "curve",
        "Train loss by epoch on a logarithmic axis, downsampled.",
        _WIDTHS_OF_KINDS["curve"],
    )
    names = sorted(RunOut.model_fields, key=lambda name: name != "name")
    found = {name: _column(name) for name in names}
    return found | {LOSS_CURVE: curve}


COLUMNS: Final = _columns()
"""Every column by its name, the run's name first."""

DEFAULT_COLUMNS: Final = (
    "name",
    "status",
    "test_accuracy",
    LOSS_CURVE,
    "depth",
    "lr",
    "batch_size",
    "epochs_done",
    "seed",
    "device_used",
    "started_at",
    "train_seconds",
)
