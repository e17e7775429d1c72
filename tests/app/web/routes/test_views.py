"""JSON routes of saved views."""

import httpx

from tests.app.web.asking import problem


def test_views_are_created_read_changed_and_deleted(client: httpx.Client) -> None:
    made = client.post("/views", json={"name": "deep", "query": "depth=>3&sort=-lr"})
    assert (made.status_code, made.headers["location"]) == (201, "/views/1")
    view = made.json()
    assert (view["name"], view["query"]) == ("deep", "depth=%3E3&sort=-lr")
    assert client.get("/views").json() == {"views": [view]}
    assert client.get("/views/1").json() == view
    assert client.patch("/views/1", json={"name": "deeper"}).json() == view | {"name": "deeper"}
    replaced = client.put("/views/1", json={"name": "all", "query": ""}).json()
    assert replaced == view | {"name": "all", "query": ""}
    assert client.delete("/views/1").status_code == 204
    problem(client.get("/views/1"), 404)
    problem(client.delete("/views/1"), 404)


def test_taken_names_and_invalid_queries_are_rejected(client: httpx.Client) -> None:
    for name in ("one", "two"):
        client.post("/views", json={"name": name, "query": ""}).raise_for_status()
    assert "there is already a view named 'one'" in problem(
        client.post("/views", json={"name": "one", "query": "depth=3"}), 409
    )["detail"].replace("There", "there")
    problem(client.patch("/views/2", json={"name": "one"}), 409)
    wrong = problem(client.post("/views", json={"name": "x", "query": "q=hue:1"}), 422)
    assert wrong["errors"][0]["loc"] == ["query"]
    assert "q: there is no field 'hue'" in wrong["errors"][0]["msg"]
    problem(client.post("/views", json={"name": "x"}), 422)
