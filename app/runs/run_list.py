"""The list of runs: filters, sorting and paging."""

import base64
import binascii
import json
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal, get_args, get_origin

import orjson
from sqlalchemy import ColumnElement, Integer, String, and_, case, cast, false, func, or_, true
from sqlalchemy.orm import defer
from sqlmodel import Session, col, select

from app import text_keys
from app.runs.reading import as_answers
from app.schemas.answers import RunOut, RunPage
from app.schemas.requests import MAX_ID
from app.schemas.run_fields import TIMES
from app.storage.database import position
from app.storage.tables import Run, StudyRun

DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 500
MAX_VALUES: Final = 1_000
"""Maximum number of values of one parameter: as many as a study has runs."""

MAX_FILTER_VALUES: Final = 2_000
"""Maximum number of values of all filters together; SQLite takes about 32,000 in one statement."""

MAX_TAG_VALUES: Final = 50
"""Maximum number of tags in a query; each is a condition, and SQLite nests at most 1,000."""

MAX_TEXT: Final = 10_000
"""Maximum number of characters to search for: as many as in a note."""

_WHOLE: Final = re.compile(r"-?[0-9]{1,19}")


def _ordered(name: str) -> ColumnElement[Any]:
    """The column that a cursor compares by < and >; booleans are cast because they lack these operators."""
    column: ColumnElement[Any] = getattr(Run, name)
    return cast(column, Integer) if RunOut.model_fields[name].annotation is bool else column


_FIELDS: Final[dict[str, ColumnElement[Any]]] = {
    **{name: _ordered(name) for name in RunOut.model_fields if name in Run.model_fields},
    "eta_seconds": case(
        (
            and_(col(Run.status) == "running", col(Run.epochs_done) > Run.resumed_from),
            (col(Run.progress_at) - col(Run.started_at))
            / (Run.epochs_done - Run.resumed_from)
            * (Run.epochs - Run.epochs_done),
        ),
    ),
}
SORTABLE: Final = tuple(name for name in _FIELDS if name != "tags")
_ORDERS: Final = _FIELDS | {name: getattr(Run, f"{name}_key") for name in ("name", "dataset")}
"""The sort key of each field; keys of names sort 2 before 10."""


_UNREAD: Final = tuple(defer(getattr(Run, f"{name}_key")) for name in ("name", "search", "dataset"))
"""Columns for sorting and searching that a list of runs does not load."""


class QueryError(ValueError):
    """An invalid query; the message says what the parameter expects."""

    def __init__(self, parameter: str, message: str) -> None:
        super().__init__(message)
        self.parameter = parameter


@dataclass(frozen=True)
class RunQuery:
    """A page of runs: filters, order and position.

    `filters` maps a field to its allowed values; a missing field allows all.
    """

    filters: dict[str, list[Any]] = field(default_factory=dict)
    studies: list[int] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    text: str = ""
    archived: str = "false"
    sort: str = "-id"
    limit: int = DEFAULT_LIMIT
    cursor: str | None = None

    @classmethod
    def parse(cls, parameters: Iterable[tuple[str, str]], *, strict: bool) -> "RunQuery":
        """Parse the parameters of a query string; an empty value counts as missing.

        Raises:
            QueryError: a value is malformed; if `strict`, also if a parameter is unknown or repeated.
        """
        special: dict[str, Any] = {}
        filters: dict[str, list[Any]] = {}
        seen: set[str] = set()
        for name, text in parameters:
            if name in seen and strict:
                raise QueryError(name, "repeated; separate several values with commas")
            seen.add(name)
            if not text.strip() or (name != "q" and not text.strip(" ,")):
                continue
            if name in _SPECIAL:
                target, read = _SPECIAL[name]
                special[target] = read(name, text.strip())
            elif name in _READERS:
                filters[name] = _READERS[name](name, text)
            elif strict:
                raise QueryError(name, f"unknown parameter; expected one of {', '.join(PARAMETERS)}")
        if sum(map(len, filters.values())) > MAX_FILTER_VALUES:
            name = max(filters, key=lambda name: len(filters[name]))
            raise QueryError(name, f"all filters together can have at most {MAX_FILTER_VALUES:,} values")
        return cls(filters=filters, **special)


