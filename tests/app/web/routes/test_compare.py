"""Comparisons for programs: findings, and tables of curves."""

from tests.app.conftest import Served
from tests.app.states import finished_run, queue_run
from tests.app.web.routes.test_runs import table


def test_a_comparison_over_http(site: Served) -> None:
    for depth in (1, 2):
        for seed in (0, 1):
            finished_run(site.database, 0.9 + depth / 100 + seed / 1000, depth=depth, seed=seed)
    answer = site.client.get("/compare?runs=1,2,3,4,99")
    assert answer.status_code == 200
    found = answer.json()
    keys = {"runs", "by_depth", "by", "members", "groups", "curves", "reference", "verdict", "warnings"}
    assert found.keys() == keys | {"differences", "offer", "pending", "repeats", "confounders"}
    first = found["by_depth"][0]
    assert first.keys() == {"depth", "n", "parameters", "train_accuracy", "test_accuracy", "train_seconds"}
    assert first["test_accuracy"].keys() == {"mean", "std", "min", "max", "ci95"}
    assert len(first["test_accuracy"]["ci95"]) == 2
    assert found["curves"]["1"]["epoch"] == [1, 2, 3]
    assert found["reference"][0] == {
        "depth": 1,
        "train_accuracy": 0.9222,
        "test_accuracy": 0.9223,
        "seconds": 104.36,
    }
    assert found["verdict"]["sentences"]
    assert found["verdict"]["pairs"][0]["depths"] == [1, 2]
    assert found["warnings"] == ["Run 99 was not found and is ignored."]


def test_curves_as_a_table(site: Served) -> None:
    done = finished_run(site.database, epochs=2)
    queue_run(site.database)
    lines = table(site.client.get("/compare.csv?runs=1,2"))
    assert [(line["run_id"], line["epoch"]) for line in lines] == [(str(done), "1"), (str(done), "2")]
    assert lines[0]["run_name"] == "1 layer, 2 epochs, seed 0"
    assert lines[1]["train_loss"] == "1.0"
