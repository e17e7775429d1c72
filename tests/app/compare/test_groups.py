"""Groups of runs: found by their keys, and named so that no two of a comparison look alike."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.compare.groups import AXES, Group, among, grouped, parted
from app.compare.view import unlike_published
from app.prose import in_points
from app.queue.names import differences
from app.schemas.runs import RunOut
from app.storage.database import Database
from tests.app.compare.findings import compared, compared_by
from tests.app.compare.near_rates import NEAR, of_rates
from tests.app.states import finished_run, queue_run
from trainer.config import TrainConfig


def test_groups_of_close_rates_have_different_labels_and_ids(database: Database) -> None:
    found = compared_by(database, of_rates(database), ["lr"])
    labels, ids = ["lr 0.3", "lr 0.30000000000000004"], ["lr=0.3", "lr=0.30000000000000004"]
    assert [(group.label, group.id, group.runs) for group in found.members] == [
        (labels[0], ids[0], [1, 2]),
        (labels[1], ids[1], [3, 4]),
    ]
    assert [(row.label, row.id) for row in found.groups] == list(zip(labels, ids, strict=True))
    (pair,) = found.verdict.pairs
    assert (list(pair.groups), list(pair.ids)) == (labels, ids)
    assert found.verdict.evidence[0].startswith("lr 0.30000000000000004 vs. lr 0.3: +1.00 pp")


def test_the_evidence_has_the_figures_of_each_pair(database: Database) -> None:
    found = compared_by(database, of_rates(database, (1, 2)), ["depth", "lr"])
    assert len({group.label for group in found.members}) == 4
    pairs = {pair.groups: pair for pair in found.verdict.pairs}
    told = [re.match(r"(.+) vs. (.+): (\S+ pp) ", line) for line in found.verdict.evidence]
    sentences = [each.groups() for each in told if each]
    assert ("1 layer, lr 0.30000000000000004", "1 layer, lr 0.3", "+1.00 pp") in sentences
    assert ("2 layers, lr 0.30000000000000004", "2 layers, lr 0.3", f"{in_points(-0.02)}") in sentences
    for second, first, figure in sentences:
        assert in_points(pairs[first, second].difference) == figure


def test_more_seeds_are_offered_for_the_rate_that_needs_them(database: Database) -> None:
    runs = of_rates(database)
    single = finished_run(database, 0.95, lr=0.5)
    found = compared_by(database, [*runs[:2], runs[2], single], ["lr"])
    assert found.offer is not None
    assert [group.label for group in found.offer.groups] == ["lr 0.3", "lr 0.30000000000000004", "lr 0.5"]
    assert found.offer.body["lr"] == [*NEAR, 0.5]


def test_a_group_keeps_its_name_where_only_some_of_its_runs_have_finished(database: Database) -> None:
    done = finished_run(database, lr=0.12345678901)
    other = queue_run(database, lr=0.12345678902)
    found = compared_by(database, [done, other], ["lr"])
    assert [group.label for group in found.members] == ["lr 0.12345678901", "lr 0.12345678902"]
    assert [row.label for row in found.groups] == ["lr 0.12345678901"]


def test_sentences_distinguish_close_values(database: Database) -> None:
    found = compared(database, *of_rates(database))
    (confounder,) = found.confounders
    assert confounder.sentence.startswith("The runs differ in learning rate (0.3, 0.30000000000000004)")
    near = 0.05000000000000001
    run = finished_run(database, lr=near)
    words = unlike_published(compared(database, run).runs)
    assert f"{near} instead of 0.05" in words


VALUES: dict[str, st.SearchStrategy[Any]] = {
    "depth": st.integers(1, 10),
    "lr": st.sampled_from([0.3, 0.1 + 0.2, 1e-05, 5e-324, 1.0, 0.1234567890123, 0.1234567890124]),
    "momentum": st.sampled_from([0.0, 0.9, 0.9000000000000001]),
    "batch_size": st.integers(1, 100),
    "optimizer": st.sampled_from(["sgd", "adam"]),
    "dataset": st.sampled_from(["sgd", "adam", "mnist"]),
    "device_used": st.sampled_from([None, "cpu", "cuda:0", "cuda:1"]),
    "data_version": st.sampled_from([None, "adam", "0a1b2c3d"]),
}


@given(st.lists(st.fixed_dictionaries(VALUES), min_size=1, max_size=8), st.permutations(list(VALUES)))
def test_labels_and_ids_of_groups_are_unique(keys: list[dict[str, Any]], order: list[str]) -> None:
    base = dict.fromkeys(RunOut.model_fields) | TrainConfig(depth=1).model_dump()
    runs = [RunOut.model_construct(None, **base | key | {"id": place}) for place, key in enumerate(keys)]
    for count in (1, 2, len(order)):
        groups = grouped(runs, order[:count])
        for names in ([group.label for group in groups], [group.id for group in groups]):
            assert len(set(names)) == len(groups)
        assert sorted(run.id for group in groups for run in group.runs) == list(range(len(runs)))


def test_ids_of_groups_are_valid_in_urls() -> None:
    key = {"depth": 3, "lr": 0.1, "dataset": "a,b=c&d", "device_used": None}
    assert Group(key, [], "").id == "depth=3,lr=0.1,dataset=a%2Cb%3Dc%26d,device_used"
    assert set(VALUES) <= set(AXES)


def made(*chosen: dict[str, Any]) -> list[RunOut]:
    """Runs of one layer that differ in this."""
    base = dict.fromkeys(RunOut.model_fields) | TrainConfig(depth=1).model_dump()
    return [
        RunOut.model_construct(None, **base | {"id": place} | config) for place, config in enumerate(chosen)
    ]


@pytest.mark.parametrize(
    ("by", "values", "labels"),
    [
        ("batch_size", (64, 128), ["batch size 64", "batch size 128"]),
        ("weight_decay", (0.0, 0.1), ["weight decay 0", "weight decay 0.1"]),
        ("lr", (0.1, 0.2), ["lr 0.1", "lr 0.2"]),
        ("device_used", (None, "cpu"), ["device type not known yet", "cpu"]),
    ],
)
def test_labels_name_a_setting_by_its_title(by: str, values: tuple[Any, ...], labels: list[str]) -> None:
    assert [group.label for group in grouped(made(*({by: value} for value in values)), [by])] == labels


@pytest.mark.parametrize("kept", [[], [1], [0, 1, 2]])
def test_groups_of_fewer_runs_are_the_same_groups(kept: list[int]) -> None:
    runs = made(*({"lr": rate} for rate in (*NEAR, 0.5)))
    groups = grouped(runs, ["lr"])
    left = among(groups, [runs[place] for place in kept])
    assert [(group.key, group.label) for group in left] == [
        (groups[place].key, groups[place].label) for place in kept
    ]


def test_a_study_is_grouped_by_all_differing_hyperparameters() -> None:
    grid = [{"depth": depth, "lr": lr, "seed": seed} for depth in (1, 2) for lr in NEAR for seed in (0, 1)]
    assert parted(made(*grid)) == ("depth", "lr")
    assert parted(made({"lr": 0.1}, {"lr": 0.2})) == ("lr",)
    assert parted(made({"seed": 0}, {"seed": 1})) == ("depth",)
    assert parted(made({"device_used": "cpu"}, {"device_used": "cuda:0"})) == ("depth",)
    wide = [{"depth": depth, "lr": lr, "batch_size": 1 + lr} for depth in (1, 2) for lr in range(1, 21)]
    assert set(parted(made(*wide))) == {"depth", "lr", "batch_size"}, "forty groups"
    assert len(parted(made(*wide, {"depth": 3}))) == 1, "nobody tells more apart"


def test_runs_are_distinguished_by_all_differing_fields() -> None:
    runs = made(
        {"depth": 1, "lr": 0.05, "patience": None, "device_used": "cpu"},
        {"depth": 2, "lr": NEAR[1], "patience": 3, "device_used": None},
        {"depth": 2, "lr": NEAR[0], "patience": 5, "device_used": "cuda:1"},
    )
    assert differences(runs) == {
        0: ["1 layer", "lr 0.05", "no patience", "cpu"],
        1: ["2 layers", f"lr {NEAR[1]}", "patience 3"],
        2: ["2 layers", "lr 0.3", "patience 5", "cuda"],
    }
    assert differences(made({"seed": 0}, {"seed": 4})) == {0: ["seed 0"], 1: ["seed 4"]}
    assert differences(made({"epochs": 1})) == {0: []}
