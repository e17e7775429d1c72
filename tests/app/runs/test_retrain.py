"""Runs that are trained again."""

from tests.app.conftest import Served
from tests.app.states import failed_run, finished_run, shown


def test_a_run_trained_again_replaces_the_old_one_in_the_study(site: Served) -> None:
    old = finished_run(site.database, depth=2, seed=7)
    study = site.client.post("/studies", json={"depth": [2], "seed": [7], "epochs": 3, "reuse": True}).json()
    assert study["runs"] == [old]
    answer = site.client.post(
        "/compare/again",
        data={"ids": f"{old}", "selection": f"?study={study['id']}"},
        headers={"Accept": "text/html"},
        follow_redirects=False,
    )
    assert answer.headers["location"] == f"/compare?study={study['id']}"
    (new,) = site.client.get(f"/studies/{study['id']}").json()["runs"]
    assert new != old
    again = shown(site.database, new)
    assert (again.status, again.depth, again.seed) == ("queued", 2, 7)
    assert shown(site.database, old).status == "finished"


def test_only_finished_runs_are_trained_again(site: Served) -> None:
    failed = failed_run(site.database)
    answer = site.client.post(
        "/compare/again",
        data={"ids": f"{failed}", "selection": f"?runs={failed}"},
        headers={"Accept": "text/html"},
        follow_redirects=False,
    )
    assert answer.headers["location"] == f"/compare?runs={failed}"
