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
    """Let all databases that are opened in the block share one cache instead of one per engine.

    The cache is keyed by dialect, and each engine creates its own. Here dialects of the same kind are equal.
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