def list_runs(session: Session, query: RunQuery) -> RunPage:
    """One page of runs; nulls sort last, ties by id.

    Raises:
        QueryError: the cursor belongs to another order or is damaged.
    """
    where = _conditions(query)
    key = _ORDERS[query.sort.lstrip("-")]
    page = select(Run).options(*_UNREAD).where(*where).order_by(*_order(query, key)).limit(query.limit + 1)
    if query.cursor:
        page = page.where(_after(query, key))
    runs = session.execute(page).scalars().all()
    more = len(runs) > query.limit
    runs = runs[: query.limit]
    total = session.execute(select(func.count()).select_from(Run).where(*where)).scalar_one()
    next_cursor = None
    if more:
        last = session.execute(select(key).where(col(Run.id) == runs[-1].id)).scalar_one()
        next_cursor = _write_cursor(query.sort, last, runs[-1].id or 0)
    return RunPage(runs=as_answers(session, runs), next_cursor=next_cursor, total=total)


def all_runs(session: Session, query: RunQuery) -> list[RunOut]:
    """All runs that match the filters, in order, without paging."""
    key = _ORDERS[query.sort.lstrip("-")]
    runs = (
        session.execute(select(Run).where(*_conditions(query)).order_by(*_order(query, key))).scalars().all()
    )
    return as_answers(session, runs)


def _order(query: RunQuery, key: ColumnElement[Any]) -> tuple[ColumnElement[Any], ...]:
    identity = col(Run.id)
    nulls_last = () if _is_never_null(key) else (key.is_(None),)
    if query.sort.startswith("-"):
        return *nulls_last, key.desc(), identity.desc()
    return *nulls_last, key.asc(), identity.asc()


def _is_never_null(key: ColumnElement[Any]) -> bool:
    """Whether the key needs no condition on nulls, so that the database can use its index."""
    return not getattr(key, "nullable", True)


def _conditions(query: RunQuery) -> list[ColumnElement[bool]]:
    where: list[ColumnElement[bool]] = [_FIELDS[name].in_(values) for name, values in query.filters.items()]
    if query.archived != "all":
        where.append(col(Run.archived).is_(true() if query.archived == "true" else false()))
    if query.studies:
        members = select(StudyRun.run_id).where(col(StudyRun.study_id).in_(query.studies))
        where.append(col(Run.id).in_(members))
    if query.tags:
        stored = cast(Run.tags, String)
        spelled = (way for tag in query.tags for way in text_keys.spellings(tag))
        where.append(or_(*(position(stored, json.dumps(way)) > 0 for way in spelled)))
    if query.text:
        where.append(_mentions(query.text))
    return where


def _mentions(text: str) -> ColumnElement[bool]:
    """Whether name, note or a tag contains the text in any case, or the text is the id."""
    mentioned: ColumnElement[bool] = position(col(Run.search_key), text_keys.sought(text)) > 0
    number = text_keys.folded(text).lstrip("#")
    if _WHOLE.fullmatch(number) and int(number) <= MAX_ID:
        mentioned = or_(mentioned, col(Run.id) == int(number))
    return mentioned


