"""Requests that may be sent twice: the same `Idempotency-Key` creates a thing only once."""

import hashlib
from collections.abc import Callable

from sqlmodel import Session

from app.db import clock
from app.models import IdempotencyKey


class KeyReused(Exception):
    """The key was used before, for another body."""

    def __init__(self, key: str) -> None:
        super().__init__(f"the Idempotency-Key {key!r} was used before with another body; use a new key")


def once(session: Session, key: str | None, route: str, body: bytes, create: Callable[[], int]) -> int:
    """The id that `create` returns, or the one it returned when the same key and body came first.

    Raises:
        KeyReused: the key came with another body before.
    """
    if key is None:
        return create()
    digest = hashlib.sha256(body).hexdigest()
    known = session.get(IdempotencyKey, (key, route))
    if known is None:
        created = create()
        session.add(
            IdempotencyKey(
                key=key, route=route, body_digest=digest, resource_id=created, created_at=clock(session)
            )
        )
        return created
    if known.body_digest != digest:
        raise KeyReused(key)
    return known.resource_id
