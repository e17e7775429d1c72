"""Who may ask, and what every answer carries."""

import httpx
import pytest

from app.main import MAX_BODY_BYTES
from app.runs import queue
from app.settings import Settings
from app.web.security import CONTENT_SECURITY_POLICY
from tests.app.conftest import Served, answering

HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


def is_guarded(answer: httpx.Response) -> bool:
    return HEADERS.items() <= dict(answer.headers).items()


def test_the_security_policy_allows_no_external_resources() -> None:
    rules = dict(rule.split(" ", 1) for rule in CONTENT_SECURITY_POLICY.split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == "'self'"
    assert rules["frame-ancestors"] == rules["base-uri"] == "'none'"
    assert "unsafe-eval" not in CONTENT_SECURITY_POLICY
    assert "http" not in CONTENT_SECURITY_POLICY


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
@pytest.mark.parametrize(
    ("request_line", "headers", "status"),
    [
        ("GET /", {}, 307),
        ("GET /runs", {}, 200),
        ("GET /health", {}, 200),
        ("GET /runs.csv", {}, 200),
        ("GET /openapi.json", {}, 200),
        ("GET /nowhere", {}, 404),
        ("GET /runs/0", {}, 422),
        ("PUT /runs", {}, 405),
        ("POST /runs", {"Content-Type": "application/json"}, 422),
        ("POST /runs", {"Content-Type": "text/plain"}, 415),
        ("POST /runs", {"Origin": "https://elsewhere.example"}, 403),
        ("GET /runs", {"Host": "elsewhere.example"}, 400),
    ],
)
def test_every_answer_carries_the_headers(
    unchanged: httpx.Client, accept: str, request_line: str, headers: dict[str, str], status: int
) -> None:
    method, path = request_line.split()
    content = b"{}" if method == "POST" else None
    answer = unchanged.request(method, path, headers={"Accept": accept, **headers}, content=content)
    assert answer.status_code == status
    assert is_guarded(answer)
    assert "server" not in answer.headers
    if status >= 400 and (accept == "application/json" or method == "POST"):
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_304_response_has_the_security_headers(unchanged: httpx.Client) -> None:
    etag = unchanged.get("/runs").headers["etag"]
    answer = unchanged.get("/runs", headers={"If-None-Match": etag})
    assert answer.status_code == 304
    assert is_guarded(answer)


def test_an_internal_error_is_a_problem_with_security_headers(
    server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(queue, "read", broken)
    for accept, media_type in (("application/json", "application/problem+json"), ("*/*", None)):
        answer = server.client.get("/queue", headers={"Accept": accept})
        assert answer.status_code == 500
        assert is_guarded(answer)
        assert "secret" not in answer.text
        assert media_type in (None, answer.headers["content-type"])


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:8000", "localhost", "LOCALHOST:1", "[::1]", "[::1]:8000"]
)
def test_the_names_of_this_machine_are_allowed_hosts(unchanged: httpx.Client, host: str) -> None:
    assert unchanged.get("/health", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "elsewhere.example",
        "localhost.elsewhere.example",
        "elsewhere.example:8000",
        "127.0.0.1.elsewhere.example",
        "127.0.0.2",
        "0.0.0.0",  # noqa: S104  # a name that is refused
        "[::2]:8000",
        "[::1",
        "[::1]elsewhere.example",
        "localhost@elsewhere.example",
        "localhost:80:80",
        "www.localhost",
        "",
    ],
)
def test_other_names_are_refused(unchanged: httpx.Client, host: str) -> None:
    for path in ("/health", "/runs", "/events"):
        answer = unchanged.get(path, headers={"Host": host})
        assert answer.status_code == 400
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_wildcard_pattern_allows_only_subdomains(settings: Settings) -> None:
    allowed = settings.model_copy(update={"allowed_hosts": "*.lab.example"})
    with answering(allowed) as site:
        names = ("a.lab.example", "a.b.LAB.example:8000", "lab.example", "mylab.example", "a.lab.example.org")
        answers = {name: site.client.get("/health", headers={"Host": name}).status_code for name in names}
    assert list(answers.values()) == [200, 200, 400, 400, 400], answers


def test_an_asterisk_allows_every_host_name(settings: Settings) -> None:
    with answering(settings.model_copy(update={"allowed_hosts": "*"})) as site:
        assert site.client.get("/health", headers={"Host": "elsewhere.example"}).status_code == 200


@pytest.mark.parametrize(
    "origin",
    [
        "https://elsewhere.example",
        "http://127.0.0.1:1",
        "http://127.0.0.1",
        "null",
        "",
        "http://",
        "http://[::1",
        "http://[zz]:80",
        "http://127.0.0.1:port",
        "\x01",
        "127.0.0.1",
    ],
)
def test_a_page_of_another_site_changes_nothing(unchanged: httpx.Client, origin: str) -> None:
    for request_line in ("POST /runs", "POST /runs/bulk", "PATCH /runs/1", "DELETE /runs/1"):
        method, path = request_line.split()
        answer = unchanged.request(method, path, headers={"Origin": origin}, json={"depth": 1})
        assert answer.status_code == 403
        assert answer.headers["content-type"] == "application/problem+json"
    form = unchanged.post("/runs", headers={"Origin": origin}, data={"depth": "1"})
    assert form.status_code == 403


def test_pages_of_this_server_and_programs_can_make_changes(server: Served) -> None:
    for headers in ({}, {"Origin": server.url}, {"Origin": server.url.upper()}):
        assert server.client.post("/runs", json={"depth": 1}, headers=headers).status_code == 201


def test_reading_needs_no_origin_and_other_sites_cannot_read(unchanged: httpx.Client) -> None:
    answer = unchanged.get("/runs", headers={"Origin": "https://elsewhere.example"})
    assert answer.status_code == 200
    assert not [name for name in answer.headers if name.startswith("access-control")]
    preflight = unchanged.options(
        "/runs",
        headers={"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "POST"},
    )
    assert preflight.status_code == 204
    assert not [name for name in preflight.headers if name.startswith("access-control")]


@pytest.mark.parametrize("media_type", ["application/json", "application/x-www-form-urlencoded"])
def test_a_body_that_is_too_large_is_refused(unchanged: httpx.Client, media_type: str) -> None:
    """Whether its length is said before or not."""
    large = b"x" * (MAX_BODY_BYTES + 1)
    headers = {"Content-Type": media_type, "Connection": "close"}
    for content in (large, iter([large])):
        answer = unchanged.post("/runs", content=content, headers=headers)
        assert answer.status_code == 413
        assert is_guarded(answer)
