"""What tests of the JSON contract ask the server, and the shape that its errors must have."""

from typing import Any

import httpx

HUGE = "99999999999999999999"


def post(client: httpx.Client, path: str, **body: Any) -> httpx.Response:
    return client.post(path, json=body)


def created(client: httpx.Client, **body: Any) -> dict[str, Any]:
    """Create a run and return it as JSON."""
    answer = post(client, "/runs", **{"depth": 1, **body})
    assert answer.status_code == 201, answer.text
    run: dict[str, Any] = answer.json()
    return run


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The error in a response, which must have the documented shape."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = answer.json()
    assert found.keys() == {"type", "title", "status", "detail", "errors"}
    assert found["status"] == status
    assert found["detail"]
    assert all(each.keys() == {"loc", "msg"} for each in found["errors"])
    return found


def places(answer: httpx.Response) -> list[list[Any]]:
    """The places where a request violates the contract."""
    return [each["loc"] for each in problem(answer, 422)["errors"]]
