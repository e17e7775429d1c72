"""Tables as files: one value a cell, as exact as it is, and no formulas."""

import csv
import io
import math

import httpx
import pytest

from app.runs import export
from app.storage.database import Database
from tests.app.conftest import Served
from tests.app.states import finished_run, shown


def lines(answer: httpx.Response) -> list[dict[str, str]]:
    """The lines of a CSV answer."""
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))


def is_number(text: str) -> bool:
    """Whether a spreadsheet reads a number, without a unit or separated thousands."""
    try:
        return math.isfinite(float(text)) and not set(text) & set(" ,_%")
    except ValueError:
        return False


def test_the_table_of_groups_has_one_number_a_cell(site: Served) -> None:
    accuracies = {1: (0.9222, 0.9231), 3: (0.9801, 0.9812)}
    for depth, pair in accuracies.items():
        for seed, accuracy in enumerate(pair):
            finished_run(site.database, accuracy, depth=depth, seed=seed)
    url = "runs=1,2,3,4"
    found = lines(site.client.get(f"/compare/groups.csv?{url}"))
    groups = site.client.get(f"/compare?{url}").json()["groups"]
    assert [line["depth"] for line in found] == ["1", "3"]
    for line, group in zip(found, groups, strict=True):
        assert all(
            is_number(text) for name, text in line.items() if text and name not in ("label", "dips", "best")
        )
        assert float(line["parameters"]) == group["parameters"]
        for name in ("train_accuracy", "test_accuracy", "gap", "test_loss", "train_seconds"):
            figures = group[name]
            for part in ("mean", "std", "min", "max"):
                assert float(line[f"{name}_{part}"]) == figures[part]
            assert [float(line[f"{name}_ci95_{end}"]) for end in ("low", "high")] == figures["ci95"]
        assert float(line["test_accuracy_median"]) == group["median"]
        for name in ("train_seconds_median", "diverged"):
            assert float(line[name]) == group[name]
        assert (line["best"], line["dips"]) == (str(group["best"]), "")


def test_groups_of_other_hyperparameters_have_a_column_for_each(site: Served) -> None:
    for lr in (0.05, 0.1 + 0.2):
        finished_run(site.database, lr=lr)
    found = lines(site.client.get("/compare/groups.csv?runs=1,2&by=depth,lr"))
    assert [(line["depth"], line["lr"], line["test_accuracy_std"]) for line in found] == [
        ("1", "0.05", ""),
        ("1", "0.30000000000000004", ""),
    ]
    assert site.client.get("/compare/groups.csv?runs=9").status_code == 404


def test_the_csv_of_a_comparison_without_results_has_only_a_header(site: Served) -> None:
    site.client.post("/runs", json={"depth": 1})
    assert lines(site.client.get("/compare/groups.csv?runs=1")) == []


def test_numbers_of_layers_have_columns_of_their_own(site: Served) -> None:
    finished_run(site.database, epochs=1, depth=1)
    finished_run(site.database, epochs=1, depth=2)
    runs = lines(site.client.get("/runs.csv?sort=id"))
    sizes = [[line[f"layer_sizes_{place}"] for place in (1, 2, 3)] for line in runs]
    assert sizes == [["784", "10", ""], ["784", "512", "10"]]
    epochs = lines(site.client.get("/compare.csv?runs=1,2"))
    assert [line["gradient_norms_1"] for line in epochs] == ["0.5", "0.5"]
    assert epochs[1]["run_layer_sizes_2"] == "512"


@pytest.mark.parametrize(
    "name", ['=HYPERLINK("http://x","y")', "+1", "-1", "@SUM(A1)", "\N{FULLWIDTH EQUALS SIGN}1"]
)
def test_names_are_not_formulas_in_csv(database: Database, name: str) -> None:
    run = shown(database, finished_run(database)).model_copy(update={"name": name, "note": f"see {name}"})
    (line,) = csv.DictReader(export.runs([run], 1))
    assert line["name"] == f"'{name}"
    assert line["note"] == f"see {name}"


def test_negative_numbers_are_not_quoted_in_csv(site: Served) -> None:
    finished_run(site.database, 0.99)  # above its train accuracy
    (line,) = lines(site.client.get("/compare/groups.csv?runs=1"))
    assert float(line["gap_mean"]) == pytest.approx(-0.04)
