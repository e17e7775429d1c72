"""Offers to queue the runs that would answer an open question of a comparison."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from pydantic import ValidationError
from sqlmodel import Session

from app.compare.groups import Group
from app.compare.inference.conclusions import Conclusions
from app.compare.inference.needs import Needs, seeds_of_new_study
from app.formats import about, between, plural
from app.prose import listed
from app.queue.forecasting.estimate import estimate
from app.runs import studies
from app.schemas.compare.comparison import Offer, OfferedSeeds
from app.schemas.configurations import FOUND
from app.schemas.hyperparameters import HYPERPARAMETERS
from app.schemas.studies import MAX_SEEDS, StudyRequest
from app.storage.tables import Study
from trainer.config import TrainConfig

_LONGER: Final = 2
"""How many times as many epochs an offer of longer training asks for."""


@dataclass(frozen=True, slots=True)
class Next:
    """An offer, and the number of needed runs that are already queued or running."""

    offer: Offer | None = None
    pending: int = 0


def next_runs(
    session: Session, found: Conclusions, needed: Needs, everyone: Sequence[Group], study: Study | None
) -> Next:
    """The runs that would answer what is open: more epochs first, then seeds.

    `everyone` are the groups with runs in any state. A study gets more seeds; an exploration gets a new study
    with new seeds that tests what it shows. A study is offered nothing where all is settled. Nothing is
    offered where nothing can be resolved, nor before the planned runs have ended.
    """
    pending = sum(run.status in ("queued", "running") for group in everyone for run in group.runs)
    is_provisional = found.standing.status == "provisional"
    if pending or is_provisional or found.unranked or len(found.groups) < 2:  # noqa: PLR2004
        return Next(None, pending)
    if any(name in FOUND for name in found.groups[0].key):
        return Next()
    if found.still_changing and "epochs" not in found.groups[0].key:
        return Next(_more_epochs(session, found, study))
    if study is None or found.standing.status == "exploratory":
        return Next(_new_study(session, found))
    return Next(_more_seeds(session, found, needed, study.id or 0) if needed.seeds else None)


def _more_seeds(session: Session, found: Conclusions, needed: Needs, study_id: int) -> Offer | None:
    """More seeds for groups of the study; groups by one field that get the same number share one part."""
    chosen = [group for group in found.groups if group.id in needed.seeds]
    new = {group.id: min(MAX_SEEDS, needed.seeds[group.id] - len(group.runs)) for group in chosen}
    parts: list[dict[str, Any]] = []
    for group in chosen:
        only = {name: [value] for name, value in group.key.items()}
        same = next((part for part in parts if part["seeds"] == new[group.id] and len(only) == 1), None)
        if same:
            for name, values in only.items():
                same["only"][name] += values
        else:
            parts.append({"seeds": new[group.id], "only": only})
    try:
        fresh = studies.all_more_seeds(session, study_id, [(part["seeds"], part["only"]) for part in parts])
    except (studies.StudyTooLarge, studies.NothingMatches):
        return None
    guess = estimate(session, fresh)
    return Offer(
        kind="seeds",
        groups=[OfferedSeeds(id=group.id, label=group.label, seeds=new[group.id]) for group in chosen],
        runs=len(fresh),
        runs_range=needed.runs_range,
        seconds=guess.seconds,
        seconds_range=guess.range,
        basis=guess.basis,
        url=f"/studies/{study_id}/runs",
        body={"parts": parts},
    )


def _new_study(session: Session, found: Conclusions) -> Offer | None:
    """A study with as many new seeds as it needs by itself, of the groups that may be the best.

    It has all groups if no pair of the best ones is undecided, which includes the case that there are no
    intervals yet. None if the groups do not form a grid, or if seeds can't help.
    """
    count = seeds_of_new_study(found)
    if count is None:
        return None
    chosen = [group for group in found.groups if group.id in found.best or not found.undecided]
    used = {run.seed for group in found.groups for run in group.runs}
    fresh = [seed for seed in range(len(used) + count) if seed not in used][:count]
    return _study(session, "study", chosen, fresh, {})


def _more_epochs(session: Session, found: Conclusions, study: Study | None) -> Offer | None:
    """The same study with more epochs."""
    runs = [run for group in found.groups for run in group.runs]
    epochs = _LONGER * max(run.epochs for run in runs)
    limit = _upper("epochs")
    if epochs > limit:
        return None
    seeds = sorted({run.seed for run in runs})
    return _study(session, "epochs", found.groups, seeds, {"epochs": [epochs]}, study.id if study else None)


def _upper(name: str) -> int:
    """The largest value of a hyperparameter."""
    return next(int(part.le) for part in TrainConfig.model_fields[name].metadata if hasattr(part, "le"))


def _study(  # noqa: PLR0917
    session: Session,
    kind: Literal["epochs", "study"],
    groups: Sequence[Group],
    seeds: Sequence[int],
    changed: dict[str, list[Any]],
    follows: int | None = None,
) -> Offer | None:
    runs = [run for group in groups for run in group.runs]
    configs = {tuple(getattr(run, name) for name in HYPERPARAMETERS if name != "seed") for run in runs}
    axes = {name: sorted({getattr(run, name) for run in runs}) for name in HYPERPARAMETERS if name != "seed"}
    if math.prod(map(len, axes.values())) != len(configs):
        return None
    body: dict[str, Any] = {
        name: values
        for name, values in (axes | changed).items()
        if name == "depth" or values != [TrainConfig.model_fields[name].default]
    }
    body["seed"] = list(seeds)
    if follows is not None:
        body["follows"] = follows
    try:
        preview = studies.preview(session, StudyRequest.model_validate(body))
    except ValidationError:
        return None
    return Offer(
        kind=kind,
        groups=[OfferedSeeds(id=group.id, label=group.label, seeds=len(seeds)) for group in groups],
        runs=preview.runs,
        runs_range=None,
        seconds=preview.seconds,
        seconds_range=preview.seconds_range,
        basis=preview.basis,
        url="/studies",
        body=body,
    )


def in_words(offer: Offer) -> str:
    """The offer as the text of a button."""
    low, high = offer.runs_range or (offer.runs, offer.runs)
    likely = (
        "" if low == high else f" (80 % range {low} to {high})" if high else f" (80 % range: {low} or more)"
    )
    time = f"{about(offer.seconds)} ({between(offer.seconds_range)})"
    cost = f"{plural(offer.runs, 'run')}{likely}, {time}"
    if offer.kind == "epochs":
        return f"Train for {plural(offer.body['epochs'][0], 'epoch')} in a new study: {cost}"
    seeds = {each.seeds for each in offer.groups}
    which = listed([each.label for each in offer.groups])
    each = " each" if len(offer.groups) > len(seeds) == 1 else ""
    counts = plural(seeds.pop(), "seed") if len(seeds) == 1 else f"{min(seeds)} to {max(seeds)} seeds"
    if offer.kind == "study":
        return f"Test this in a new study with {counts.replace('seed', 'new seed')}{each} for {which}: {cost}"
    more = counts.replace("seed", "more seed", 1)
    return f"Queue {more}{each} for {which}: {cost}"
