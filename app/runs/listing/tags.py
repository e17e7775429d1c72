"""The tags that runs and studies have, for completion."""

from collections import Counter
from collections.abc import Iterator

from sqlalchemy import String, cast
from sqlalchemy.orm import Mapped
from sqlmodel import Session, col, select

from app.schemas.lists import TagCount
from app.storage.tables import Run, Study


def known_tags(session: Session) -> list[TagCount]:
    """Every tag and its numbers of runs and studies, the most frequent first."""
    runs = Counter(_tags(session, col(Run.tags)))
    studies = Counter(_tags(session, col(Study.tags)))
    return [
        TagCount(tag=tag, runs=runs[tag], studies=studies[tag]) for tag, _ in (runs + studies).most_common()
    ]


def _tags(session: Session, column: Mapped[list[str]]) -> Iterator[str]:
    rows = session.connection().execute(select(column).where(cast(column, String) != "[]"))
    return (tag for (tags,) in rows for tag in tags)
