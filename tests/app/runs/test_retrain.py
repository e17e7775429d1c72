"""Runs that are trained again."""

from tests.app.conftest import Served
from tests.app.states import failed_run, finished_run, shown


def test_a_run_trained_again_takes_its_place_in_the_study(server: Served) -> None:
    old = finished_run(server.database, depth=2, seed=7)
    study = server.client.post(
        "/studies", json={"depth": [2], "seed": [7], "epochs": 3, "reuse": True}
    ).json()
    assert study["runs"] == [old]
    answer = server.client.post(
        "/compare/again",
        data={"ids": f"{old}", "selection": f"?study={study['id']}"},
        headers={"Accept": "text/html"},
        follow_redirects=False,
    )
    assert answer.headers["location"] == f"/compare?study={study['id']}"
    (new,) = server.client.get(f"/studies/{study['id']}").json()["runs"]
    assert new != old
    again = shown(server.database, new)
    assert (again.status, again.depth, again.seed) == ("queued", 2, 7)
    assert shown(server.database, old).status == "finished"


def test_only_finished_runs_are_trained_again(server: Served) -> None:
    failed = failed_run(server.database)
    answer = server.client.post(
        "/compare/again",
        data={"ids": f"{failed}", "selection": f"?runs={failed}"},
        headers={"Accept": "text/html"},
        follow_redirects=False,
    )
    assert answer.headers["location"] == f"/compare?runs={failed}"
