"""Static files at content-addressed URLs, and plotly.js from its package.

Every URL contains a digest, so browsers may cache the files permanently. Each file is compressed once, on its
first request, and kept in memory.
"""

import gzip
import hashlib
import re
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response

from app.settings import STATIC

PLOTLY: Final = "plotly.min.js"

_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".woff2": "font/woff2",
}

router = APIRouter(include_in_schema=False)


def url(name: str) -> str:
    """The URL of a file of the static folder, or of plotly.js."""
    version = _plotly_version() if name == PLOTLY else static_version()
    return f"/static/{version}/{name}"


@cache
def static_version() -> str:
    """A digest of all static files; they share one because modules import each other by relative URLs."""
    digest = hashlib.sha256()
    for path in sorted(STATIC.rglob("*")):
        if path.is_file():
            digest.update(path.relative_to(STATIC).as_posix().encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


@cache
def plotly_style_ids() -> list[str]:
    """Ids of the inline style sheets that plotly.js adds unless an element with the id exists.

    These style sheets are for maps. The security policy blocks them, with an error in the console.
    """
    return re.findall(r'getElementById\("([0-9a-f]{64})"\)', _plotly().read_text("utf-8"))


@cache
def _plotly() -> Traversable:
    """plotly.js in its installed package."""
    return files("plotly").joinpath("package_data", PLOTLY)


@cache
def _plotly_version() -> str:
    return hashlib.sha256(_plotly().read_bytes()).hexdigest()[:12]


@cache
def _files() -> dict[str, Traversable | Path]:
    """All served files by name; requests are looked up here and never on disk."""
    own = {path.relative_to(STATIC).as_posix(): path for path in STATIC.rglob("*") if path.is_file()}
    return {name: path for name, path in own.items() if path.suffix in _TYPES} | {PLOTLY: _plotly()}


@cache
def _content(name: str) -> tuple[bytes, bytes, str]:
    """The content of a file, plain and compressed, and its media type."""
    plain = _files()[name].read_bytes()
    return plain, gzip.compress(plain, compresslevel=6, mtime=0), _TYPES[Path(name).suffix]


def text(name: str) -> str:
    """The text of a file of the static folder, or of plotly.js.

    Raises:
        KeyError: the file does not exist.
    """
    return content(name).decode()


def content(name: str) -> bytes:
    """The bytes of such a file. Raises `KeyError` like `text`."""
    return _content(name)[0]


@router.get("/static/{version}/{name:path}")
def static_file(request: Request, version: str, name: str) -> Response:
    """A static file. URLs of other versions return 404, so that pages from before an update reload."""
    if name not in _files() or url(name) != f"/static/{version}/{name}":
        raise HTTPException(404, "The file does not exist or belongs to another version; reload the page.")
    plain, compressed, media_type = _content(name)
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(compressed, media_type=media_type, headers=headers | {"Content-Encoding": "gzip"})
    return Response(plain, media_type=media_type, headers=headers)


@router.get("/favicon.ico")
def favicon() -> Response:
    """Redirect the default icon URL to the icon."""
    return Response(status_code=308, headers={"Location": url("favicon.svg")})
