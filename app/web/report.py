"""The report: a comparison in one HTML file that works offline."""

import base64
import posixpath
import re
from collections.abc import Mapping
from typing import Final

import orjson

from app import __version__
from app.compare.charted import of_comparison
from app.compare.view import view
from app.schemas.compare.comparison import Findings
from app.schemas.epochs import CURVES, EpochColumns
from app.web import assets
from app.web.html import embedded
from app.web.html import render as render_template

_CURVES: Final = set(CURVES)
_INSIDE: Final = {"epoch", "gradient_norms", "dead_relu"}
_ENTRY: Final = "pages/report.js"
_IMPORT: Final = re.compile(r'\bfrom "(\.[\w./]+)"')


def render(
    comparison: Findings,
    columns: Mapping[int, EpochColumns],
    *,
    made_at: str,
    baseline: str | None = None,
    opens_as: str = "",
) -> str:
    """Render the report as HTML: verdict, charts with their data, and tables.

    `columns` has every epoch, by run. `made_at` is a timestamp. `baseline` is the id or label of the
    baseline. `opens_as` is the query string of the initial view.
    """
    charted = of_comparison(comparison) | {
        "curves": {run_id: each.model_dump(include=_CURVES) for run_id, each in columns.items()},
        "inside": {run_id: each.model_dump(include=_INSIDE) for run_id, each in columns.items()},
    }
    return render_template(
        "compare/report.html",
        **view(comparison, baseline),
        opens_as=opens_as,
        live=False,
        made_at=made_at,
        version=__version__,
        style=_inside(_style()),
        plotly=_inside(assets.text(assets.PLOTLY)),
        modules=orjson.dumps({"imports": _modules()}).decode(),
        entry=_ENTRY,
        charted=embedded(charted),
    )


def _style() -> str:
    """The style sheet with the typeface inside."""
    name = "fonts/inter.woff2"
    content = base64.b64encode(assets.content(name)).decode()
    return assets.text("style.css").replace(f'"{name}"', f'"data:font/woff2;base64,{content}"')


def _modules() -> dict[str, str]:
    """The report's modules as data URLs, by name.

    A module in a data URL can't import by relative URLs, so the modules import each other by name.
    """
    found: dict[str, str] = {}
    waiting = [_ENTRY]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        source = assets.text(f"js/{name}")
        for written, imported in _imports(name, source).items():
            source = source.replace(f'from "{written}"', f'from "{imported}"')
            waiting.append(imported)
        content = base64.b64encode(source.encode()).decode()
        found[name] = f"data:text/javascript;base64,{content}"
    return found


def _imports(name: str, source: str) -> dict[str, str]:
    """The import paths in a module, each with the name of the imported module in `static/js`."""
    folder = posixpath.dirname(name)
    return {each: posixpath.normpath(posixpath.join(folder, each)) for each in _IMPORT.findall(source)}


def _inside(text: str) -> str:
    """Escape a text so that it can't end a script or style element."""
    return text.replace("</", "<\\/")
