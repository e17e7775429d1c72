"""Every URL: HEAD where there is GET, OPTIONS, and a 405 that lists the methods of all its routes."""

import gc
import re
from collections.abc import Iterator

import httpx
import pytest
from fastapi.routing import iter_route_contexts

from app.web.assets import static_version
from tests.app.conftest import Served
from tests.app.web.asking import problem
from tests.waiting import eventually

HTML = {"Accept": "text/html"}
STREAMS = ("/events", "/runs/1/events")


def urls(served: Served) -> dict[str, set[str]]:
    """Every path of the application with an id in it, and the methods that its routes name."""
    found: dict[str, set[str]] = {}
    for route in iter_route_contexts(served.app.routes):
        path = (route.path or "").replace("{version}", static_version()).replace("{name:path}", "style.css")
        path = re.sub(r"\{\w+\}", "1", path.replace("{name}/test", "mnist/test"))
        found.setdefault(path, set()).update(route.methods or ())
    return found


@pytest.fixture(scope="module")
def paths(standing: Served) -> dict[str, set[str]]:
    """The paths of the application that this module shares."""
    return urls(standing)


@pytest.mark.parametrize("headers", [{}, HTML], ids=["json", "page"])
def test_every_url_answers_head_like_get_without_a_body(
    standing: Served, paths: dict[str, set[str]], headers: dict[str, str]
) -> None:
    readable = [path for path, methods in paths.items() if "GET" in methods]
    assert {"/", "/runs", "/runs/1", "/docs", "/favicon.ico", "/openapi.json", *STREAMS} <= set(readable)
    for path in readable:
        head = standing.client.head(path, headers=headers)
        with standing.client.stream("GET", path, headers=headers) as get:
            assert head.status_code == get.status_code, path
            assert head.headers.get("etag") == get.headers.get("etag"), path
            assert shown(head, path) == shown(get, path), path
        assert head.content == b""


def shown(answer: httpx.Response, path: str) -> dict[str, str]:
    """The headers that say something of the content; metrics such as CPU time change between two requests."""
    changing = ("date", "content-length") if path == "/metrics" else ("date",)
    return {name: value for name, value in answer.headers.items() if name not in changing}


@pytest.fixture
def _uncollected() -> Iterator[None]:
    """Nothing ends because it happens to be collected."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("_uncollected")
def test_a_stream_is_not_kept_open_by_head(standing: Served) -> None:
    for path in STREAMS:
        assert standing.client.head(path).headers["content-type"].startswith("text/event-stream")
    eventually(lambda: standing.app.state.events.clients == 0)


@pytest.mark.parametrize("headers", [{}, HTML], ids=["json", "page"])
def test_options_and_405_list_all_methods_of_a_url(
    standing: Served, paths: dict[str, set[str]], headers: dict[str, str]
) -> None:
    for path, methods in paths.items():
        expected = methods | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set())
        options = standing.client.options(path, headers=headers)
        assert options.status_code == 204, path
        assert set(options.headers["allow"].split(", ")) == expected, path
        for method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "FROB"} - expected:
            refused = standing.client.request(method, path, headers=headers)
            assert refused.status_code == 405, (method, path)
            assert refused.headers["allow"] == options.headers["allow"]
            assert "content-security-policy" in refused.headers


def test_unchanged_content_is_a_304_for_head_too(standing: Served) -> None:
    etag = standing.client.head("/runs").headers["etag"]
    assert standing.client.head("/runs", headers={"If-None-Match": etag}).status_code == 304


def test_an_unknown_path_has_no_methods(standing: Served) -> None:
    for method in ("HEAD", "OPTIONS", "PUT"):
        assert standing.client.request(method, "/nowhere").status_code == 404


def test_the_openapi_document_has_no_head_operations(standing: Served) -> None:
    described = standing.client.get("/openapi.json").json()["paths"]
    assert not {method for methods in described.values() for method in methods} & {"head", "options"}


def test_another_method_is_not_allowed(unchanged: httpx.Client) -> None:
    answer = unchanged.put("/runs/1", json={})
    problem(answer, 405)
    assert "GET" in answer.headers["allow"]
