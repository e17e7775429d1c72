"""Studies: creation from a grid, more seeds, progress."""

from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import sqlalchemy
from sqlalchemy import ColumnElement
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from app.formats import written
from app.queue import actions, admission, forecast
from app.queue.estimate import NO_SIZES, Images, estimate
from app.queue.pace import Guess
from app.runs.reading import timestamp
from app.schemas.answers import RunOut, StudyOut, StudyPreview
from app.schemas.configurations import FOUND, differing
from app.schemas.hyperparameters import HYPERPARAMETERS
from app.schemas.requests import MAX_GRID, GridRequest, Labels
from app.schemas.status import ENDED, STATUSES, Status
from app.storage.database import clock
from app.storage.tables import Run, Study, StudyRun
from trainer.config import TrainConfig

_NAMED_VALUES: Final = 6
_LONGEST_NAME: Final = 100
_EVERYTHING: Final[Mapping[str, Sequence[Any]]] = MappingProxyType({})


class StudyNotFound(Exception):
    """There is no study with this id."""

    def __init__(self, study_id: int) -> None:
        super().__init__(f"there is no study {study_id}")


class StudyTooLarge(ValueError):
    """The study would hold more runs than one study may."""


class NothingMatches(ValueError):
    """No configuration of the study has the values that were asked for."""

    def __init__(self, only: Mapping[str, Sequence[Any]]) -> None:
        asked = " and ".join(f"{name} {', '.join(map(written, values))}" for name, values in only.items())
        super().__init__(f"no configuration of the study has {asked}")


def preview(session: Session, request: GridRequest, sizes: Mapping[str, Images] = NO_SIZES) -> StudyPreview:
    """What a study would train, what it would find done already, and how long it would take.

    `sizes` has the numbers of training and test images of data sets, which may be new.
    """
    configs = request.configs
    twins = finished_twins(session, configs)
    fresh = [config for config in configs if not (request.reuse and config in twins)]
    guess = estimate(session, fresh, sizes)
    return StudyPreview(
        runs=len(configs),
        duplicates=len(twins),
        seconds=guess.seconds,
        seconds_range=guess.range,
        basis=guess.basis,
    )


def create_study(session: Session, request: GridRequest, *, limit: int) -> StudyOut:
    """Create a study and queue its runs; with `reuse`, finished runs of the same hyperparameters join it.

    Raises:
        QueueFull: more than `limit` runs would wait; the caller's transaction has to be given up.
    """
    configs = request.configs
    study = Study(name=request.name or default_name(request.axes), created_at=clock(session))
    session.add(study)
    session.flush()
    twins = finished_twins(session, configs) if request.reuse else {}
    _fill(session, _id(study), configs, request, twins, limit=limit)
    return _answer(session, study)


def more_seeds(
    session: Session, study_id: int, count: int, only: Mapping[str, Sequence[Any]]
) -> list[TrainConfig]:
    """What `count` new seeds of configurations would train: the smallest that these don't have yet.

    `only` are the values that a configuration must have, by hyperparameter.

    Raises:
        StudyNotFound: there is no such study.
        StudyTooLarge: it would grow beyond what one study may hold.
        NothingMatches: the study has runs, but none of such a configuration.
    """
    _get(session, study_id)
    everything = list(_configs(session, col(Run.id).in_(_members(study_id))).values())
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
    if len(everything) + len(fresh) > MAX_GRID:
        raise StudyTooLarge(
            f"the study would have {len(everything) + len(fresh):,} runs; {MAX_GRID:,} are allowed"
        )
    return fresh


def add_seeds(
    session: Session,
    study_id: int,
    count: int,
    only: Mapping[str, Sequence[Any]] = _EVERYTHING,
    *,
    limit: int,
) -> StudyOut:
    """Queue what `more_seeds` lists; raises what that and `create_study` raise."""
    fresh = more_seeds(session, study_id, count, only)
    if fresh:
        of_study = select(Run).where(col(Run.id).in_(_members(study_id)))
        first = session.exec(of_study.order_by(col(Run.id)).limit(1)).one()
        _fill(session, study_id, fresh, Labels(priority=first.priority, tags=first.tags), {}, limit=limit)
    return _answer(session, _get(session, study_id))


def cancel_study(session: Session, study_id: int) -> StudyOut:
    """Cancel every run of a study that has not ended.

    Raises:
        StudyNotFound: there is no such study.
    """
    study = _get(session, study_id)
    not_ended = select(Run.id).where(col(Run.id).in_(_members(study_id)), col(Run.status).not_in(ENDED))
    actions.cancel_all(session, [run_id or 0 for run_id in session.exec(not_ended)])
    return _answer(session, study)


def find_study(session: Session, study_id: int) -> StudyOut | None:
    """A study and its progress, None if there is none."""
    study = session.get(Study, study_id)
    return _answer(session, study) if study else None


