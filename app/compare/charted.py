"""The data of a page's charts except epochs: runs and their groups."""

from collections.abc import Sequence
from typing import Any

from app.compare.groups import Group, among, judged
from app.queue.names import differences
from app.schemas.compare.comparison import Findings, Members


def of_comparison(comparison: Findings) -> dict[str, Any]:
    """The data of a comparison without its verdict and warnings, which the template writes."""
    return comparison.model_dump(exclude={"verdict", "warnings", "offer", "by_depth"})


def of_groups(everyone: Sequence[Group], shown: Sequence[Members]) -> dict[str, Any]:
    """The data of groups that are not compared, and their marks: only what the curves need."""
    runs = sorted((run for group in everyone for run in group.runs), key=lambda run: run.id)
    counted, repeated = judged(runs)
    return {
        "runs": [run.model_dump() for run in runs],
        "by": list(everyone[0].key) if everyone else [],
        "members": [group.model_dump() for group in shown],
        "groups": [{"id": group.id, "mixed": group.mixed} for group in among(everyone, counted)],
        "repeats": [run.id for run in repeated],
        "differences": differences(runs),
    }
