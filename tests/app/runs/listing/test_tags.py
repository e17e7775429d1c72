"""Known tags: each once, the most frequent first, in any alphabet."""

from app.runs.listing.tags import known_tags
from app.schemas.bodies import Labels
from app.storage.database import Database
from tests.app.states import queue_run

BACKENDS = ("sqlite", "postgresql")


def test_tags_are_counted(database: Database) -> None:
    for tags in (["b", "größe"], ["b"], [], ["a", "b"]):
        queue_run(database, Labels(tags=tags))
    with database.read() as session:
        found = [(each.tag, each.runs) for each in known_tags(session)]
    assert found[0] == ("b", 3)
    assert sorted(found[1:]) == [("a", 1), ("größe", 1)]
