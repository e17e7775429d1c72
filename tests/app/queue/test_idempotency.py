"""Keys of requests that were stored before an upgrade."""

import json
from typing import Any

import pytest
from pydantic import BaseModel
from sqlmodel import Session

from app.client import Client
from app.queue.idempotency import Created, KeyReused, Keys
from app.schemas.runs import RunRequest
from app.schemas.studies import MoreRuns, Only, StudyRequest
from app.storage.database import Database, clock
from app.storage.tables import IdempotencyKey
from tests.app.conftest import Served

LABELLED = {"depth": 3, "lr": 1e-05, "name": "é", "tags": ["a"], "note": "x", "priority": 3}
GRID = {"depth": [1, 2], "seed": [0, 1], "lr": [1e-05, 0.05], "reuse": True}
ONLY = {"seeds": 2, "only": {"depth": [2], "width": 64}}

STORED: list[tuple[type[BaseModel], dict[str, Any], str]] = [
    (RunRequest, {"depth": 2}, "7721e9c86abd8df31f35945d8364f811fcec71095a9adb1f45c1cf1af4797944"),
    (RunRequest, LABELLED, "a43aed7f73dbbfff4ebc5a210369626ed1a7afa3c48ec70aa12bc00f62a36de2"),
    (StudyRequest, GRID, "7f2395f2b27d94920885183a291b7a33d56ca76bcca7ba6ae73197ba1774b107"),
    (MoreRuns, {"seeds": 2}, "f9300b489c92d3d7df850f25daf161caf010598a9b187219a9d06ad3d5dc726b"),
    (MoreRuns, ONLY, "1052473afc32452462ca814ca265f14e4be6e0468aabf4e2ff96beb306edf429"),
]
"""Bodies, and the digests that versions with schema 0004 stored for them."""


class Answer(BaseModel):
    """An answer to a creation."""

    told: str = "now"


def create(_: Session) -> tuple[int, BaseModel]:
    return 8, Answer()


def remember(database: Database, digest: str, answer: str = "told then") -> None:
    """Store a key as an earlier version did."""
    with database.write() as session:
        moment = clock(session)
        session.add(
            IdempotencyKey(
                key="once", route="/runs", body_digest=digest, resource_id=7, answer=answer, created_at=moment
            )
        )


def later(model: type[BaseModel]) -> type[BaseModel]:
    """A body as a later version will know it, with one more hyperparameter."""
    kind, default = (list[float], [0.0]) if model is StudyRequest else (float, 0.0)
    if model is MoreRuns:
        only = type("LaterOnly", (Only,), {"__annotations__": {"smoothing": kind | None}, "smoothing": None})
        return type("Later", (MoreRuns,), {"__annotations__": {"only": only | None}, "only": None})
    return type("Later", (model,), {"__annotations__": {"smoothing": kind}, "smoothing": default})


def with_smoothing(body: dict[str, Any]) -> dict[str, Any]:
    """A body that sets the new hyperparameter."""
    if "seeds" in body:
        return body | {"only": {**body.get("only", {}), "smoothing": 0.1}}
    return body | {"smoothing": [0.1] if isinstance(body["depth"], list) else 0.1}


@pytest.mark.parametrize(("model", "body", "digest"), STORED)
@pytest.mark.parametrize("upgraded", [False, True])
def test_a_key_stored_by_an_earlier_version_remains_valid(
    database: Database, model: type[BaseModel], body: dict[str, Any], digest: str, *, upgraded: bool
) -> None:
    remember(database, digest)
    known = later(model) if upgraded else model
    assert Keys(database).once("once", "/runs", known(**body), create) == Created(
        7, "told then", replayed=True
    )
    changed = body | {"priority": 4} if "depth" in body else body | {"seeds": 3}
    with pytest.raises(KeyReused):
        Keys(database).once("once", "/runs", known(**changed), create)


@pytest.mark.parametrize(("model", "body", "digest"), STORED)
def test_keys_remain_valid_when_a_later_version_adds_hyperparameters(
    database: Database, model: type[BaseModel], body: dict[str, Any], digest: str
) -> None:
    first = Keys(database).once("once", "/runs", model(**body), create)
    again = Keys(database).once("once", "/runs", later(model)(**body), create)
    assert (first.id, again.id, again.replayed) == (8, 8, True)
    for stored in (None, digest):
        if stored:
            with database.write() as session:
                found = session.get(IdempotencyKey, ("once", "/runs"))
                assert found is not None
                found.body_digest = stored
        with pytest.raises(KeyReused):
            Keys(database).once("once", "/runs", later(model)(**with_smoothing(body)), create)


def test_the_client_accepts_a_stored_response_without_newer_fields(server: Served) -> None:
    run = server.client.post("/runs", json={"depth": 2}).json()
    del run["worker_losses"], run["precision"]
    remember(server.database, STORED[0][2], json.dumps(run))
    with Client(server.url) as client:
        assert client.create_run({"depth": 2}, key="once").precision == "fp32"
