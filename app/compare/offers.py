"""Offers to queue the seeds that an undecided comparison needs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from sqlmodel import Session

from app.compare.groups import Group
from app.queue.estimate import estimate
from app.runs import studies
from app.schemas.comparison import Offer, Verdict
from app.schemas.configurations import FOUND
from app.schemas.hyperparameters import HYPERPARAMETERS
from app.schemas.requests import StudyRequest
from trainer.config import TrainConfig


@dataclass(frozen=True, slots=True)
class ToSettle:
    """An offer, and the number of needed seeds that are already queued or running."""

    offer: Offer | None = None
    pending: int = 0


def to_settle(session: Session, judged: Verdict, groups: Sequence[Group], study_id: int | None) -> ToSettle:
    """The offer for a verdict on these groups, which contain runs in any state.

    A study gets more seeds. Without a study, the offer is a new study with the groups' runs and new seeds.
    """
    wanted = judged.more_seeds or 0
    concerned = [group for group in groups if group.id in judged.more_seeds_ids]
    coming = [_coming(group) for group in concerned]
    short = [group for group, seeds in zip(concerned, coming, strict=True) if seeds < wanted]
    pending = min(wanted, *coming) if coming else 0
    if not short or any(name in FOUND for name in short[0].key):
        return ToSettle(None, pending)
    count = wanted - min(coming)
    everywhere = len(short) == len(groups)
    offer = (
        _new_study(session, short, count)
        if study_id is None
        else _more_of(session, short, count, study_id, everywhere=everywhere)
    )
    return ToSettle(offer, pending)


def _coming(group: Group) -> int:
    """Count the seeds of a group that are queued or running and that no finished run has."""
    done = {run.seed for run in group.runs if run.status == "finished"}
    return len({run.seed for run in group.runs if run.status in ("queued", "running")} - done)


def _more_of(
    session: Session, groups: Sequence[Group], count: int, study_id: int, *, everywhere: bool
) -> Offer | None:
    names = list(groups[0].key)
    only = {name: sorted({group.key[name] for group in groups}) for name in names}
    try:
        fresh = studies.more_seeds(session, study_id, count, {} if everywhere else only)
    except (studies.StudyTooLarge, studies.NothingMatches):
        return None
    guess = estimate(session, fresh)
    return Offer(
        seeds=count,
        groups=[group.label for group in groups],
        runs=len(fresh),
        seconds=guess.seconds,
        seconds_range=guess.range,
        basis=guess.basis,
        url=f"/studies/{study_id}/runs",
        body={"seeds": count} | ({} if everywhere else {"only": only}),
    )


def _new_study(session: Session, groups: Sequence[Group], count: int) -> Offer | None:
    """Offer a study of these configurations with their seeds and new ones; None if they are no grid."""
    runs = [run for group in groups for run in group.runs if run.status == "finished"]
    configs = {tuple(getattr(run, name) for name in HYPERPARAMETERS if name != "seed") for run in runs}
    axes = {name: sorted({getattr(run, name) for run in runs}) for name in HYPERPARAMETERS if name != "seed"}
    if math.prod(map(len, axes.values())) != len(configs):
        return None
    used = {run.seed for group in groups for run in group.runs}
    done = sorted({run.seed for run in runs})
    fresh = [seed for seed in range(len(used) + count) if seed not in used][:count]
    body: dict[str, Any] = {
        name: values
        for name, values in axes.items()
        if name == "depth" or values != [TrainConfig.model_fields[name].default]
    }
    body |= {"seed": [*done, *fresh], "reuse": True}
    try:
        found = studies.preview(session, StudyRequest.model_validate(body))
    except ValidationError:
        return None
    return Offer(
        seeds=count,
        groups=[group.label for group in groups],
        runs=found.runs - found.duplicates,
        seconds=found.seconds,
        seconds_range=found.seconds_range,
        basis=found.basis,
        url="/studies",
        body=body,
    )
