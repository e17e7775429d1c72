"""JSON routes of presets of the form for new runs."""

from typing import Annotated

from fastapi import APIRouter, Path, Response
from sqlmodel import Session

from app.schemas.bodies import MAX_ID
from app.schemas.presets import BUILT_IN, KIND, PresetList, PresetOut, PresetRequest
from app.storage import saved_queries
from app.storage.tables import SavedQuery
from app.web.api import DatabaseOf, answer, problems
from app.web.strict_json import JsonRoute

router = APIRouter(route_class=JsonRoute, responses=problems(422))

PresetIdPath = Annotated[int, Path(ge=1, le=MAX_ID, description="The preset's id.")]


def presets(session: Session) -> list[PresetOut]:
    """The built-in presets, then the saved ones by name."""
    return [*BUILT_IN, *map(_as_answer, saved_queries.saved(session, KIND))]


def _as_answer(stored: SavedQuery) -> PresetOut:
    return PresetOut(id=stored.id, key=str(stored.id), name=stored.name, query=stored.query)


@router.get("/presets", response_model=PresetList, tags=["presets"])
def list_presets(database: DatabaseOf) -> Response:
    """Presets of the form for new runs: the built-in ones and the saved ones."""
    with database.read() as session:
        return answer(PresetList(presets=presets(session)))


@router.post(
    "/presets",
    status_code=201,
    response_model=PresetOut,
    responses=problems(400, 409, 415),
    tags=["presets"],
)
def save_preset(body: PresetRequest, database: DatabaseOf) -> Response:
    """Save fields of the form under a name."""
    with database.write() as session:
        made = _as_answer(saved_queries.save(session, KIND, body.name, body.query, overwrite=body.overwrite))
    return answer(made, 201, {"Location": f"/runs/new?preset={made.key}"})


@router.delete("/presets/{preset_id}", status_code=204, responses=problems(404), tags=["presets"])
def delete_preset(preset_id: PresetIdPath, database: DatabaseOf) -> Response:
    """Delete a saved preset; built-in ones stay."""
    with database.write() as session:
        saved_queries.delete(session, KIND, preset_id)
    return Response(status_code=204)
