"""Installations with nothing in them, and what their tables hold."""

from dataclasses import dataclass

from sqlalchemy import RowMapping
from sqlmodel import SQLModel, select

from app.storage.database import Database
from app.storage.tables import Counter

CHANGES = ("change", "reset_change", "value", "origin")


@dataclass
class Place:
    """An empty installation."""

    database: Database
    location: str


def tables(database: Database) -> dict[str, list[dict[str, object]]]:
    """Every row of every table, with change numbers relative to the origin of the counter."""
    with database.read() as session:
        origin = session.exec(select(Counter.origin)).one()
        return {
            name: [
                counted_from(origin, each)
                for each in sorted(session.execute(table.select()).mappings(), key=str)
            ]
            for name, table in SQLModel.metadata.tables.items()
        }


def counted_from(origin: int, row: RowMapping) -> dict[str, object]:
    return {name: value - origin if name in CHANGES and value else value for name, value in row.items()}
