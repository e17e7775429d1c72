"""What JSON routes share: the errors that they declare, and the shape of their answers."""

import json

from fastapi import Request

from app.schemas.runs import BulkSkip
from app.web import api
from app.web.problems import MEDIA_TYPE
from tests.app.conftest import Served


def test_the_errors_of_a_route_are_described_with_the_shape_of_a_problem() -> None:
    found = api.problems(404, 429)
    assert list(found) == [404, 429]
    for described in found.values():
        assert described["description"].endswith(".")
        assert described["content"] == {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    assert "Retry-After" in found[429]["description"]
    assert "Idempotency-Key" not in api.problems(409)[409]["description"]
    assert "Idempotency-Key" in api.problems(409, has_key=True)[409]["description"]


def test_a_file_is_saved_under_its_name() -> None:
    answer = api.attachment("a,b", "text/csv", "runs.csv")
    assert answer.headers["content-disposition"] == 'attachment; filename="runs.csv"'
    assert (answer.headers["content-type"], answer.body) == ("text/csv; charset=utf-8", b"a,b")


def test_a_model_is_answered_as_json_with_its_status_and_headers() -> None:
    answer = api.answer(BulkSkip(id=7, reason="ä"), 202, {"Cache-Control": "no-store"})
    assert (answer.status_code, answer.headers["content-type"]) == (202, "application/json")
    assert answer.headers["cache-control"] == "no-store"
    assert json.loads(bytes(answer.body)) == {"id": 7, "reason": "ä"}


def test_routes_get_the_objects_of_the_application(site: Served) -> None:
    request = Request({"type": "http", "app": site.app})
    assert api.database(request) is site.app.state.database
    assert api.settings(request) is site.app.state.settings
    stopping = api.stopping(request)
    assert not stopping()
    site.app.state.events.close()
    assert stopping()
