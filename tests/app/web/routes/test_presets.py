"""Presets of the form through the API."""

import httpx


def test_presets_are_saved_listed_overwritten_and_deleted(client: httpx.Client) -> None:
    built_in = client.get("/presets").json()["presets"]
    assert {preset["id"] for preset in built_in} == {None}
    made = client.post("/presets", json={"name": "Mine", "query": "depth=1-3&lr=0.001-0.1 log 5"})
    assert (made.status_code, made.headers["location"]) == (201, "/runs/new?preset=1")
    assert made.json()["query"] == "depth=1-3&lr=0.001-0.1+log+5"
    other = {"name": "Mine", "query": "depth=2"}
    refused = client.post("/presets", json=other)
    assert (refused.status_code, "overwrite it" in refused.json()["detail"]) == (409, True)
    assert client.post("/presets", json=other | {"overwrite": True}).json()["id"] == 1
    assert [each["query"] for each in client.get("/presets").json()["presets"][len(built_in) :]] == [
        "depth=2"
    ]
    assert client.delete("/presets/1").status_code == 204
    assert client.delete("/presets/1").status_code == 404
    assert client.get("/presets").json()["presets"] == built_in


def test_an_unknown_field_is_refused(client: httpx.Client) -> None:
    answer = client.post("/presets", json={"name": "Mine", "query": "deep=3"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["loc"] == ["query"]
