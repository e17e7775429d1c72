"""Known values, which complete what is typed into the builder."""

from app.runs.listing import fields
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


def test_names_are_short_and_lead_to_their_fields() -> None:
    names = dict(known.names())
    assert names["created:"] == "Created"
    assert names["lr:"] == "Learning rate"
    assert {"study:", "archived:", "duration:", "depth:"} <= {*names}
    assert all(fields.named(name.rstrip(":")) for name in names if name != "archived:")
