"""Errors for programs: every field that is wrong, with what was expected."""

import json
from typing import Any

import httpx
import pytest

from tests.app.web.asking import HUGE, places, post, problem

BAD_FIELDS: list[tuple[str, Any, str]] = [
    ("depth", 0, "greater than or equal to 1, got 0"),
    ("depth", 1000, "less than or equal to 10, got 1000"),
    ("depth", "3", "valid integer, got '3'"),
    ("depth", True, "valid integer, got True"),
    ("depth", 3.0, "valid integer, got 3.0"),
    ("depth", 2.5, "valid integer, got 2.5"),
    ("depth", None, "valid integer"),
    ("depth", [1, 2], "valid integer"),
    ("depth", {"a": 1}, "valid integer"),
    ("depth", 10**400, "less than or equal to 10"),
    ("depth", float("nan"), "got nan"),
    ("epochs", 0, "greater than or equal to 1, got 0"),
    ("epochs", 1_000_000_000, "less than or equal to 10000, got 1000000000"),
    ("epochs", 1e9, "valid integer"),
    ("lr", float("nan"), "finite number, got nan"),
    ("lr", float("inf"), "finite number, got inf"),
    ("lr", float("-inf"), "finite number, got -inf"),
    ("lr", -0.1, "greater than 0, got -0.1"),
    ("lr", 0, "greater than 0, got 0"),
    ("lr", 101, "less than or equal to 100, got 101"),
    ("lr", "abc", "valid number, got 'abc'"),
    ("lr", True, "valid number, got True"),
    ("batch_size", 0, "greater than or equal to 1, got 0"),
    ("batch_size", 70_000, "less than or equal to 60000, got 70000"),
    ("seed", -1, "greater than or equal to 0, got -1"),
    ("seed", 2**32, "less than or equal to 4294967295"),
    ("device", "tpu", "'auto', 'cpu', 'cuda' or 'mps', got 'tpu'"),
    ("device", "", "'auto', 'cpu', 'cuda' or 'mps', got ''"),
    ("device", 1, "'auto', 'cpu', 'cuda' or 'mps', got 1"),
    (
        "dataset",
        "cifar",
        "no data set 'cifar'; expected one of mnist. To add it, put its four IDX files",
    ),
    ("dataset", "../etc", "should be the name of a data set"),
    ("priority", 1001, "less than or equal to 1000"),
    ("name", "x" * 101, "at most 100 characters"),
    ("name", "", "at least 1 character"),
    ("name", "a\0b", "control character U+0000"),
    ("name", "a\nb", "one line"),
    ("name", "\ud800", "valid"),
    ("note", "\ud800", "valid"),
    ("note", "x" * 10_001, "at most 10000 characters"),
    ("learning_rate", 0.1, "unknown field"),
    ("Depth", 1, "unknown field"),
    ("id", 1, "unknown field"),
    ("", 1, "unknown field"),
]


def test_a_bad_field_is_named_with_what_was_expected_and_nothing_is_created(unchanged: httpx.Client) -> None:
    for field, value, message in BAD_FIELDS:
        body = json.dumps({"depth": 1, field: value})
        for path in ("/runs", "/studies", "/studies/preview"):
            if path != "/runs" and isinstance(value, list):
                continue  # a study may have several
            answer = unchanged.post(path, content=body, headers={"Content-Type": "application/json"})
            errors = problem(answer, 422)["errors"]
            if path == "/runs":
                assert [each["loc"] for each in errors] == [[field]], body
                assert message in errors[0]["msg"], body
            else:
                assert errors[0]["loc"][0] == field, body


def test_bad_tags_are_named_by_their_place(unchanged: httpx.Client) -> None:
    for tags, loc in (
        (["ok", "x" * 51], ["tags", 1]),
        (["a,b"], ["tags", 0]),
        ([3], ["tags", 0]),
        ("a", ["tags"]),
        ([str(number) for number in range(21)], ["tags"]),
    ):
        assert places(post(unchanged, "/runs", depth=1, tags=tags)) == [loc]


def test_every_bad_field_is_reported_at_once(unchanged: httpx.Client) -> None:
    answer = post(unchanged, "/runs", depth=0, epochs=0, lr="abc", colour="red")
    assert places(answer) == [["depth"], ["epochs"], ["lr"], ["colour"]]
    assert "depth: should be greater than or equal to 1, got 0." in answer.json()["detail"]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/runs?depth=x", "depth"),
        ("/runs?depth=--1", "depth"),
        (f"/runs?depth={'9' * 5000}", "depth"),
        ("/runs?status=done", "status"),
        ("/runs?lr=nan", "lr"),
        ("/runs?q=%00", "q"),
        ("/runs?limit=0", "limit"),
        ("/runs?limit=501", "limit"),
        ("/runs?sort=colour", "sort"),
        ("/runs?cursor=x", "cursor"),
        ("/runs?colour=red", "colour"),
        ("/runs?depth=1&depth=2", "depth"),
        ("/runs?%ED%A0%80=1", "\ufffd\ufffd\ufffd"),
        ("/runs.csv?colour=red", "colour"),
        ("/compare", "runs"),
        ("/compare?runs=1,x", "runs"),
        (f"/compare?runs={HUGE}", "runs"),
        ("/compare?study=x", "study"),
        ("/compare?runs=1&colour=red", "colour"),
        ("/compare.csv?runs=x", "runs"),
        ("/runs/x", "run_id"),
        ("/runs/0", "run_id"),
        ("/runs/-1", "run_id"),
        ("/runs/1.5", "run_id"),
        (f"/runs/{HUGE}", "run_id"),
        (f"/runs/{'9' * 5000}", "run_id"),
        (f"/runs/{HUGE}/epochs", "run_id"),
        (f"/runs/{HUGE}/events", "run_id"),
        (f"/studies/{HUGE}", "study_id"),
        ("/events?since=-1", "since"),
        ("/events?since=x", "since"),
    ],
)
def test_a_malformed_address_is_refused_by_name(unchanged: httpx.Client, path: str, name: str) -> None:
    assert places(unchanged.get(path)) == [[name]]


@pytest.mark.parametrize(
    ("path", "parameter", "text", "limit"),
    [
        ("/runs", "q", "x" * 10_001, "10,000 characters"),
        ("/runs", "q", "x" * 50_000, "10,000 characters"),
        ("/runs", "tag", ",".join(map(str, range(1_000))), "50 values"),
        ("/runs", "id", ",".join(map(str, range(1_001))), "1,000 values"),
        ("/runs", "name", ",".join(map(str, range(1_001))), "1,000 values"),
        ("/runs", "study", ",".join(map(str, range(2_000))), "1,000 values"),
        ("/runs.csv", "depth", ",".join(map(str, range(1_001))), "1,000 values"),
        ("/compare", "runs", ",".join(map(str, range(1_001))), "1,000 values"),
    ],
)
def test_a_query_above_a_limit_is_refused_with_the_limit(
    unchanged: httpx.Client, path: str, parameter: str, text: str, limit: str
) -> None:
    answer = unchanged.get(path, params={parameter: text})
    (error,) = problem(answer, 422)["errors"]
    assert error["loc"] == [parameter]
    assert limit in error["msg"]


def test_all_filters_together_have_a_limit(unchanged: httpx.Client) -> None:
    values = ",".join(map(str, range(900)))
    answer = unchanged.get("/runs", params=dict.fromkeys(("id", "depth", "seed"), values))
    assert "2,000 values" in problem(answer, 422)["detail"]
