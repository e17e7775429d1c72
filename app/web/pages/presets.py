"""Forms that save and delete presets of the form for new runs."""

from dataclasses import replace
from typing import Final

from fastapi import APIRouter, Request, Response
from pydantic import ValidationError

from app import formats
from app.schemas.presets import KIND, PresetRequest
from app.storage import saved_queries
from app.storage.saved_queries import NameTaken, TooManySaved
from app.web.api import DatabaseOf
from app.web.html import redirect
from app.web.negotiation import HtmlRoute
from app.web.pages import forms
from app.web.pages.new_run import form_page
from app.web.pages.shared import Available, Posted
from app.web.routes.presets import PresetIdPath

router = APIRouter(route_class=HtmlRoute, include_in_schema=False)

NAME: Final = "preset_name"
"""The name of the form's field for the name of a preset."""


@router.get("/presets")
def list_presets() -> Response:
    """Redirect to the form, which lists the presets."""
    return redirect("/runs/new")


@router.post("/presets")
def save_preset(request: Request, database: DatabaseOf, available: Available, data: Posted) -> Response:
    """Save the form under a name; the button *Overwrite* names the preset to replace."""
    texts = forms.texts_of(data)
    name = texts.get("overwrite") or texts.get(NAME, "")
    try:
        body = PresetRequest(
            name=name.strip(), query=forms.as_query(texts), overwrite=bool(texts.get("overwrite"))
        )
        with database.write() as session:
            saved = saved_queries.save(session, KIND, body.name, body.query, overwrite=body.overwrite)
            key = saved.id
    except ValidationError as error:
        (message, *_) = forms.messages(error.errors()).values()
        status = 422
    except (NameTaken, TooManySaved) as error:
        message, status = formats.sentence(error), 409
    else:
        return redirect(f"/runs/new?preset={key}", f"Preset “{body.name}” saved.")
    form = forms.read(texts, available)
    errors = {**form.errors, "form": "The preset was not saved.", NAME: message}
    return form_page(request, database, replace(form, errors=errors), status=status)


@router.post("/presets/{preset_id}/delete")
def delete_preset(preset_id: PresetIdPath, database: DatabaseOf) -> Response:
    """Delete a preset and return to the form."""
    with database.write() as session:
        name = saved_queries.delete(session, KIND, preset_id).name
    return redirect("/runs/new", f"Preset “{name}” deleted.")
