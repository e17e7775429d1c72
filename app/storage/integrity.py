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
"""A file in the data folder that a server creates at its start and removes at a clean shutdown."""

_SHOWN: Final = 3
"""How many faults are reported."""

State = Literal["unchecked", "checking", "sound", "damaged"]


class Integrity:
    """The state of one server's database file. PostgreSQL is not checked: it manages its own files."""

    def __init__(self, database: Database, data_dir: Path) -> None:
        self.state: State = "unchecked"
        self.detail: str | None = None
        self._trouble = ""
        self._database = database
        self._marker = data_dir / MARKER

    def begin(self) -> bool:
        """Note that a server runs. Returns whether the previous one shut down uncleanly."""
        if not self._database.is_sqlite:
            return False
        unclean = self._marker.exists()
        self._marker.parent.mkdir(parents=True, exist_ok=True)
        self._marker.touch()
        if unclean:
            self.state = "checking"
        return unclean

    def end(self) -> None:
        """Note a clean shutdown; the next start repeats a check that has not passed."""
        if self.state in ("unchecked", "sound"):
            self._marker.unlink(missing_ok=True)

    def check(self) -> None:
        """Check the whole file; this takes seconds for a large one."""
        started = time.monotonic()
        wrong = faults(self._database)
        if not wrong:
            if self.state == "damaged":  # a request has found damage meanwhile
                return
            self.state = "sound"
            seconds = time.monotonic() - started
            self.detail = f"checked in {seconds:.1f} s after an unclean shutdown"
            log.info("the integrity check passed: %s", self.detail)
        else:
            self._damaged("; ".join(wrong[:_SHOWN]))

    def met(self, error: SQLAlchemyError) -> str | None:
        """Note an error of the database. Returns the damage, if that is the cause.

        An error is logged once, until another one occurs or `usable` is called.
        """
        why = damage(error)
        if why is not None:
            self._damaged(why)
        elif (said := str(getattr(error, "orig", error)).strip()) != self._trouble:
            self._trouble = said
            log.warning("the database is unavailable: %s", said)
        return why

    def usable(self) -> None:
        """Note that the database can be read and written."""
        if self._trouble:
            self._trouble = ""
            log.info("the database is available again")

    def _damaged(self, why: str) -> None:
        if self.state != "damaged":
            log.error("the database file is damaged: %s. %s", why, CURE)
            self.state = "damaged"
            self.detail = why


def faults(database: Database) -> list[str]:
    """Reads a whole SQLite file and returns its faults; an empty list if it is sound."""
    try:
        with database.read() as session:
            lines = session.execute(text("PRAGMA quick_check(10)")).scalars()
            return [str(line) for line in lines if line != "ok"]
    except DBAPIError as error:
        return [str(error.orig)]
