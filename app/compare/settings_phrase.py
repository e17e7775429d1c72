"""The settings that all compared runs share, in a phrase."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from app.formats import plural, written
from app.schemas.configurations import title_of
from app.schemas.runs import RunOut
from trainer.config import TrainConfig

_OPTIMIZERS: Final = {
    "sgd": "SGD",
    "nesterov": "SGD with Nesterov momentum",
    "adam": "Adam",
    "adamw": "AdamW",
}
_ALWAYS: Final = ("optimizer", "lr", "epochs", "width")
_NEVER: Final = ("depth", "seed", "device", "patience")
ENDING: Final = ("cosine", "onecycle")
"""Schedules whose learning rate ends at 0."""


def settings_phrase(runs: Sequence[RunOut], by: Iterable[str]) -> str:
    """The shared settings: `SGD at learning rate 0.05, 20 epochs, width 512 (halved per layer)`.

    Other settings are named if they differ from the default. Fields that runs are grouped by or differ in are
    left out.
    """
    if not runs:
        return ""
    grouped = set(by)
    same: dict[str, Any] = {}
    for name, field in TrainConfig.model_fields.items():
        values = {getattr(run, name) for run in runs}
        if name in grouped or name in _NEVER or len(values) != 1:
            continue
        value = values.pop()
        if name in _ALWAYS or value != field.default:
            same[name] = value
    parts = []
    optimizer, lr = same.pop("optimizer", None), same.pop("lr", None)
    if optimizer is not None:
        parts.append(_OPTIMIZERS[optimizer] + (f" at learning rate {written(lr)}" if lr is not None else ""))
    elif lr is not None:
        parts.append(f"learning rate {written(lr)}")
    if "epochs" in same:
        parts.append(plural(same.pop("epochs"), "epoch"))
    width = same.pop("width", None)
    deepest = max(run.depth for run in runs)
    if width is not None and deepest > 1:
        parts.append(f"width {width}{' (halved per layer)' if deepest > 2 else ''}")  # noqa: PLR2004  # only then is it halved
    parts += [f"{title_of(name).lower()} {written(value)}" for name, value in same.items()]
    return ", ".join(parts)


def ended_schedules(runs: Iterable[RunOut]) -> list[str]:
    """A sentence on schedules whose learning rate has decayed to 0: a longer one was not tried."""
    names = sorted({run.schedule for run in runs if run.schedule in ENDING})
    if not names:
        return []
    which = f"{' and '.join(names)} {'schedule' if len(names) == 1 else 'schedules'}"
    longer = "A longer schedule was not tried." if len(names) == 1 else "Longer schedules were not tried."
    return [
        f"The {which} ended at learning rate 0: further epochs at that rate would change nothing. {longer}"
    ]
