"""What the charts of a page are drawn from, besides epochs: its runs, and the groups that they are in."""

from collections.abc import Sequence
from typing import Any

from app.compare.groups import among, finished, grouped, members
from app.queue.names import differences
from app.schemas.answers import RunOut
from app.schemas.comparison import Findings
from app.schemas.configurations import repeats


def of_comparison(comparison: Findings) -> dict[str, Any]:
    """Of a comparison; the page words its verdict and warnings itself."""
    return comparison.model_dump(exclude={"verdict", "warnings", "offer", "by_depth"})


def of_runs(runs: Sequence[RunOut], by: Sequence[str]) -> dict[str, Any]:
    """The same of runs that are not compared, with no more of their groups than curves need."""
    ended = finished(runs)
    repeated = {run.id for run in repeats(ended)}
    everyone = grouped(runs, by)
    judged = among(everyone, (run for run in ended if run.id not in repeated))
    return {
        "runs": [run.model_dump() for run in runs],
        "by": list(by),
        "members": [group.model_dump() for group in members(everyone)],
        "groups": [{"id": group.id, "mixed": group.mixed} for group in judged],
        "repeats": sorted(repeated),
        "differences": differences(runs),
    }
