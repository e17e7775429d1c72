"""Creates studies from grids, and adds seeds to them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import sqlalchemy
from sqlalchemy import ColumnElement, func, or_
from sqlmodel import Session, col, select

from app.formats import written
from app.queue import admission
from app.queue.forecasting.estimate import NO_SIZES, Images, estimate
from app.runs.studies import progress, rows
from app.schemas.bodies import Labels
from app.schemas.hyperparameters import HYPERPARAMETERS
from app.schemas.studies import GridRequest, MoreSeeds, StudyOut, StudyPreview
from app.storage.database import clock
from app.storage.tables import PendingDeletion, Run, Study, StudyRun
from trainer.config import TrainConfig

_NAMED_VALUES: Final = 6
_LONGEST_NAME: Final = 100


class NothingMatches(ValueError):
    """No configuration of the study has the requested values."""

    def __init__(self, only: Mapping[str, Sequence[Any]]) -> None:
        asked = " and ".join(f"{name} {', '.join(map(written, values))}" for name, values in only.items())
        super().__init__(f"no configuration of the study has {asked}")


def preview(session: Session, request: GridRequest, sizes: Mapping[str, Images] = NO_SIZES) -> StudyPreview:
    """The number of runs of a study, how many are identical to a finished run, and the estimated time.

    `sizes` are the numbers of training and test images of data sets, which may be new.
    """
    configs = request.configs
    identical = finished_identical(session, configs)
    fresh = [config for config in configs if not (request.reuse and config in identical)]
    guess = estimate(session, fresh, sizes)
    return StudyPreview(
        runs=len(configs),
        duplicates=len(identical),
        seconds=guess.seconds,
        seconds_range=guess.range,
        basis=guess.basis,
    )


def create_study(session: Session, request: GridRequest, *, limit: int) -> StudyOut:
    """Create a study and queue its runs; with `reuse`, finished runs of the same hyperparameters join it.

    The tags and the note of the request are those of the runs, and tags and description of the study.
    If runs of these configurations and seeds have finished, with any number of epochs, their results were
    visible before: the study starts one look after theirs.

    Raises:
        StudyNotFound: the study that it follows does not exist.
        QueueFull: more than `limit` runs would be queued; the caller must roll back its transaction.
    """
    configs = request.configs
    study = Study(
        name=request.name or default_name(request.axes),
        description=request.note,
        tags=request.tags,
        created_at=clock(session),
    )
    session.add(study)
    session.flush()
    identical = finished_identical(session, configs) if request.reuse else {}
    study.look = first_look(session, request.follows, configs)
    _fill(session, rows.id_of(study), configs, request, identical, limit=limit)
    return progress.answer(session, study)


def more_seeds(
    session: Session, study_id: int, count: int, only: Mapping[str, Sequence[Any]]
) -> list[TrainConfig]:
    """The runs for `count` new seeds: the smallest seeds that the configurations do not have yet.

    `only` maps hyperparameters to the values that a configuration must have.

    Raises:
        StudyNotFound: the study does not exist.
        StudyTooLarge: the study would have more runs than allowed.
        NothingMatches: the study has runs, but none of such a configuration.
    """
    rows.get(session, study_id)
    everything = list(configs_of(session, col(Run.id).in_(rows.members(study_id))).values())
    configs = [
        config
        for config in everything
        if all(getattr(config, name) in values for name, values in only.items())
    ]
    if everything and not configs:
        raise NothingMatches(only)
    used = {config.seed for config in configs}
    seeds = [seed for seed in range(len(used) + count) if seed not in used][:count]
    shapes = dict.fromkeys(config.model_copy(update={"seed": 0}) for config in configs)
    fresh = [shape.model_copy(update={"seed": seed}) for shape in shapes for seed in seeds]
    rows.check_size(len(everything) + len(fresh))
    return fresh


def all_more_seeds(
    session: Session, study_id: int, parts: Iterable[tuple[int, Mapping[str, Sequence[Any]]]]
) -> list[TrainConfig]:
    """The runs of `more_seeds` for several parts, each a number of seeds and what they are for.

    Raises the same errors; `StudyTooLarge` also if only all parts together are too many.
    """
    wanted = (config for count, only in parts for config in more_seeds(session, study_id, count, only))
    fresh = list(dict.fromkeys(wanted))
    rows.check_size(len(session.exec(rows.members(study_id)).all()) + len(fresh))
    return fresh


def add_seeds(session: Session, study_id: int, parts: Sequence[MoreSeeds], *, limit: int) -> StudyOut:
    """Queue the runs of `more_seeds` for each part; raises its errors and those of `create_study`.

    This is another look at the study if a run of it has finished.
    """
    fresh = all_more_seeds(session, study_id, [(part.seeds, part.wanted) for part in parts])
    if fresh:
        rows.count_look(session, study_id)
        of_study = select(Run).where(col(Run.id).in_(rows.members(study_id)))
        first = session.exec(of_study.order_by(col(Run.id)).limit(1)).one()
        _fill(session, study_id, fresh, Labels(priority=first.priority, tags=first.tags), {}, limit=limit)
    return progress.answer(session, rows.get(session, study_id))


def first_look(session: Session, follows: int | None, configs: Sequence[TrainConfig]) -> int:
    """The first look of a new study: one after those whose results are visible or led to the study.

    Finished runs of the same configurations and seeds show how its runs will end, even after another number
    of epochs.

    Raises:
        StudyNotFound: there is no study `follows`.
    """
    if follows is not None:
        rows.get(session, follows)
    ids = list(_finished_like(session, configs, but=("epochs",)).values())
    query = select(func.max(Study.look)).where(
        or_(
            col(Study.id) == follows,
            col(Study.id).in_(select(StudyRun.study_id).where(col(StudyRun.run_id).in_(ids))),
        )
    )
    seen = session.exec(query).one()
    return (seen or int(bool(ids))) + 1


def default_name(axes: dict[str, list[Any]]) -> str:
    """The default name of a study: the values that vary or, if these are too long, their numbers."""
    varied = {name: values for name, values in axes.items() if len(values) > 1 or name == "depth"}
    named, counted = (
        " × ".join(_axis(name, values, most) for name, values in varied.items())
        for most in (_NAMED_VALUES, 1)
    )
    return named if len(named) <= _LONGEST_NAME else counted


def _axis(name: str, values: Sequence[object], most: int) -> str:
    if name == "seed":
        return f"{len(values)} seeds"
    shown = ", ".join(map(written, values)) if len(values) <= most else f"{len(values)} values"
    return f"{name} {shown}"


def finished_identical(session: Session, configs: Sequence[TrainConfig]) -> dict[TrainConfig, int]:
    """The id of the newest finished run of each configuration that has one."""
    return _finished_like(session, configs)


def _finished_like(
    session: Session, configs: Sequence[TrainConfig], but: Sequence[str] = ()
) -> dict[TrainConfig, int]:
    """The newest finished run of each configuration that is like one of these but for some fields."""

    def rest(config: TrainConfig) -> tuple[Any, ...]:
        return tuple(getattr(config, name) for name in names)

    names = [name for name in HYPERPARAMETERS if name not in but]
    wanted = {rest(config) for config in configs}
    if not wanted:
        return {}
    alike = [
        col(getattr(Run, name)).in_(set(values))
        for name, values in zip(names, zip(*wanted, strict=True), strict=True)
    ]
    is_kept = col(Run.id).not_in(select(PendingDeletion.run_id))
    trained = configs_of(session, col(Run.status) == "finished", col(Run.verifies).is_(None), is_kept, *alike)
    return {config: run_id for run_id, config in trained.items() if rest(config) in wanted}


def _fill(
    session: Session,
    study_id: int,
    configs: Sequence[TrainConfig],
    labels: Labels,
    identical: dict[TrainConfig, int],
    *,
    limit: int,
) -> None:
    fresh = [config for config in configs if config not in identical]
    unnamed = labels.model_copy(update={"name": None})
    queued = admission.enqueue_all(session, [(config, unnamed, study_id) for config in fresh], limit=limit)
    members = {**identical, **dict(zip(fresh, queued, strict=True))}
    places = [{"study_id": study_id, "run_id": members[config]} for config in configs]
    rows.plan(session, rows.get(session, study_id), len(places))
    if places:
        session.execute(sqlalchemy.insert(StudyRun), places)


def configs_of(session: Session, *where: ColumnElement[bool]) -> dict[int, TrainConfig]:
    """The hyperparameters of runs by id, in order; read as rows, because objects take most of the time."""
    columns = [getattr(Run, name) for name in HYPERPARAMETERS]
    query = select(Run.id, *columns).where(*where).order_by(col(Run.id))
    return {
        run_id: TrainConfig.model_construct(**dict(zip(HYPERPARAMETERS, values, strict=True)))
        for run_id, *values in session.connection().execute(query)
    }


def configs_by_study(session: Session, study_ids: Sequence[int]) -> dict[int, list[TrainConfig]]:
    """The hyperparameters of the runs of studies."""
    columns = [getattr(Run, name) for name in HYPERPARAMETERS]
    query = (
        select(StudyRun.study_id, *columns)
        .where(col(StudyRun.study_id).in_(study_ids), col(StudyRun.run_id) == col(Run.id))
        .order_by(col(StudyRun.run_id))
    )
    found: dict[int, list[TrainConfig]] = {study_id: [] for study_id in study_ids}
    for study_id, *values in session.connection().execute(query):
        found[study_id].append(TrainConfig.model_construct(**dict(zip(HYPERPARAMETERS, values, strict=True))))
    return found
