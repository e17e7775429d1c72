"""Idempotency keys: a repeated request creates nothing twice and gets the stored response."""

import hashlib
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel
from sqlalchemy import delete, or_, tuple_, update
from sqlmodel import Session, col, select

from app.storage.database import Database, clock, now
from app.storage.tables import IdempotencyKey

REMEMBERED_SECONDS: Final = 7 * 24 * 3600.0
"""How long a key is stored."""

FORGOTTEN_AT_ONCE: Final = 500
"""How many keys one transaction deletes."""

_RUNS: Final = "/runs"
"""The route whose keys create one run each; so do those that verify a run."""

_VERIFICATIONS: Final = "/runs/%/verify"

_STUDIES: Final = "/studies"
"""The route whose keys create one study each."""

_ADDITIONS: Final = "/studies/%/runs"
"""The routes whose keys add runs to a study: their responses are the study."""

_HYPERPARAMETERS_THEN: Final = {
    *("depth", "epochs", "lr", "batch_size", "seed", "width", "optimizer", "momentum", "weight_decay"),
    *("dropout", "schedule", "patience", "precision", "device", "dataset"),
}
_FIELDS_THEN: Final[dict[str, bool | set[str]]] = {
    **dict.fromkeys(_HYPERPARAMETERS_THEN, True),
    **dict.fromkeys(("priority", "name", "tags", "note", "reuse", "seeds"), True),
    "only": _HYPERPARAMETERS_THEN,
}
"""Fields of bodies until schema 0004, when keys were stored with a digest of every field."""


class KeyReused(Exception):
    """The key was used before with another body."""

    def __init__(self, key: str) -> None:
        super().__init__(f"the Idempotency-Key {key!r} was already used with a different body; use a new key")


class KeyOutlived(Exception):
    """The run or study of the response to this key was deleted."""

    def __init__(self, key: str, route: str, resource_id: int) -> None:
        if route.startswith(f"{_STUDIES}/"):
            done, cure = f"added runs to {_STUDIES}/{resource_id}", "add runs to another study"
        else:
            collection = _STUDIES if route == _STUDIES else _RUNS
            done, cure = f"created {collection}/{resource_id}", "create another"
        super().__init__(
            f"a request with the Idempotency-Key {key!r} {done}, which was deleted; "
            f"nothing was created; use a new key to {cure}"
        )


class KeyInFlight(Exception):
    """A request with this key is in flight; retry after `retry_after` seconds."""

    retry_after = 1

    def __init__(self, key: str) -> None:
        super().__init__(
            f"a request with the Idempotency-Key {key!r} is still being processed; retry in a moment"
        )


@dataclass(frozen=True, slots=True)
class Created:
    """The created resource and its JSON; `replayed` if an earlier request created it."""

    id: int
    json: str
    replayed: bool = False


class Keys:
    """The keyed requests of one web process: those in flight, and the stored responses of earlier ones."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.in_flight: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    def once(
        self,
        key: str | None,
        route: str,
        body: BaseModel,
        create: Callable[[Session], tuple[int, BaseModel]],
    ) -> Created:
        """Returns what `create` makes in a new transaction, or the stored response of the same key and body.

        Raises:
            KeyReused: the key was used before with another body.
            KeyOutlived: the run or study of the stored response was deleted.
            KeyInFlight: another request with this key is in flight.
        """
        if key is None:
            with self._database.write() as session:
                return _created(create(session))
        digests = _digests(body)
        with self._flying(key, route), self._database.write() as session:
            known = _remembered(session, key, route)
            if known and known.body_digest not in digests:
                raise KeyReused(key)
            if known and not known.answer:
                raise KeyOutlived(key, route, known.resource_id)
            if known:
                return Created(known.resource_id, known.answer, replayed=True)
            created = _created(create(session))
            _remember(session, key, route, digests[0], created)
            return created

    @contextmanager
    def _flying(self, key: str, route: str) -> Iterator[None]:
        with self._lock:
            if (key, route) in self.in_flight:
                raise KeyInFlight(key)
            self.in_flight.add((key, route))
        try:
            yield
        finally:
            with self._lock:
                self.in_flight.discard((key, route))


def forget_old(database: Database) -> None:
    """Delete expired keys, in batches: finding them means reading every key."""
    old = col(IdempotencyKey.created_at) < now() - REMEMBERED_SECONDS
    with database.read() as session:
        keys = session.exec(select(IdempotencyKey.key, IdempotencyKey.route).where(old)).all()
    for start in range(0, len(keys), FORGOTTEN_AT_ONCE):
        some = [tuple(key) for key in keys[start : start + FORGOTTEN_AT_ONCE]]
        with database.write() as session:
            identity = tuple_(col(IdempotencyKey.key), col(IdempotencyKey.route))
            session.execute(delete(IdempotencyKey).where(old, identity.in_(some)))


def _remembered(session: Session, key: str, route: str) -> IdempotencyKey | None:
    known = session.get(IdempotencyKey, (key, route))
    if known and known.created_at < clock(session) - REMEMBERED_SECONDS:
        session.delete(known)
        session.flush()
        return None
    return known


def forget_runs(session: Session, run_ids: Sequence[int]) -> None:
    """Erase the stored responses about deleted runs; their keys stay, so that they create no run again."""
    _forget(session, _RUNS, _VERIFICATIONS, run_ids)


def forget_study(session: Session, study_id: int) -> None:
    """Erase the stored responses about a deleted study; their keys stay, so that they create none again."""
    _forget(session, _STUDIES, _ADDITIONS, [study_id])


def _forget(session: Session, route: str, like: str, ids: Sequence[int]) -> None:
    of_these = or_(col(IdempotencyKey.route) == route, col(IdempotencyKey.route).like(like))
    session.execute(
        update(IdempotencyKey).where(of_these, col(IdempotencyKey.resource_id).in_(ids)).values(answer="")
    )


def _digests(body: BaseModel) -> list[str]:
    """Returns the digest of a body, and the one that an earlier version would have stored.

    Only values that differ from the defaults count, so that a field of a later version changes no digest. The
    earlier version digested every field; it accepted no body with other fields.
    """
    told = json.dumps(body.model_dump(mode="json", exclude_defaults=True), sort_keys=True)
    texts = [told]
    known_then = body.model_dump_json(include=_FIELDS_THEN, exclude_defaults=True)
    if known_then == body.model_dump_json(exclude_defaults=True):
        texts.append(body.model_dump_json(include=_FIELDS_THEN))
    return [hashlib.sha256(text.encode()).hexdigest() for text in texts]


def _created(made: tuple[int, BaseModel]) -> Created:
    resource_id, answer = made
    return Created(resource_id, answer.model_dump_json())


def _remember(session: Session, key: str, route: str, digest: str, created: Created) -> None:
    session.add(
        IdempotencyKey(
            key=key,
            route=route,
            body_digest=digest,
            resource_id=created.id,
            answer=created.json,
            created_at=clock(session),
        )
    )
