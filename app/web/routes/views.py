"""JSON routes of saved views."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from app.runs.listing import views
from app.schemas.bodies import MAX_ID
from app.schemas.lists import ViewList, ViewOut, ViewPatch, ViewRequest
from app.web.api import DatabaseOf, answer, problems
from app.web.strict_json import JsonRoute

router = APIRouter(route_class=JsonRoute, responses=problems(422), tags=["views"])

ViewIdPath = Annotated[int, Path(ge=1, le=MAX_ID, description="The view's id.")]


@router.get("/views", response_model=ViewList)
def list_views(database: DatabaseOf) -> Response:
    """All saved views of the list of runs, by name."""
    with database.read() as session:
        return answer(views.list_views(session))


@router.post("/views", status_code=201, response_model=ViewOut, responses=problems(400, 409, 415))
def create_view(body: ViewRequest, database: DatabaseOf) -> Response:
    """Save a view; `409` if another view has its name."""
    with database.write() as session:
        view = views.create_view(session, body)
    return answer(view, 201, {"Location": f"/views/{view.id}"})


@router.get("/views/{view_id}", response_model=ViewOut, responses=problems(404))
def read_view(view_id: ViewIdPath, database: DatabaseOf) -> Response:
    """One view."""
    with database.read() as session:
        return answer(views.get_view(session, view_id))


@router.put("/views/{view_id}", response_model=ViewOut, responses=problems(400, 404, 409, 415))
def replace_view(view_id: ViewIdPath, body: ViewRequest, database: DatabaseOf) -> Response:
    """Replace a view's name and query."""
    with database.write() as session:
        return answer(views.change_view(session, view_id, name=body.name, query=body.query))


@router.patch("/views/{view_id}", response_model=ViewOut, responses=problems(400, 404, 409, 415))
def change_view(view_id: ViewIdPath, body: ViewPatch, database: DatabaseOf) -> Response:
    """Rename a view or replace its query."""
    with database.write() as session:
        return answer(views.change_view(session, view_id, **body.model_dump(exclude_unset=True)))


@router.delete("/views/{view_id}", status_code=204, responses=problems(404))
def delete_view(view_id: ViewIdPath, database: DatabaseOf) -> Response:
    """Delete a view; the runs stay."""
    with database.write() as session:
        views.delete_view(session, view_id)
    return Response(status_code=204)
