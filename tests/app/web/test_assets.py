"""Static files have versioned URLs, are cached permanently and sent compressed."""

import httpx
import pytest

from app.web import assets


def test_static_files_are_cached_permanently(client: httpx.Client) -> None:
    answer = client.get(assets.url("style.css"))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-encoding"] == "gzip"
    plain = client.get(assets.url("style.css"), headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.content == answer.content


def test_plotly_comes_from_the_installed_package(client: httpx.Client) -> None:
    answer = client.get(assets.url("plotly.min.js"))
    assert answer.status_code == 200
    assert answer.content.startswith(b"/**\n* plotly.js")
    assert int(answer.headers["content-length"]) < 2_000_000


def test_another_version_is_not_served(client: httpx.Client) -> None:
    assert client.get("/static/000000000000/style.css").status_code == 404


def test_only_static_files_are_served(client: httpx.Client) -> None:
    version = assets.static_version()
    for name in (
        "%2e%2e/pyproject.toml",
        "..%2f..%2fetc/passwd",
        "js",
        "js/nothing.js",
    ):
        assert client.get(f"/static/{version}/{name}").status_code == 404, name


@pytest.mark.parametrize(
    "name", ["%00.css", "a%0a.css", "%ff.css", f"{'a' * 300}.css", f"{'a/' * 3000}x.css"]
)
def test_a_name_invalid_in_file_systems_is_not_found(client: httpx.Client, name: str) -> None:
    for version in (assets.static_version(), "x"):
        assert client.get(f"/static/{version}/{name}").status_code == 404


def test_unknown_names_are_not_cached(client: httpx.Client) -> None:
    before = assets._content.cache_info().currsize  # noqa: SLF001
    for number in range(20):
        client.get(f"/static/{assets.static_version()}/{number}.css")
    assert assets._content.cache_info().currsize == before  # noqa: SLF001


def test_the_favicon_is_found_where_browsers_look(client: httpx.Client) -> None:
    answer = client.get("/favicon.ico", follow_redirects=True)
    assert answer.headers["content-type"] == "image/svg+xml"
