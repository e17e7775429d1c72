"""A clock of the database that stands still until it is moved."""

from typing import Any, Final

from sqlalchemy import event, select

from app.storage.database import Database, now

START: Final = 1_700_000_000.0


class Clock:
    """Replaces the database's clock in every statement; `now` is in seconds since 1970."""

    def __init__(self, database: Database) -> None:
        self.now = START
        self._readings = (
            str(select(now()).compile(database.engine)).removeprefix("SELECT ").partition(" AS ")[0]
        )
        for engine in database.engines:
            event.listen(engine, "before_cursor_execute", self._set, retval=True)

    def _set(
        self, _connection: object, _cursor: object, statement: str, parameters: Any, *_: object
    ) -> tuple[str, Any]:
        return statement.replace(self._readings, repr(self.now)), parameters
