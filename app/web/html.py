"""Renders pages: templates, one-time notices and error pages."""

from datetime import UTC, datetime
from functools import cache
from http import HTTPStatus
from typing import Final, NamedTuple
from urllib.parse import quote, unquote, urlencode, urlsplit

import jinja2
import orjson
from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2.runtime import Context
from sqlalchemy.exc import SQLAlchemyError
from starlette.datastructures import QueryParams

from app import formats, prose
from app.queue import names, pause
from app.runs.reading import timestamp
from app.schemas.configurations import title_of
from app.settings import TEMPLATES
from app.storage.database import Database, clock, newest_change
from app.web import assets
from app.web.markdown import markdown

_NOTICE: Final = "notice"
"""The cookie of a one-time notice: the page that shows it, its text, and the form that undoes the action."""
_WORDS: Final = {
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    413: "Request too large",
    422: "Invalid request",
    429: "The queue is full",
    500: "Server error",
    503: "Database unavailable",
}


class Undo(NamedTuple):
    """The form that undoes an action: its address, and its one field."""

    action: str
    name: str
    value: str


class _Notice(NamedTuple):
    text: str
    undo: Undo | None


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        bytecode_cache=_bytecode(),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= formats.FILTERS | {
        "ago": _ago,
        "since": _since,
        "listed": prose.listed,
        "markdown": markdown,
        "title_of": title_of,
        "told_apart": names.told_apart,
    }
    environment.globals |= {
        "asset": assets.url,
        "changed": changed,
        "plotly_style_ids": assets.plotly_style_ids,
    }
    return environment


def _bytecode() -> jinja2.BytecodeCache | None:
    """A cache of compiled templates in the folder for temporary files; None if it can't be used."""
    try:
        return jinja2.FileSystemBytecodeCache()
    except (OSError, RuntimeError):
        return None


def load_templates() -> None:
    """Compile all templates, so that the first request of a page does not wait for it."""
    for name in _environment().list_templates():
        _environment().get_template(name)


@jinja2.pass_context
def _ago(context: Context, timestamp: str) -> str:
    return formats.ago(timestamp, context["now"])


@jinja2.pass_context
def _since(context: Context, timestamp: str, end: str | None = None) -> str:
    return formats.since(timestamp, formats.moment(end) if end else context["now"])


def changed(params: QueryParams, **values: str | None) -> str:
    """The query string with some parameters changed; None removes a parameter."""
    kept = [(name, value) for name, value in params.multi_items() if name not in values and value]
    added = [(name, value) for name, value in values.items() if value is not None]
    return "?" + urlencode(kept + added, safe=",:")


def embedded(data: object) -> str:
    """Data as JSON that is safe in a script element."""
    text = orjson.dumps(data, option=orjson.OPT_NON_STR_KEYS).decode()
    return text.replace("<", "\\u003c")


def render(template: str, **context: object) -> str:
    """Render a template as text."""
    return _environment().get_template(template).render(**context)


def page(
    request: Request,
    template: str,
    *,
    status: int = 200,
    headers: dict[str, str] | None = None,
    now: float | None = None,
    **context: object,
) -> Response:
    """Render a template as a response, with the previous form's one-time notice and a pause of the queue.

    A notice shows only on the page to which its form led, not on one that a person opened meanwhile.
    The page contains the number of the newest change, so that it learns of later pauses.

    Ages are relative to `now`, a time of the database's clock; pages without ages do not need it.
    """
    notice = _notice(request)
    queue = _queue(request) if status < HTTPStatus.INTERNAL_SERVER_ERROR else None
    if queue and now is None:
        now = queue.now
    moment = None if now is None else datetime.fromtimestamp(now, UTC)
    since = timestamp(queue.paused_since) if queue and queue.paused_since is not None else None
    body = render(
        template,
        request=request,
        notice=notice.text if notice else "",
        undo=notice.undo if notice else None,
        now=moment,
        paused_since=since,
        seen=queue.seen if queue else "",
        **context,
    )
    response = HTMLResponse(body, status, {"Cache-Control": "no-cache", "Vary": "Accept"} | (headers or {}))
    if notice:
        response.delete_cookie(_NOTICE)
    return response


def _notice(request: Request) -> _Notice | None:
    """The notice of the request's cookie if it belongs on the requested page."""
    path, _, rest = request.cookies.get(_NOTICE, "").partition("|")
    if not rest or unquote(path) != request.url.path:
        return None
    text, *undo = (unquote(part) for part in rest.split("|"))
    return _Notice(text, Undo(*undo) if len(undo) == len(Undo._fields) else None)


class _Queue(NamedTuple):
    """The start of a pause of the queue, the present time, on the database's clock, and the newest change."""

    paused_since: float | None
    now: float
    seen: int


def _queue(request: Request) -> _Queue | None:
    """What every page shows of the queue; None if the database can't be read now."""
    database: Database = request.app.state.database
    try:
        with database.read() as session:
            return _Queue(pause.since(session), clock(session), newest_change(session))
    except SQLAlchemyError:
        return None  # the page itself was read before, or reports the error


def error_page(request: Request, status: int, detail: str, headers: dict[str, str] | None = None) -> Response:
    """A page that shows an error and links to others."""
    title = _WORDS.get(status, HTTPStatus(status).phrase)
    return page(
        request, "error.html", status=status, headers=headers, code=status, title=title, detail=detail
    )


def redirect(to: str, notice: str = "", undo: Undo | None = None) -> Response:
    """A 303 redirect after a form, with a notice that the page at `to` shows once.

    `undo` is the form with which the notice offers to undo the action.
    """
    response = RedirectResponse(to, status_code=303)
    if notice:
        parts = "|".join(quote(part, safe="") for part in (urlsplit(to).path, notice, *(undo or ())))
        response.set_cookie(_NOTICE, parts, max_age=60, httponly=True, samesite="lax")
    return response


def local(target: str, otherwise: str) -> str:
    """The target if it is a URL of this site, else `otherwise`."""
    parts = urlsplit(target)
    safe = target.startswith("/") and not target.startswith(("//", "/\\")) and not parts.netloc
    return target if safe and target.isprintable() else otherwise
