"""What a comparison of stored runs finds."""

from app.compare.comparison import compare
from app.schemas.comparison import Findings
from app.storage.database import Database


def compared(database: Database, *run_ids: int) -> Findings:
    with database.read() as session:
        found = compare(session, run_ids)
    assert found is not None
    return found
