"""The tags that runs have, for completion."""

from collections import Counter

from sqlalchemy import String, cast
from sqlmodel import Session, select

from app.schemas.lists import TagCount
from app.storage.tables import Run


def known_tags(session: Session) -> list[TagCount]:
    """Every tag and its number of runs, the most frequent first."""
    rows = session.connection().execute(select(Run.tags).where(cast(Run.tags, String) != "[]"))
    found = Counter(tag for (tags,) in rows for tag in tags)
    return [TagCount(tag=tag, runs=runs) for tag, runs in found.most_common()]
