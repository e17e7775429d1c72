"""Known values, which complete what is typed into the builder."""

from app.schemas.bodies import Labels
from app.storage.database import Database
from app.web.pages.run_list import known
from tests.app.states import queue_run, shown


def test_values_are_choices_and_those_of_the_shown_runs(database: Database) -> None:
    run = shown(database, queue_run(database, Labels(tags=["b", "a"]), dataset="mine"))
    found = known.of_runs([run])
    assert [value for name, value in found if name == "tag"] == ["a", "b"]
    assert ("status", "failed") in found
    assert ("optimizer", "adamw") in found
    assert ("dataset", "mine") in found
    assert ("cancel_requested", "true") in found
