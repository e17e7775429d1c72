"""Forms that save, open, rename, overwrite and delete views of the list of runs."""

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import ValidationError
from sqlmodel import Session
from starlette.datastructures import QueryParams

from app.formats import sentence
from app.runs.listing import views
from app.runs.listing.errors import QueryError
from app.schemas.lists import ViewOut, ViewRequest
from app.storage.saved_queries import NameTaken, TooManySaved
from app.web.api import DatabaseOf
from app.web.html import local, redirect
from app.web.negotiation import HtmlRoute
from app.web.pages import forms
from app.web.pages.run_list.page import ViewForm, show
from app.web.pages.shared import Posted
from app.web.routes.views import ViewIdPath

router = APIRouter(route_class=HtmlRoute, include_in_schema=False)


@router.get("/views")
def list_views() -> Response:
    """The saved views are on the page of runs."""
    return redirect("/runs")


@router.get("/views/{view_id}")
def open_view(database: DatabaseOf, view_id: ViewIdPath) -> Response:
    """Open a view."""
    with database.read() as session:
        return redirect(address(views.get_view(session, view_id)))


@router.post("/views")
def save_view(request: Request, database: DatabaseOf, data: Posted) -> Response:
    """Save the query of the page under a name, or overwrite the view that has it."""
    texts = forms.texts_of(data)
    typed = {"name": texts.get("name", "").strip(), "query": texts.get("query", "")}

    def save(session: Session, body: ViewRequest) -> ViewOut:
        taken = forms.number_in(texts.get("overwrite", ""))
        if taken is None:
            return views.create_view(session, body)
        return views.change_view(session, taken, query=body.query)

    try:
        body = ViewRequest.model_validate(typed)
        with database.write() as session:
            view = save(session, body)
    except ValidationError as error:
        form = ViewForm(typed["name"], " ".join(forms.messages(error.errors()).values()))
    except QueryError as error:
        form = ViewForm(typed["name"], sentence(error))
    except NameTaken as error:
        form = ViewForm(typed["name"], "A view with this name exists.", taken=error.id)
    except TooManySaved as error:
        form = ViewForm(typed["name"], sentence(error))
    else:
        return redirect(address(view), f"Saved the view “{view.name}”.")
    return show(request, database, QueryParams(typed["query"].removeprefix("?")), view_form=form)


@router.post("/views/{view_id}")
def change_view(request: Request, database: DatabaseOf, view_id: ViewIdPath, data: Posted) -> Response:
    """Rename, overwrite or delete a view and return to the list."""
    texts = forms.texts_of(data)
    back = local(texts.get("next", ""), "/runs")
    action = texts.get("action", "")
    query = QueryParams(back.partition("?")[2])
    try:
        with database.write() as session:
            view = views.get_view(session, view_id)
            if action == "delete":
                views.delete_view(session, view_id)
            elif action == "overwrite":
                view = views.change_view(session, view_id, query=texts.get("query", ""))
            else:
                body = ViewRequest.model_validate(
                    {"name": texts.get("name", "").strip(), "query": view.query}
                )
                view = views.change_view(session, view_id, name=body.name)
    except ValidationError as error:
        wrong = " ".join(forms.messages(error.errors()).values())
    except (QueryError, NameTaken) as error:
        wrong = sentence(error)
    else:
        return _changed(view, action, back)
    form = ViewForm(texts.get("name", ""), wrong, of=view_id, overwrites=action == "overwrite")
    return show(request, database, query, view_form=form)


def _changed(view: ViewOut, action: str, back: str) -> Response:
    if action == "delete":
        return redirect(back, f"Deleted the view “{view.name}”. Its runs stay.")
    if action == "overwrite":
        return redirect(address(view), f"Saved the view “{view.name}”.")
    return redirect(back, f"Renamed the view to “{view.name}”.")


def address(view: ViewOut) -> str:
    """The address that opens a view."""
    return f"/runs?{view.query}{'&' if view.query else ''}view={view.id}"
