"""Bulk actions that can be undone, in the memory of the server."""

import secrets
from array import array
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from threading import Lock
from typing import Final

from app.runs.bulk import INVERSES
from app.schemas.runs import BulkAction, BulkRequest

MOST: Final = 20
"""Maximum number of actions that can be undone; 10,000 runs take 80 kB."""


@dataclass(frozen=True, slots=True)
class _Undo:
    action: BulkAction
    tag: str | None
    ids: "array[int]"


class Undos:
    """The inverses of the last actions, for exactly the runs that they have changed.

    A token of each is in the message about the action. After a restart of the server, its messages are gone.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[str, _Undo] = OrderedDict()
        self._lock = Lock()

    def keep(self, request: BulkRequest, changed: Iterable[int]) -> str:
        """Keep the inverse of an action and return its token; empty if there is nothing to undo."""
        ids = array("q", changed)
        if request.action not in INVERSES or not ids:
            return ""
        token = secrets.token_urlsafe(12)
        with self._lock:
            self._kept[token] = _Undo(INVERSES[request.action], request.tag, ids)
            while len(self._kept) > MOST:
                self._kept.popitem(last=False)
        return token

    def of(self, token: str) -> BulkRequest | None:
        """Return the request that undoes an action; None if it can't be undone any more."""
        with self._lock:
            undo = self._kept.get(token)
        if undo is None:
            return None
        return BulkRequest.model_construct(ids=undo.ids.tolist(), action=undo.action, tag=undo.tag)