def get_study(session: Session, study_id: int) -> StudyOut:
    """A study and its progress.

    Raises:
        StudyNotFound: there is no such study.
    """
    return _answer(session, _get(session, study_id))


def list_studies(session: Session) -> list[StudyOut]:
    """Every study, newest first."""
    return _answers(session, session.exec(select(Study).order_by(col(Study.id).desc())).all())


def default_name(axes: dict[str, list[Any]]) -> str:
    """What a study is called when nobody named it: the values that vary; if that is too long, how many."""
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


def question(runs: Sequence[RunOut]) -> str:
    """The hyperparameter that a study asks about: depth, unless others differ and that does not."""
    varied = [name for name in differing(runs) if name not in FOUND]
    return varied[0] if varied and "depth" not in varied else "depth"


def finished_twins(session: Session, configs: Sequence[TrainConfig]) -> dict[TrainConfig, int]:
    """For configurations that a finished run has trained already, the id of the newest such run."""
    wanted = set(configs)
    alike = [
        col(getattr(Run, name)).in_({getattr(config, name) for config in wanted}) for name in HYPERPARAMETERS
    ]
    trained = _configs(session, col(Run.status) == "finished", *alike)
    return {config: run_id for run_id, config in trained.items() if config in wanted}


def _fill(
    session: Session,
    study_id: int,
    configs: Sequence[TrainConfig],
    labels: Labels,
    twins: dict[TrainConfig, int],
    *,
    limit: int,
) -> None:
    fresh = [config for config in configs if config not in twins]
    unnamed = labels.model_copy(update={"name": None})
    queued = admission.enqueue_all(session, [(config, unnamed, study_id) for config in fresh], limit=limit)
    members = {**twins, **dict(zip(fresh, queued, strict=True))}
    places = [{"study_id": study_id, "run_id": members[config]} for config in configs]
    if places:
        session.execute(sqlalchemy.insert(StudyRun), places)


def _answer(session: Session, study: Study) -> StudyOut:
    return _answers(session, [study])[0]


def _answers(session: Session, studies: Sequence[Study]) -> list[StudyOut]:
    """Studies with what their runs add up to; rows are read in one query, however many studies there are."""
    rows: dict[int, list[_Row]] = {_id(study): [] for study in studies}
    query = (
        sqlalchemy.select(StudyRun.study_id, Run.id, Run.status, Run.epochs, Run.epochs_done)  # type: ignore[call-overload]
        .where(col(StudyRun.study_id).in_(rows), col(StudyRun.run_id) == col(Run.id))
        .order_by(col(Run.id))
    )
    for study_id, *row in session.execute(query):
        rows[study_id].append(_Row(*row))
    is_open = any(row.status not in ENDED for members in rows.values() for row in members)
    ends = forecast.ends(session) if is_open else {}
    return [_summed_up(study, rows[_id(study)], ends) for study in studies]


class _Row(NamedTuple):
    run_id: int
    status: Status
    epochs: int
    epochs_done: int


def _summed_up(study: Study, rows: Sequence[_Row], ends: Mapping[int, Guess]) -> StudyOut:
    counts: Counter[Status] = Counter(row.status for row in rows)
    asked = sum(row.epochs for row in rows)
    settled = sum(row.epochs if row.status in ENDED else row.epochs_done for row in rows)
    end = forecast.last(ends, [row.run_id for row in rows if row.status not in ENDED])
    return StudyOut(
        id=_id(study),
        name=study.name,
        created_at=timestamp(study.created_at),
        runs=[row.run_id for row in rows],
        counts={status: counts[status] for status in STATUSES},
        progress=settled / asked if asked else 1.0,
        eta_seconds=round(end.seconds, 1) if end else None,
        eta_range=end.range if end else None,
    )


def _configs(session: Session, *where: ColumnElement[bool]) -> dict[int, TrainConfig]:
    """The hyperparameters of runs by id, in order; plain rows, for objects take most of the time."""
    columns = [getattr(Run, name) for name in HYPERPARAMETERS]
    query = select(Run.id, *columns).where(*where).order_by(col(Run.id))
    return {
        run_id: TrainConfig.model_construct(**dict(zip(HYPERPARAMETERS, values, strict=True)))
        for run_id, *values in session.connection().execute(query)
    }


def _members(study_id: int) -> SelectOfScalar[int]:
    return select(StudyRun.run_id).where(StudyRun.study_id == study_id)


def _get(session: Session, study_id: int) -> Study:
    study = session.get(Study, study_id)
    if study is None:
        raise StudyNotFound(study_id)
    return study


def _id(study: Study) -> int:
    if study.id is None:
        raise ValueError("the study has not been stored yet")
    return study.id
