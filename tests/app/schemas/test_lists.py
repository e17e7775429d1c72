"""What requests about saved views may say."""

from app.schemas.lists import ViewPatch, ViewRequest
from tests.app.schemas.refused import refused


def test_a_view_has_a_name_and_a_query() -> None:
    view = ViewRequest.model_validate({"name": " deep ", "query": "depth=5"})
    assert (view.name, view.query) == ("deep", "depth=5")
    assert refused(ViewRequest, {"name": "", "query": ""}) == [("name",)]
    assert refused(ViewRequest, {"name": "deep"}) == [("query",)]
    assert refused(ViewRequest, {"name": "deep", "query": "x" * 20_001}) == [("query",)]


def test_a_change_of_a_view_may_leave_out_either() -> None:
    assert ViewPatch.model_validate({"query": ""}).model_dump(exclude_unset=True) == {"query": ""}
    assert refused(ViewPatch, {"name": None}) == [("name",)]
