"""Reads what conclusions need besides the runs' results: predictions and the last epochs."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from app.compare.groups import Group
from app.compare.inference.conclusions import Measured
from app.compare.inference.differences import Sample
from app.compare.inference.trend import ENDED, slope
from app.compare.settings_phrase import ENDING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def measured(
    groups: Iterable[Group], recent: Mapping[int, Sequence[float]], correct: "Mapping[int, NDArray[np.bool_]]"
) -> list[Measured]:
    """What is known of each group's runs; by seed, so that runs of one family pair one by one.

    `recent` are the test accuracies of each run's last quarter of epochs, and `correct` the test images that
    it classifies correctly. A group has predictions only if all its runs have them, for the same images.
    """
    return [_of_group(group, recent, correct) for group in groups]


def _of_group(
    group: Group, recent: Mapping[int, Sequence[float]], correct: "Mapping[int, NDArray[np.bool_]]"
) -> Measured:
    import numpy as np  # noqa: PLC0415  # only a comparison needs it

    runs = sorted(group.runs, key=lambda run: (run.seed, run.id))
    found = [correct[run.id] for run in runs if run.id in correct]
    is_complete = len(found) == len(runs) and len({len(each) for each in found}) == 1
    has_ended = all(run.schedule in ENDING or run.epochs_done < run.epochs for run in runs)
    return Measured(
        Sample(
            [run.test_accuracy or 0.0 for run in runs],
            np.array(found) if is_complete else None,
            group.family,
        ),
        ENDED if has_ended else slope([recent.get(run.id, ()) for run in runs]),
    )
