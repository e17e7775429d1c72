"""Databases of one process share their compiled statements: to compile one takes longer than to run it."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.util import LRUCache

from app.storage.database import Database

STATEMENTS = 2_000


@contextmanager
def shared() -> Iterator[None]:
    """Give every database that is opened in the block one cache; an engine has its own otherwise.

    Statements are kept by dialect, and each engine makes one: those of one kind count as equal here.
    """
    compiled = LRUCache[object, object](STATEMENTS)
    begin = Database.__init__

    def __init__(self: Database, *arguments: object, **named: object) -> None:  # noqa: N807
        begin(self, *arguments, **named)  # type: ignore[arg-type]
        for engine in self.engines:
            engine.update_execution_options(compiled_cache=compiled)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DefaultDialect, "__eq__", lambda one, other: type(one) is type(other))
        patch.setattr(DefaultDialect, "__hash__", lambda dialect: hash(type(dialect)))
        patch.setattr(Database, "__init__", __init__)
        yield
