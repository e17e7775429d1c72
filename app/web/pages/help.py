"""The page Help: keyboard shortcuts, and a glossary of the terms on the pages."""

from fastapi import APIRouter, Request, Response

from app.web.html import page
from app.web.negotiation import HtmlRoute

router = APIRouter(route_class=HtmlRoute, include_in_schema=False)


@router.get("/help")
def show_help(request: Request) -> Response:
    """Keyboard shortcuts and the glossary."""
    return page(request, "help.html")
