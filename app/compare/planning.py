"""What a planned study can show, from the spreads of past runs."""

from collections.abc import Iterable, Sequence
from statistics import median
from typing import Final

from sqlmodel import Session, col, select

from app.compare.groups import Group, grouped, judged
from app.compare.inference import looks
from app.compare.inference.differences import Difference, Sample, Spread, differences
from app.compare.inference.judgement import Rule
from app.compare.inference.power import detectable
from app.formats import plural
from app.prose import in_points
from app.runs import studies
from app.runs.reading import as_answers
from app.schemas.configurations import FOUND
from app.schemas.hyperparameters import HYPERPARAMETERS
from app.schemas.studies import GridRequest
from app.settings import Settings
from app.storage.tables import Run

_RUNS: Final = 200
"""The most recent finished runs that spreads are taken from."""
_GROUPS: Final = 6
"""The most recent groups whose images are compared."""


def can_show(session: Session, request: GridRequest, settings: Settings) -> str:
    """The smallest difference that a study can show with 80 % power, in a sentence; empty if unknown.

    It counts the looks at runs of the same configurations and seeds that have finished, and takes the median
    variance over seeds, and over test images, of past groups with the same data set.
    """
    configs = {config.model_copy(update={"seed": 0}) for config in request.configs}
    seeds = len(request.axes["seed"])
    names = set(request.axes["dataset"])
    if len(configs) < 2 or len(names) > 1:  # noqa: PLR2004
        return ""
    shape = f"{plural(seeds, 'seed')} × {plural(len(configs), 'configuration')}"
    if seeds == 1:
        return f"{shape}: one seed per configuration can't show a difference. Use at least 3 seeds."
    past = _past_groups(session, names.pop())
    if not past:
        return ""
    variance = median(Sample(group.test_accuracies).variance for group in past)
    images = _images(past, settings)
    difference = Difference(0.0, (Spread(variance / seeds, seeds - 1),) * 2, images)
    look = studies.first_look(session, request.follows, request.configs)
    pairs = len(configs) * (len(configs) - 1) // 2
    shown = in_points(detectable(difference, Rule(looks.level(look), pairs))).removeprefix("+")
    where = "" if images is not None else ", on the same test images"
    count = plural(sum(len(group.runs) for group in past), "past run")
    return f"{shape} can show differences of {shown} or more{where} (80 % power, estimated from {count})."


def _past_groups(session: Session, dataset: str) -> list[Group]:
    """Recent groups of this data set with several seeds, newest first."""
    query = (
        select(Run)
        .where(col(Run.status) == "finished", col(Run.dataset) == dataset)
        .order_by(col(Run.id).desc())
        .limit(_RUNS)
    )
    runs, _ = judged(as_answers(session, session.exec(query).all()))
    by = [name for name in (*HYPERPARAMETERS, *FOUND) if name not in ("seed", "device")]
    groups = grouped(runs, by)
    several = [group for group in groups if len(group.runs) > 1 and not group.guessing]
    return sorted(several, key=lambda group: -max(run.id for run in group.runs))


def _images(groups: Sequence[Group], settings: Settings) -> float | None:
    """The median variance of differences due to test images, between recent groups; None if unknown."""
    import numpy as np  # noqa: PLC0415  # only a comparison needs it

    from app.compare.images.correct import correct_images  # noqa: PLC0415

    samples = []
    for group in groups[:_GROUPS]:
        correct = correct_images(group.runs, settings)
        if len(correct) == len(group.runs):
            samples.append(Sample(group.test_accuracies, np.array([correct[run.id] for run in group.runs])))
    return _median(found.images for found in differences(samples).values() if found)


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None
