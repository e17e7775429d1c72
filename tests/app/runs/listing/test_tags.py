"""Known tags: each once, the most frequent first, in any alphabet."""

from app.runs.listing.tags import known_tags
from app.schemas.bodies import Labels
from app.storage.database import Database
from app.storage.tables import Study
from tests.app.states import queue_run

BACKENDS = ("sqlite", "postgresql")


def test_tags_are_counted(database: Database) -> None:
    for tags in (["b", "größe"], ["b"], [], ["a", "b"]):
        queue_run(database, Labels(tags=tags))
    with database.write() as session:
        for tags in (["a", "study alone"], [], ["a"]):
            session.add(Study(name="Depths", created_at=1.0, planned=1, tags=tags))
    with database.read() as session:
        found = [(each.tag, each.runs, each.studies) for each in known_tags(session)]
    assert sorted(found[:2]) == [("a", 1, 2), ("b", 3, 0)]
    assert sorted(found[2:]) == [("größe", 1, 0), ("study alone", 0, 1)]
