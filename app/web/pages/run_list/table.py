"""The chosen columns of tables of runs: from the address or the browser's cookie, and their cells."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from urllib.parse import quote, unquote

import orjson
from fastapi import Request
from markupsafe import Markup
from starlette.datastructures import QueryParams

from app import formats
from app.runs.listing.fields import SORTABLE
from app.runs.listing.sparklines import Sparkline
from app.schemas.run_columns import COLUMNS, DEFAULT_COLUMNS, LOSS_CURVE, Kind, RunColumn
from app.schemas.runs import RunOut
from app.schemas.status import ENDED

PARAMETER: Final = "columns"
COOKIE: Final = "columns"
MEMORY_SECONDS: Final = 365 * 24 * 3600
"""How long a browser remembers the columns."""

NARROWEST: Final = 40
WIDEST: Final = 800
"""Widths that a column can have, in pixels."""

ROOM: Final = 1160
"""Width in pixels for columns in a card on a screen of 1280 pixels: a wider table scrolls sideways."""

TAGS_ROOM: Final = 22
"""Number of characters of tags that a row shows; it counts the other tags."""

TAG_MARGIN: Final = 3
"""The room around a tag, in characters."""

_DIGITS: Final = 4
"""Significant digits of numbers such as learning rates, if those tell them apart."""

LONGEST_TEXT: Final = 200
"""Maximum number of characters of a text in a cell; the page of the run shows all."""


def _short(value: object) -> str:
    text = str(value)
    words = " ".join(text[: 2 * LONGEST_TEXT].split())
    return words if len(words) <= LONGEST_TEXT else f"{words[:LONGEST_TEXT].rstrip()}…"


_PLAIN: Final = ("id", "seed", "study_id", "verifies")
"""Whole numbers that are names, without separators."""

_FORMATS: Final[dict[Kind, Callable[[Any], str]]] = {
    "share": formats.percent,
    "loss": formats.loss,
    "duration": formats.duration,
    "count": formats.whole,
    "number": formats.decimal,
    "flag": lambda value: "yes" if value else "no",
    "list": lambda values: ", ".join(map(str, values)),
}


class Cell(NamedTuple):
    """A cell of a row: its column, the value and its text, and the exact value as JSON."""

    name: str
    kind: Kind
    label: str
    is_number: bool
    value: Any
    text: str
    exact: Markup


def _cell(run: RunOut, column: RunColumn, numbers: Mapping[float, str] | None) -> Cell:
    value = None if column.kind == "curve" else getattr(run, column.name)
    if value is None:
        text = formats.NOTHING
    elif numbers is not None:
        text = numbers[value]
    elif column.name in _PLAIN:
        text = str(value)
    else:
        text = _FORMATS.get(column.kind, _short)(value)
    exact = Markup(f'{{"":{orjson.dumps(value).decode()}}}') if column.is_number else Markup()  # noqa: S704  # a number
    return Cell(column.name, column.kind, column.label, column.is_number, value, text, exact)


def in_words(name: str, values: Iterable[Any]) -> dict[Any, str]:
    """The texts of values of one field, as cells of its column show them."""
    given = set(values)
    column = COLUMNS.get(name)
    known = {value for value in given if value is not None}
    if column and column.kind == "number":
        texts: dict[Any, str] = dict(formats.apart(known, _DIGITS))
    elif column and name not in _PLAIN:
        texts = {value: _FORMATS.get(column.kind, _short)(value) for value in known}
    else:
        texts = {
            value: _FORMATS["flag"](value) if isinstance(value, bool) else _short(value) for value in known
        }
    return {value: texts.get(value, formats.NOTHING) for value in given}


@dataclass(frozen=True, slots=True)
class ShownColumn:
    """A column and its width in pixels."""

    column: RunColumn
    width: int

    @property
    def name(self) -> str:
        """The name of the column."""
        return self.column.name

    @property
    def sort(self) -> str:
        """The field that sorts runs by this column; empty if none does."""
        name = "train_loss" if self.name == LOSS_CURVE else self.name
        return name if name in SORTABLE else ""


@dataclass(frozen=True, slots=True)
class RunTable:
    """The columns of a table of runs, in order, and the sparklines of its runs."""

    columns: Sequence[ShownColumn]
    sparklines: Mapping[int, Sparkline]

    @property
    def is_wide(self) -> bool:
        """Whether the table needs more room than a screen of 1280 pixels has."""
        return sum(shown.width for shown in self.columns) > ROOM

    @property
    def has_tags(self) -> bool:
        """Whether tags have a column; otherwise they are beside the name."""
        return any(shown.name == "tags" for shown in self.columns)

    @property
    def has_reason(self) -> bool:
        """Whether reasons have a column; otherwise that of a failed run is below its name."""
        return any(shown.name == "reason" for shown in self.columns)

    @property
    def choices(self) -> list[tuple[ShownColumn, bool]]:
        """Every column, the shown ones first, and whether it is shown."""
        names = {shown.name for shown in self.columns}
        others = [
            ShownColumn(column, column.width) for column in COLUMNS.values() if column.name not in names
        ]
        return [(shown, True) for shown in self.columns] + [(shown, False) for shown in others]

    def rows(self, runs: Sequence[RunOut]) -> list[tuple[RunOut, list[Cell]]]:
        """Each run with its cells, in the order of the columns.

        Numbers of hyperparameters are rounded, but different ones look different.
        """
        numbers = {
            shown.name: formats.apart(
                {value for run in runs if (value := getattr(run, shown.name)) is not None}, _DIGITS
            )
            for shown in self.columns
            if shown.column.kind == "number"
        }
        return [
            (run, [_cell(run, shown.column, numbers.get(shown.name)) for shown in self.columns])
            for run in runs
        ]

    @staticmethod
    def tags(run: RunOut) -> tuple[list[str], list[str]]:
        """The tags of a run that a row has room for, and the others; as in `static/js/table/rows.js`."""
        length, shown = 0, 0
        for tag in run.tags:
            length += len(tag) + TAG_MARGIN
            if shown and length > TAGS_ROOM:
                break
            shown += 1
        return run.tags[:shown], run.tags[shown:]

    @staticmethod
    def epochs(run: RunOut) -> str:
        """The number of epochs of a run; "12 / 20" while it trains, or if it ended early."""
        is_partial = run.status == "running" or (run.status in ENDED and run.epochs_done < run.epochs)
        done = f"{formats.whole(run.epochs_done)} / " if is_partial else ""
        return done + formats.whole(run.epochs)


def of_request(
    request: Request,
    sparklines: Mapping[int, Sparkline] | None = None,
    asked: QueryParams | None = None,
) -> RunTable:
    """The columns that the address names, else those that the browser remembers, else the default ones.

    `asked` are the parameters of the page if it answers a form, whose own address has none.
    """
    params = request.query_params if asked is None else asked
    text = params.get(PARAMETER) or unquote(request.cookies.get(COOKIE, ""))
    columns = [shown for shown in parse(text) if shown.name != LOSS_CURVE or sparklines is not None]
    return RunTable(columns, sparklines or {})


def parse(text: str) -> list[ShownColumn]:
    """Parse columns as an address has them: `name,status,lr:120`, the number being a width in pixels.

    Unknown names are ignored, because an address can be older or newer than this version. The name of the run
    is always a column.
    """
    widths: dict[str, int] = {}
    for item in text.split(","):
        name, _, width = (part.strip() for part in item.partition(":"))
        if name in COLUMNS:
            widths.setdefault(name, _width(name, width))
    if not widths:
        widths = {name: COLUMNS[name].width for name in DEFAULT_COLUMNS}
    if "name" not in widths:
        widths = {"name": COLUMNS["name"].width} | widths
    return [ShownColumn(COLUMNS[name], width) for name, width in widths.items()]


def written(columns: Iterable[ShownColumn]) -> str:
    """Columns as an address has them; empty for the default ones."""
    items = [
        shown.name if shown.width == shown.column.width else f"{shown.name}:{shown.width}"
        for shown in columns
    ]
    return "" if items == list(DEFAULT_COLUMNS) else ",".join(items)


def chosen(texts: Mapping[str, str]) -> list[ShownColumn]:
    """The columns of the form: `show` names them, `width_lr` is a width, and `up` or `down` moves one."""
    if "default" in texts:
        return parse("")
    names = [name.strip() for name in texts.get("show", "").split(",")]
    for way, step in (("up", -1), ("down", 1)):
        if (moved := texts.get(way)) in names:
            place = names.index(moved)
            names.remove(moved)
            names.insert(max(0, place + step), moved)
    return parse(",".join(f"{name}:{texts.get(f'width_{name}', '')}" for name in names))


def remembered(columns: Sequence[ShownColumn]) -> str:
    """Columns as the value of a cookie."""
    return quote(written(columns), safe="")


def _width(name: str, text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text):
        return COLUMNS[name].width
    return min(WIDEST, max(NARROWEST, int(text)))
