"""JSON routes of the queue: its contents, pause and moves."""

from fastapi import APIRouter, Response

from app.queue import moves, pause, run_rows
from app.runs import queue
from app.schemas.queue import MovedRun, MoveOut, MoveRequest, PauseOut, QueueOut
from app.schemas.runs import BulkSkip
from app.web.api import DatabaseOf, answer, problems
from app.web.strict_json import JsonRoute

router = APIRouter(route_class=JsonRoute, responses=problems(422))


@router.get("/queue", response_model=QueueOut, tags=["queue"])
def read_queue(database: DatabaseOf) -> Response:
    """Running runs, and queued runs in claim order, with their estimated starts; and whether it is paused."""
    with database.read() as session:
        return answer(queue.read(session))


@router.post("/queue/pause", response_model=PauseOut, tags=["queue"])
def pause_queue(database: DatabaseOf) -> Response:
    """Pause the queue: no queued run starts until it is resumed, and running runs continue.

    Pausing again changes nothing.
    """
    with database.write() as session:
        pause.begin(session)
        return answer(queue.read_pause(session))


@router.post("/queue/resume", response_model=PauseOut, tags=["queue"])
def resume_queue(database: DatabaseOf) -> Response:
    """Resume the queue. If it is not paused, nothing changes."""
    with database.write() as session:
        pause.end(session)
        return answer(queue.read_pause(session))


@router.post("/queue/move", response_model=MoveOut, responses=problems(400, 404, 409, 415), tags=["queue"])
def move_runs(body: MoveRequest, database: DatabaseOf) -> Response:
    """Move queued runs to another place in the whole queue.

    A run keeps its priority unless its new place is among runs of another priority; then it gets theirs. A
    place beyond the end is the end. A run that is not queued is `409` as `id`, and skipped among `ids`.
    """
    with database.write() as session:
        outcome = moves.move(session, body.wanted, body.to)
        if body.id is not None:
            run_rows.raise_first(outcome.refusals)
    return answer(
        MoveOut(
            moved=[
                MovedRun(
                    id=run.id, position=run.place, priority=run.priority, priority_before=run.priority_before
                )
                for run in outcome.moved
            ],
            skipped=[BulkSkip(id=run_id, reason=str(why)) for run_id, why in outcome.refusals.items()],
            waiting=outcome.queued,
        )
    )
