"""What a comparison of stored runs finds."""

from collections.abc import Sequence

from app.compare.comparison import compare
from app.compare.groups import BY_DEPTH
from app.compare.selection import Selection
from app.schemas.compare.comparison import Findings
from app.settings import Settings
from app.storage.database import Database


def compared(database: Database, *run_ids: int) -> Findings:
    """A comparison by depth."""
    return compared_by(database, run_ids, BY_DEPTH)


def compared_by(
    database: Database, run_ids: Sequence[int], by: Sequence[str], settings: Settings | None = None
) -> Findings:
    """A comparison by these hyperparameters; `settings` locate predictions."""
    return found_in(database, Selection(list(run_ids), None, tuple(by)), settings)


def of_study(database: Database, study_id: int, by: Sequence[str] = ()) -> Findings:
    """The comparison of a whole study, by default grouped by what it varies."""
    return found_in(database, Selection([], study_id, tuple(by)))


def found_in(database: Database, selection: Selection, settings: Settings | None = None) -> Findings:
    """The comparison of selected runs, some of which exist."""
    with database.read() as session:
        found = compare(session, selection, settings)
    assert found is not None
    return found