def _after(query: RunQuery, key: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether a run follows the cursor in the order (null last, key, id)."""
    last, last_id = _read_cursor(query, key)
    descending = query.sort.startswith("-")
    identity = col(Run.id)
    tie = identity < last_id if descending else identity > last_id
    if last is None:
        return and_(key.is_(None), tie)
    further = key < last if descending else key > last
    return or_(key.is_(None), further, and_(key == last, tie))


def _write_cursor(sort: str, last: object, last_id: int) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([sort, last, last_id])).decode().rstrip("=")


def _read_cursor(query: RunQuery, key: ColumnElement[Any]) -> tuple[Any, int]:
    text = query.cursor or ""
    try:
        sort, last, last_id = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (binascii.Error, ValueError, TypeError):
        sort, last, last_id = None, None, None
    if (
        sort != query.sort
        or not _fits(last_id, int)
        or not (last is None or _fits(last, key.type.python_type))
    ):
        raise QueryError("cursor", "invalid cursor; use next_cursor of the previous page with the same sort")
    return last, last_id


def _fits(value: object, kind: type) -> bool:
    """Whether a cursor's value is comparable with a column of this type."""
    if kind is int:
        return type(value) is int and abs(value) <= MAX_ID
    if kind is float:
        return type(value) is float
    return isinstance(value, str) and "\0" not in value


def whole_number(name: str, text: str) -> int:
    """Parse a whole number."""
    if not _WHOLE.fullmatch(text) or abs(int(text)) > MAX_ID:
        raise QueryError(name, f"{text[:40]!r} is not a whole number")
    return int(text)


def whole_numbers(name: str, text: str) -> list[int]:
    """Parse whole numbers separated by commas."""
    return [whole_number(name, part) for part in _parts(name, text)]


def _parts(name: str, text: str, most: int = MAX_VALUES) -> list[str]:
    """Split a text at commas."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if len(parts) > most:
        raise QueryError(name, f"at most {most:,} values are allowed, not {len(parts):,}")
    return parts


def _decimal(name: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or "_" in text:
        raise QueryError(name, f"{text[:40]!r} is not a number")
    return number


def _text(name: str, text: str) -> str:
    if "\0" in text:
        raise QueryError(name, "must not contain a NUL character")
    return text


def _search(name: str, text: str) -> str:
    if len(text) > MAX_TEXT:
        raise QueryError(name, f"at most {MAX_TEXT:,} characters are allowed, not {len(text):,}")
    return _text(name, text)


def _tags(name: str, text: str) -> list[str]:
    return [_text(name, part) for part in _parts(name, text, MAX_TAG_VALUES)]


def _flag(name: str, text: str) -> int:
    return int(_one_of("true", "false")(name, text) == "true")


def _moment(name: str, text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        message = f"{text[:40]!r} is not a valid time; expected one like 2026-01-31T12:00:00.000Z"
        raise QueryError(name, message) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _one_of(*allowed: str) -> Callable[[str, str], str]:
    def read(name: str, text: str) -> str:
        if text not in allowed:
            raise QueryError(name, f"{text[:40]!r} is not one of {', '.join(allowed)}")
        return text

    return read


def _sort(name: str, text: str) -> str:
    if text.removeprefix("-") not in SORTABLE:
        raise QueryError(
            name,
            f"can't sort by {text[:40]!r}; expected one of {', '.join(SORTABLE)}; prefix with - to sort in "
            "descending order",
        )
    return text


def _limit(name: str, text: str) -> int:
    limit = whole_number(name, text)
    if not 1 <= limit <= MAX_LIMIT:
        raise QueryError(name, f"must be from 1 to {MAX_LIMIT}, not {limit}")
    return limit


def _any_of(read: Callable[[str, str], Any]) -> Callable[[str, str], list[Any]]:
    """Parse values separated by commas; a text is also tried as one value with its commas."""

    def read_all(name: str, text: str) -> list[Any]:
        values = [read(name, part) for part in _parts(name, text)]
        if read is not _text:
            return values
        uncut = [text.strip()] if len(values) > 1 else []
        return [way for value in [*values, *uncut] for way in text_keys.spellings(value)]

    return read_all


_Read = Callable[[str, str], Any]
_BY_TYPE: Final[dict[object, _Read]] = {int: whole_number, float: _decimal, str: _text, bool: _flag}
_SPECIAL: Final[dict[str, tuple[str, _Read]]] = {
    "study": ("studies", whole_numbers),
    "tag": ("tags", _tags),
    "q": ("text", _search),
    "archived": ("archived", _one_of("true", "false", "all")),
    "sort": ("sort", _sort),
    "limit": ("limit", _limit),
    "cursor": ("cursor", _text),
}


def _reader(name: str) -> _Read:
    if name in TIMES:
        return _moment
    annotation = RunOut.model_fields[name].annotation
    if get_origin(annotation) is Literal:
        return _one_of(*get_args(annotation))
    kinds = [kind for kind in get_args(annotation) if kind is not type(None)] or [annotation]
    return _BY_TYPE[kinds[0]]


_READERS: Final = {name: _any_of(_reader(name)) for name in _FIELDS if name not in ("tags", "archived")}
PARAMETERS: Final = (*_SPECIAL, *_READERS)
"""All parameters of a query."""

_DESCRIBED: Final = {
    "study": "Ids of studies.",
    "tag": "Tags; a run needs one of them.",
    "q": "Text to search for in name, tags and note, in any case; also an id.",
    "archived": "false (default), true or all.",
    "sort": "A field; a leading - sorts in descending order. Default: -id.",
    "limit": f"Runs per page, 1 to {MAX_LIMIT}. Default: {DEFAULT_LIMIT}.",
    "cursor": "`next_cursor` of the page before.",
}


def described(parameter: str) -> str:
    """The description of a parameter in the API's reference."""
    return _DESCRIBED.get(parameter) or f"Filter: {RunOut.model_fields[parameter].description}"
