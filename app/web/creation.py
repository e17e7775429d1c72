"""Requests that queue runs: idempotency, queue limit and location."""

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Header, Request, Response
from pydantic import BaseModel
from sqlmodel import Session

from app.queue.idempotency import Created, Keys
from app.schemas.runs import RunOut
from app.schemas.studies import StudyOut
from app.web.api import SettingsOf

IdempotencyKeyHeader = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        description="Makes retries safe: a repeated request with the same key and body creates nothing new.",
    ),
]


class Creation:
    """A request to queue runs, single or in a study; at most `limit` runs may be queued."""

    def __init__(
        self, request: Request, settings: SettingsOf, idempotency_key: IdempotencyKeyHeader = None
    ) -> None:
        self._keys: Keys = request.app.state.keys
        self._route = request.url.path
        self.limit = settings.queue_limit
        self._key = idempotency_key

    def answer(
        self,
        body: BaseModel,
        collection: str,
        create: Callable[[Session], RunOut | StudyOut],
    ) -> Response:
        """The response to a creation in a `collection`, such as `/runs`; a repeat adds only a header.

        Raises the errors of `once`.
        """

        def numbered(session: Session) -> tuple[int, RunOut | StudyOut]:
            created = create(session)
            return created.id, created

        made = self.once(body, self._route, numbered)
        headers = {"Location": f"{collection}/{made.id}"}
        if made.replayed:
            headers["Idempotent-Replayed"] = "true"
        return Response(made.json, 201, headers, "application/json")

    def once(
        self, body: BaseModel, route: str, create: Callable[[Session], tuple[int, BaseModel]]
    ) -> Created:
        """Create something, or return what the first such request created; keys are unique within a `route`.

        Raises the errors of `create`, which roll back the creation, and:
            KeyReused, KeyOutlived, KeyInFlight: the key was used with another body, its run or study was
                deleted, or its first request is in progress.
        """
        return self._keys.once(self._key, route, body, create)


CreationOf = Annotated[Creation, Depends()]
