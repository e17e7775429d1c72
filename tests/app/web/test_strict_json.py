"""Bodies: only JSON objects without repeated keys are read."""

import json

import httpx
import pytest
from sqlmodel import select

from app.storage.tables import Run, Study
from tests.app.conftest import Served
from tests.app.web.asking import problem

DEEP = "[" * 100_000 + "]" * 100_000


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"null", 422),
        (b"[]", 422),
        (b"3", 422),
        (b'"depth"', 422),
        (b'{"depth": 1', 400),
        (b"depth=1", 400),
        (b'{"depth": 1} x', 400),
        (b"{'depth': 1}", 400),
        (b'{"depth": 1, "depth": 2}', 400),
        (b'{"depth": 1, "tags": [{"a": 1, "a": 2}]}', 400),
        (b'{"depth": 1, "\\ud800": 2, "\\ud800": 3}', 400),
        (b'{"depth": 1, "\\ud800": 2}', 422),
        (b'{"depth": 1, "note": "\\ud800"}', 422),
        (b'{"depth": 0x1}', 400),
        (b'{"depth": 01}', 400),
        (b'{"depth": 1, "name": "\xff"}', 400),
        (b'{"depth": 1, "name": "a\nb"}', 400),
        (b"\xff\xfe{\x00}\x00", 400),
        (b'\xef\xbb\xbf{"depth": 1}', 400),
        (b'{"depth": %s}' % (b"9" * 5000), 400),
        (DEEP.encode(), 400),
        (b'{"depth": 1, "note": %s}' % DEEP.encode(), 400),
        (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, 400),
        (b'{"depth": 1, "note": "%s"}' % (b"x" * 1_000_001), 413),
    ],
)
def test_a_body_that_is_no_json_object_is_refused(unchanged: httpx.Client, body: bytes, status: int) -> None:
    for path in ("/runs", "/studies", "/studies/preview", "/runs/bulk"):
        answer = unchanged.post(path, content=body, headers={"Content-Type": "application/json"})
        problem(answer, status)


@pytest.mark.parametrize("media_type", ["text/plain", "application/jsonx", "json", "", None])
def test_a_body_that_does_not_say_it_is_json_is_refused(
    unchanged: httpx.Client, media_type: str | None
) -> None:
    headers = {} if media_type is None else {"Content-Type": media_type}
    answer = unchanged.post("/runs", content=b'{"depth": 1}', headers=headers)
    assert "application/json" in problem(answer, 415)["detail"]


def test_json_may_say_its_character_set(client: httpx.Client) -> None:
    headers = {"Content-Type": "Application/JSON; charset=utf-8"}
    assert client.post("/runs", content=b'{"depth": 1}', headers=headers).status_code == 201


def test_random_bytes_never_break_the_server(site: Served) -> None:
    from hypothesis import given, settings  # noqa: PLC0415
    from hypothesis import strategies as st  # noqa: PLC0415

    json_values = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=5,
    )
    fields = st.sampled_from(
        ["epochs", "lr", "batch_size", "seed", "device", "tags", "note", "name", "other"]
    )
    bodies = st.dictionaries(fields, json_values, min_size=1, max_size=3).map(
        lambda body: json.dumps({"depth": 7, **body}).encode()
    )

    @settings(max_examples=60)
    @given(st.binary().filter(lambda body: b"depth" not in body) | bodies)
    def refused(body: bytes) -> None:
        answer = site.client.post("/runs", content=body, headers={"Content-Type": "application/json"})
        problem(answer, answer.status_code)
        assert answer.status_code in (400, 422)

    refused()
    with site.database.read() as session:
        assert session.exec(select(Run)).all() == []
        assert session.exec(select(Study)).all() == []
