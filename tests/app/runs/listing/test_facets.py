"""Values of fields with the number of their runs."""

import pytest

from app.runs.listing import facets
from app.runs.listing.errors import QueryError
from app.schemas.bodies import Labels
from app.storage.database import Database
from tests.app.states import queue_run, study_of
from tests.backends import on_both


def values(database: Database, name: str) -> list[tuple[str, int]]:
    with database.read() as session:
        return [(each.value, each.runs) for each in facets.values_of(session, name).values]


@on_both
def test_the_most_frequent_values_come_first(database: Database) -> None:
    runs = [queue_run(database, Labels(tags=tags), lr=0.5) for tags in (["a"], ["ä b", "a"], [])]
    queue_run(database, lr=0.1)
    study_of(database, runs[:2])
    assert values(database, "tag") == [("a", 2), ("ä b", 1)]
    assert values(database, "lr") == [("0.5", 3), ("0.1", 1)]
    assert values(database, "status") == [("queued", 4)]
    assert values(database, "cancel_requested") == [("false", 4)]
    assert values(database, "study") == [("1", 2)]
    assert values(database, "created_at") == values(database, "note") == values(database, "device_used") == []
    with pytest.raises(QueryError, match="there is no field 'colour'"):
        values(database, "colour")
