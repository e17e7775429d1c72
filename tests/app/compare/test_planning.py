"""What the form says that a planned study can show."""

import re

import pytest

from tests.app.conftest import Served
from tests.app.states import finished_run


@pytest.fixture
def past(site: Served) -> Served:
    """Two depths with three seeds each, without predictions."""
    for depth, values in ((1, (0.920, 0.921, 0.922)), (2, (0.970, 0.972, 0.974))):
        for seed, accuracy in enumerate(values):
            finished_run(site.database, accuracy, depth=depth, seed=seed)
    return site


def can_show(site: Served, **body: object) -> str:
    answer = site.client.post("/studies/preview", json=body)
    assert answer.status_code == 200
    found: str = answer.json()["can_show"]
    return found


def points(sentence: str) -> float:
    """The difference that a sentence names."""
    found = re.search(r"differences of ([\d.]+) pp", sentence)
    assert found, sentence
    return float(found[1])


def test_a_study_can_show_smaller_differences_with_more_seeds_and_larger_ones_with_more_depths(
    past: Served,
) -> None:
    few = can_show(past, depth=[1, 2], seed=[0, 1, 2])
    assert few.startswith("3 seeds × 2 configurations can show differences of ")
    assert "on the same test images (80 % power, estimated from 6 past runs)" in few
    many = can_show(past, depth=[1, 2], seed=list(range(10)))
    deeper = can_show(past, depth=[1, 2, 3, 4, 5], seed=[0, 1, 2])
    assert points(many) < points(few) < points(deeper)


def test_a_study_of_runs_that_have_finished_is_another_look_and_shows_less(past: Served) -> None:
    seen, new = (can_show(past, depth=[1, 2], seed=seeds, epochs=3) for seeds in ([0, 1, 2], [7, 8, 9]))
    assert points(new) < points(seen)


def test_one_seed_shows_nothing_and_the_form_says_so(past: Served) -> None:
    assert can_show(past, depth=[1, 2], seed=[0]) == (
        "1 seed × 2 configurations: one seed per configuration can't show a difference. Use at least 3 seeds."
    )


def test_without_several_configurations_nothing_is_said(past: Served) -> None:
    assert can_show(past, depth=[1], seed=[0, 1, 2]) == ""
    assert can_show(past, depth=[1, 2], seed=[0, 1, 2], lr=[0.05]) != ""


def test_spreads_of_other_data_say_nothing(site: Served) -> None:
    assert can_show(site, depth=[1, 2], seed=[0, 1, 2]) == ""


def test_the_form_shows_it_beside_the_estimate(past: Served) -> None:
    page = past.client.post(
        "/studies/preview", data={"depth": "1, 2", "seed": "0-2"}, headers={"accept": "text/html"}
    )
    assert "can show differences of" in page.text
