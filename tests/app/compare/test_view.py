"""A comparison as its page shows it: a baseline, and what differs from it."""

import re

from app.compare.groups import AXES
from app.compare.view import Axes, Parameters, title, versus, view
from app.prose import in_points
from app.storage.database import Database
from tests.app.compare.findings import compared, compared_by
from tests.app.compare.near_rates import of_rates
from tests.app.conftest import Served
from tests.app.states import finished_run


def test_the_baseline_is_found_by_its_key_and_by_the_label_of_old_addresses(database: Database) -> None:
    found = compared_by(database, of_rates(database), ["lr"])
    for asked, pinned in (
        ("lr=0.30000000000000004", 1),
        ("lr 0.30000000000000004", 1),
        ("lr=0.3", 0),
        ("lr 0.3", 0),
    ):
        context = view(found, asked)
        assert context["baseline"] is found.groups[pinned]
        assert list(context["versus"]) == [found.groups[1 - pinned].id]
    assert view(found, "lr=0.4")["baseline"] is None
    against = versus(found.verdict, found.groups[1], found.groups)["lr=0.3"]
    assert against.difference == f"{in_points(-0.01)}, not tested"


def test_a_group_that_ties_with_the_baseline_is_called_equal(database: Database) -> None:
    ids = [finished_run(database, 1.0, depth=depth) for depth in (1, 2)]
    found = compared(database, *ids)
    assert versus(found.verdict, found.groups[0], found.groups)["depth=2"].difference == "0.00 pp, equal"


def test_the_page_pins_the_group_that_was_pressed(site: Served) -> None:
    of_rates(site.database)
    url = "/compare?runs=1,2,3,4&by=lr"
    page = site.client.get(url, headers={"Accept": "text/html"}).text
    links = re.findall(
        r'<a [^>]*data-query="baseline=([^"]+)"\s+href="([^"]+)#table"\s+aria-label="([^"]+)"', page
    )
    assert [(query, label) for query, _, label in links] == [
        ("lr%3D0.3", "Pin lr 0.3 as the baseline"),
        ("lr%3D0.30000000000000004", "Pin lr 0.30000000000000004 as the baseline"),
    ]
    pinned = site.client.get(links[1][1].replace("&amp;", "&"), headers={"Accept": "text/html"}).text
    assert 'aria-label="Unpin lr 0.30000000000000004"' in pinned
    assert 'data-baseline="lr=0.30000000000000004"' in pinned


def test_the_heading_of_a_comparison_names_its_grouping() -> None:
    assert title(["depth"]) == "Comparison by depth"
    assert title(["depth", "lr"]) == "Comparison by depth and learning rate"


def test_axes_are_split_into_differing_and_equal_hyperparameters(database: Database) -> None:
    found = compared_by(database, of_rates(database), ["depth"])
    axes = Axes.of(found)
    assert (axes.differing, "lr" in axes.same) == (["depth", "lr"], False)
    assert sorted([*axes.differing, *axes.same]) == sorted(AXES)


def test_shared_hyperparameters_are_listed_once(database: Database) -> None:
    found = compared(database, *of_rates(database), finished_run(database, depth=2, epochs=4))
    parameters = Parameters.of(found.runs)
    assert list(parameters.differing) == ["depth", "epochs", "lr", "seed"]
    assert (parameters.same["batch_size"], parameters.same["optimizer"]) == ("1024", "sgd")
    assert not {*parameters.differing} & {*parameters.same}
    assert "device" not in parameters.same, "the one that was used says more"
    assert Parameters.shown(found.runs[0], "lr") == "0.3"
