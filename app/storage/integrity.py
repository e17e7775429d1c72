"""Checks the whole SQLite file in the background after an unclean shutdown."""

import logging
import time
from pathlib import Path
from typing import Final, Literal

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from app.storage.database import Database
from app.storage.outage import CURE, damage

log = logging.getLogger(__name__)

MARKER: Final = "serving"
"""A file in the data folder that a server makes when it starts, and removes when it ends."""

_SHOWN: Final = 3
"""How many of the faults that were found are told."""

State = Literal["unchecked", "checking", "sound", "damaged"]


class Integrity:
    """What one server knows of its database file. PostgreSQL looks after its own, and is left unchecked."""

    def __init__(self, database: Database, data_dir: Path) -> None:
        self.state: State = "unchecked"
        self.detail: str | None = None
        self._trouble = ""
        self._database = database
        self._marker = data_dir / MARKER

    def begin(self) -> bool:
        """Note that a server runs; whether the one before it came to no proper end."""
        if not self._database.is_sqlite:
            return False
        unclean = self._marker.exists()
        self._marker.parent.mkdir(parents=True, exist_ok=True)
        self._marker.touch()
        if unclean:
            self.state = "checking"
        return unclean

    def end(self) -> None:
        """Note that the server has come to its proper end; what was not found sound is looked at again."""
        if self.state in ("unchecked", "sound"):
            self._marker.unlink(missing_ok=True)

    def check(self) -> None:
        """Read the whole file; on a large one that takes seconds."""
        started = time.monotonic()
        wrong = faults(self._database)
        if not wrong:
            if self.state == "damaged":  # as a request has found meanwhile
                return
            self.state = "sound"
            seconds = time.monotonic() - started
            self.detail = f"checked in {seconds:.1f} s after an unclean shutdown"
            log.info("the database is sound: %s", self.detail)
        else:
            self._damaged("; ".join(wrong[:_SHOWN]))

    def met(self, error: SQLAlchemyError) -> str | None:
        """Take in that something could not use the database; what is damaged about it, if that is why.

        What is wrong is logged once, until something else is or `usable` says that it is over.
        """
        why = damage(error)
        if why is not None:
            self._damaged(why)
        elif (said := str(getattr(error, "orig", error)).strip()) != self._trouble:
            self._trouble = said
            log.warning("the database can't be used now: %s", said)
        return why

    def usable(self) -> None:
        """Take in that the database can be read and written."""
        if self._trouble:
            self._trouble = ""
            log.info("the database can be used again")

    def _damaged(self, why: str) -> None:
        if self.state != "damaged":
            log.error("the database file is damaged: %s. %s", why, CURE)
            self.state = "damaged"
            self.detail = why


def faults(database: Database) -> list[str]:
    """What is wrong with a SQLite file, which is read whole; nothing if it is sound."""
    try:
        with database.read() as session:
            lines = session.execute(text("PRAGMA quick_check(10)")).scalars()
            return [str(line) for line in lines if line != "ok"]
    except DBAPIError as error:
        return [str(error.orig)]
