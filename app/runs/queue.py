"""Reads the queue: what trains where, what waits in which order, and when it is expected to start and end."""

from collections.abc import Sequence

from sqlmodel import Session, col, func, select

from app.queue import pause, registry
from app.queue.claims import order_of_claims
from app.queue.forecasting import forecast
from app.queue.forecasting.pace import Guess
from app.runs.reading import as_answers, timestamp
from app.schemas.queue import PauseOut, QueueOut, TrainingRun, WaitingRun
from app.schemas.runs import RunOut
from app.storage.tables import Run


def read(session: Session, *, skipped: int = 0, most: int | None = None) -> QueueOut:
    """Running runs, oldest claim first, and queued runs in claim order.

    The list of queued runs starts after `skipped` and has at most `most`; estimates are of the whole queue.
    """
    oldest_first = select(Run).where(Run.status == "running").order_by(col(Run.started_at), col(Run.id))
    running = session.exec(oldest_first).all()
    in_order = select(Run).where(Run.status == "queued").order_by(*order_of_claims())
    queued = session.exec(in_order.offset(skipped).limit(most)).all()
    waiting = session.exec(select(func.count()).where(Run.status == "queued")).one()
    times = forecast.plan(session) if running or waiting else forecast.Plan({}, {})
    end = max(times.ends.values(), key=lambda guess: guess.seconds, default=None)
    if len(times.ends) < len(running) + waiting or len(times.starts) < waiting:
        end = None
    return QueueOut(
        **read_pause(session).model_dump(),
        running=_training(session, running),
        queued=_in_places(as_answers(session, queued), skipped, times),
        waiting=waiting,
        eta_seconds=_rounded(end),
        eta_range=end.range if end else None,
    )


def read_pause(session: Session) -> PauseOut:
    """Whether the queue is paused, and since when."""
    since = pause.since(session)
    return PauseOut(paused=since is not None, since=None if since is None else timestamp(since))


def _training(session: Session, running: Sequence[Run]) -> list[TrainingRun]:
    hosts = registry.hosts(session)
    return [
        TrainingRun.model_construct(**vars(answer), worker_id=run.worker_id, host=hosts.get(run.id or 0, ""))
        for run, answer in zip(running, as_answers(session, running), strict=True)
    ]


def _in_places(answers: Sequence[RunOut], skipped: int, times: forecast.Plan) -> list[WaitingRun]:
    return [
        WaitingRun.model_construct(
            **vars(answer),
            position=place,
            starts_in_seconds=_rounded(times.starts.get(answer.id)),
            ends_in_seconds=_rounded(times.ends.get(answer.id)) if answer.id in times.starts else None,
        )
        for place, answer in enumerate(answers, skipped + 1)
    ]


def _rounded(guess: Guess | None) -> float | None:
    return round(guess.seconds, 1) if guess else None
