"""What a comparison may claim: the conclusion of a planned study, a provisional one, or an exploration."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.compare.inference import looks
from app.formats import plural
from app.schemas.compare.comparison import ClaimStatus
from app.schemas.configurations import FOUND, varied
from app.schemas.runs import RunOut
from app.schemas.status import ENDED
from app.storage.tables import Study


@dataclass(frozen=True, slots=True)
class Standing:
    """How far the statements of a comparison can be trusted, and why no further.

    `level` is the probability that any of them is false; `look` counts the looks at the study.
    """

    status: ClaimStatus
    look: int | None
    level: float
    reason: str = ""


def standing(study: Study | None, runs: Sequence[RunOut], by: Sequence[str], *, is_whole: bool) -> Standing:
    """The standing of a comparison of these runs; `is_whole` says that they are all runs of the study.

    Only a whole study in the grouping that its configurations vary in answers a planned question, and only
    once all its runs have ended. A study without a plan has runs that were chosen by their results.
    """
    if study is None or not is_whole:
        why = "these runs were selected after their results were visible"
        return Standing("exploratory", None, looks.FIRST, why)
    if {name for name in by if name not in FOUND} != set(varied(runs)):
        return Standing(
            "exploratory", None, looks.FIRST, "the runs are not grouped by the fields that the study varies"
        )
    if why := _unlike_plan(study, len(runs)):
        return Standing("exploratory", None, looks.FIRST, why)
    spent = looks.level(study.look)
    all_planned = plural(len(runs), "planned run")
    cancelled = sum(run.status == "cancelled" for run in runs)
    waiting = sum(run.status not in ENDED for run in runs)
    if waiting:
        have, it = ("has", "it has") if waiting == 1 else ("have", "they have")
        return Standing(
            "provisional",
            study.look,
            spent,
            f"{waiting} of {all_planned} {have} not ended: the verdict can change until {it}",
        )
    if cancelled:
        was, it = ("was", "it") if cancelled == 1 else ("were", "them")
        return Standing(
            "provisional",
            study.look,
            spent,
            f"{cancelled} of {all_planned} {was} cancelled: retry {it} to complete the study",
        )
    return Standing("final", study.look, spent)


def _unlike_plan(study: Study, runs: int) -> str:
    """Why the runs of a study are not those that it planned; empty if they are."""
    if not study.planned:
        return "runs were added to the study after their results were visible"
    missing = study.planned - runs
    if missing <= 0:
        return ""
    return f"{missing} of {study.planned} planned runs {'was' if missing == 1 else 'were'} deleted or removed"
