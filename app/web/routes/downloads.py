"""Downloads of run files from disk or object store."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from fastapi import Response
from starlette.responses import FileResponse, StreamingResponse

from trainer.files.durable import is_local

_PIECE: Final = 1 << 20
_KIND: Final = "application/octet-stream"


def download(path: Path, name: str) -> Response:
    """A file as a download with this name."""
    if is_local(path):
        return FileResponse(path, media_type=_KIND, filename=name)
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Content-Length": str(path.stat().st_size),
    }
    return StreamingResponse(_pieces(path), media_type=_KIND, headers=headers)


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            yield piece
