"""The list of studies: search, tags, sorting and paging."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import false, func, true
from sqlmodel import Session, col, select

from app import text_keys
from app.runs.listing import paging, values
from app.runs.listing.errors import QueryError
from app.runs.studies import progress
from app.schemas.studies import StudyList, StudyOut
from app.storage.tables import Study

PAGE: Final = 50
"""How many studies a page shows by default; without `limit`, JSON has all."""
_MAX_TEXT: Final = 1_000
_MAX_TAGS: Final = 50

_STORED: Final[dict[str, Callable[[Study], Any]]] = {
    "id": lambda study: study.id,
    "name": lambda study: text_keys.natural(study.name),
    "created_at": lambda study: study.created_at,
}
_SUMMED: Final[dict[str, Callable[[StudyOut], Any]]] = {
    "runs": lambda study: len(study.runs),
    "progress": lambda study: study.progress,
    "eta_seconds": lambda study: study.eta_seconds,
}
SORTABLE: Final = (*_STORED, *_SUMMED)
DESCRIBED: Final = {
    "q": "Text to search for in name, description and tags, in any case; also an id.",
    "tag": "Tags; a study needs one of them.",
    "archived": "false (default), true or all.",
    "sort": f"One of {', '.join(SORTABLE)}; a leading - sorts in descending order. Default: -id.",
    "limit": f"Studies per page, 1 to {paging.MAX_LIMIT}. Default: all.",
    "cursor": "`next_cursor` of the page before.",
}
"""All parameters of a query."""


@dataclass(frozen=True)
class StudyQuery:
    """A page of studies: filters, order and position; without a limit, all of them."""

    text: str = ""
    tags: Sequence[str] = ()
    archived: str = "false"
    sort: str = "-id"
    limit: int | None = None
    start: int = 0

    @classmethod
    def parse(
        cls, parameters: Iterable[tuple[str, str]], *, strict: bool, limit: int | None = None
    ) -> "StudyQuery":
        """Parse the parameters of a query string; an empty value counts as missing.

        Raises:
            QueryError: a value is malformed; if `strict`, also if a parameter is unknown or repeated.
        """
        found: dict[str, Any] = {"limit": limit}
        seen: set[str] = set()
        for name, text in parameters:
            if strict and name in seen:
                raise QueryError(name, "repeated; separate several values with commas")
            seen.add(name)
            if strict and name not in _READERS:
                raise QueryError(name, f"unknown parameter; expected one of {', '.join(_READERS)}")
            if name in _READERS and text.strip(" ,"):
                target, read = _READERS[name]
                found[target] = read(name, text.strip())
        return cls(**found)


def list_studies(session: Session, query: StudyQuery | None = None) -> StudyList:
    """A page of studies; without a query all that are not archived, newest first. Nulls come last."""
    query = query or StudyQuery()
    matching = [study for study in _stored(session, query.archived) if _matches(study, query)]
    key, is_descending = query.sort.removeprefix("-"), query.sort.startswith("-")
    end = None if query.limit is None else query.start + query.limit
    if key in _STORED:
        ordered = _sorted(matching, _STORED[key], is_descending=is_descending)
        studies = progress.answers(session, ordered[query.start : end])
    else:
        summed = progress.answers(session, matching)
        studies = _sorted(summed, _SUMMED[key], is_descending=is_descending)[query.start : end]
    more = end is not None and end < len(matching)
    return StudyList(studies=studies, next_cursor=str(end) if more else None, total=len(matching))


def tags_in_use(session: Session) -> list[str]:
    """The tags of all studies, in natural order."""
    return text_keys.ascending({tag for tags in session.exec(select(Study.tags)) for tag in tags})


def count_archived(session: Session) -> int:
    """The number of archived studies."""
    archived = select(func.count()).select_from(Study).where(col(Study.archived).is_(true()))
    return session.exec(archived).one()


def _stored(session: Session, archived: str) -> Sequence[Study]:
    query = select(Study)
    if archived != "all":
        query = query.where(col(Study.archived).is_(true() if archived == "true" else false()))
    return session.exec(query).all()


def _sorted(studies: Iterable[Any], key: Callable[[Any], Any], *, is_descending: bool) -> list[Any]:
    """The studies in order; ties by id, those without a value last."""
    by_id = sorted(studies, key=lambda study: study.id or 0, reverse=is_descending)
    known = [study for study in by_id if key(study) is not None]
    return [
        *sorted(known, key=key, reverse=is_descending),
        *(study for study in by_id if key(study) is None),
    ]


def _matches(study: Study, query: StudyQuery) -> bool:
    if query.tags and not set(study.tags) & {way for tag in query.tags for way in text_keys.spellings(tag)}:
        return False
    if not query.text:
        return True
    mentioned = text_keys.of_run(study.name, study.tags, study.description)["search_key"]
    return text_keys.sought(query.text) in mentioned or query.text.lstrip("#") == str(study.id)


def _text(name: str, text: str) -> str:
    if len(text) > _MAX_TEXT:
        raise QueryError(name, f"at most {_MAX_TEXT:,} characters are allowed, not {len(text):,}")
    return text


def _tags(name: str, text: str) -> list[str]:
    tags = [tag.strip() for tag in text.split(",") if tag.strip()]
    if len(tags) > _MAX_TAGS:
        raise QueryError(name, f"at most {_MAX_TAGS} values are allowed, not {len(tags):,}")
    return tags


def _sort(name: str, text: str) -> str:
    return paging.order(name, text, SORTABLE)


def _start(name: str, text: str) -> int:
    start = values.whole_number(name, text)
    if start < 0:
        raise QueryError(name, "invalid cursor; use next_cursor of the previous page")
    return start


_READERS: Final[dict[str, tuple[str, Callable[[str, str], Any]]]] = {
    "q": ("text", _text),
    "tag": ("tags", _tags),
    "archived": ("archived", values.archived),
    "sort": ("sort", _sort),
    "limit": ("limit", paging.limit),
    "cursor": ("start", _start),
}
