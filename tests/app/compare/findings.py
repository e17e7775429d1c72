"""What a comparison of stored runs finds."""

from collections.abc import Sequence

from app.compare.comparison import compare
from app.compare.groups import BY_DEPTH
from app.schemas.comparison import Findings
from app.storage.database import Database


def compared(database: Database, *run_ids: int) -> Findings:
    """A comparison by depth."""
    return compared_by(database, run_ids, BY_DEPTH)


def compared_by(database: Database, run_ids: Sequence[int], by: Sequence[str]) -> Findings:
    """A comparison by these hyperparameters."""
    with database.read() as session:
        found = compare(session, run_ids, tuple(by))
    assert found is not None
    return found
