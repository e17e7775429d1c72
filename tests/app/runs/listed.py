"""The list of runs as a query finds it."""

from app.runs.listing import matches
from app.runs.listing.query import RunQuery
from app.schemas.runs import RunPage
from app.storage.database import Database


def listed(database: Database, **parameters: str) -> RunPage:
    with database.read() as session:
        return matches.list_runs(session, RunQuery.parse(parameters.items(), strict=True))


def ids(database: Database, **parameters: str) -> list[int]:
    """The ids of the found runs, archived or not."""
    return [run.id for run in listed(database, **{"archived": "all", **parameters}).runs]


def walk(database: Database, **parameters: str) -> list[int]:
    """The ids on each page in order."""
    found: list[int] = []
    cursor = ""
    while True:
        page = listed(database, **parameters, cursor=cursor)
        found += [run.id for run in page.runs]
        if page.next_cursor is None:
            return found
        cursor = page.next_cursor
