"""That everything which lists the fields of a run has them from their one declaration."""

from app.runs import export
from app.runs.listing.fields import ACTIVITY, SORTABLE
from app.schemas import run_fields
from app.schemas.hyperparameters import HYPERPARAMETERS
from app.schemas.run_fields import TIMES, ComputedFields, StoredFields
from app.schemas.runs import RunOut
from app.storage.database import Database
from app.storage.tables import Run
from tests.app.states import finished_run, shown


def test_the_answer_has_every_declared_field_once_and_requires_it() -> None:
    declared = [*StoredFields.model_fields, *ComputedFields.model_fields, *HYPERPARAMETERS]
    assert sorted(RunOut.model_fields) == sorted(declared)
    assert all(field.is_required() for field in RunOut.model_fields.values())


def test_computed_fields_and_hyperparameters_stand_where_they_are_declared_to() -> None:
    names = list(run_fields.of_answer())
    assert names[0] == "id"
    assert names[names.index("study_id") + 1 :][: len(HYPERPARAMETERS)] == list(HYPERPARAMETERS)
    after = names.index("parameters")
    assert names[after + 1 : after + 3] == ["updates_per_epoch", "flops_per_epoch"]


def test_the_row_has_a_column_for_each_stored_field_with_its_default() -> None:
    for name, field in StoredFields.model_fields.items():
        assert name in Run.model_fields
        assert Run.model_fields[name].get_default(call_default_factory=True) == field.get_default(
            call_default_factory=True
        )
    assert {*TIMES} <= Run.model_fields.keys()


def test_every_flat_field_can_be_sorted_by_and_is_a_column_of_the_csv(database: Database) -> None:
    flat = {*StoredFields.model_fields, *HYPERPARAMETERS, *TIMES, "id", "eta_seconds"} - {"tags"}
    assert {*SORTABLE} == flat | {ACTIVITY}
    header = next(export.runs([shown(database, finished_run(database))], 1)).split(",")
    assert header[: len(RunOut.model_fields)] == list(RunOut.model_fields)
