"""What is offered to settle what a verdict leaves open."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from sqlmodel import col, select

from app.compare.inference import looks
from app.compare.inference.needs import needs
from app.compare.inference.standing import Standing
from app.compare.offers import in_words, next_runs
from app.queue import actions
from app.runs import studies
from app.schemas.compare.comparison import Findings, Offer
from app.schemas.studies import MoreRuns
from app.storage.database import Database
from app.storage.tables import Epoch, Study
from tests.app import states
from tests.app.compare.findings import compared, compared_by, of_study
from tests.app.compare.judged import SAME, conclusions, depths, disjoint, of_depth
from tests.app.conftest import Served
from tests.app.states import ROOM, claimed, failed_run, queue_run, row, study_of

SETTLED = {1: [0.9700, 0.9704, 0.9702], 3: [0.9795, 0.9815, 0.9790]}
CLOSE = {**SETTLED, 2: [0.9780, 0.9800, 0.9790]}
EXPLORATORY = Standing("exploratory", None, looks.FIRST, "these runs were selected")


def finished_run(database: Database, accuracy: float, **config: Any) -> int:
    """A finished run whose test accuracy no longer rises."""
    run_id = states.finished_run(database, accuracy, **config)
    states.steady(database)
    return run_id


def trained(database: Database, accuracies: Mapping[int, Sequence[float]], **config: Any) -> list[int]:
    """Finished runs of three epochs with seeds from 0."""
    return [
        finished_run(database, accuracy, depth=depth, seed=seed, **config)
        for depth, values in sorted(accuracies.items())
        for seed, accuracy in enumerate(values)
    ]


def offered(found: Findings) -> Offer:
    assert found.offer is not None
    return found.offer


def new_seeds(offer: Offer) -> dict[str, int]:
    return {each.id: each.seeds for each in offer.groups}


def rise(database: Database, run_ids: Sequence[int], step: float) -> None:
    """Let the test accuracy of these runs rise by this step every epoch."""
    with database.write() as session:
        for epoch in session.exec(select(Epoch).where(col(Epoch.run_id).in_(run_ids))):
            epoch.test_accuracy = 0.9 + step * epoch.epoch


# More seeds for a study


def test_an_undecided_pair_gets_seeds_and_no_other_depth(database: Database) -> None:
    study_id = study_of(database, trained(database, CLOSE))
    offer = offered(of_study(database, study_id))
    assert (offer.kind, offer.url) == ("seeds", f"/studies/{study_id}/runs")
    assert [each.label for each in offer.groups] == ["2 layers", "3 layers"]
    assert offer.runs == sum(new_seeds(offer).values())
    assert offer.seconds > 0
    parts = MoreRuns.model_validate(offer.body).wanted
    asked = {depth: part.seeds for part in parts for depth in part.wanted["depth"]}
    assert {f"depth={depth}": seeds for depth, seeds in asked.items()} == new_seeds(offer)


def test_the_runs_that_may_be_needed_are_a_range_around_those_offered(database: Database) -> None:
    offer = offered(of_study(database, study_of(database, trained(database, CLOSE))))
    assert offer.runs_range
    low, high = offer.runs_range
    assert low < offer.runs
    assert high is None or offer.runs < high


def test_posting_an_offer_of_seeds_queues_exactly_these_runs(site: Served) -> None:
    study_id = study_of(site.database, trained(site.database, CLOSE))
    offer = offered(of_study(site.database, study_id))
    answer = site.client.post(offer.url, json=offer.body)
    assert answer.status_code == 201
    assert answer.json()["counts"]["queued"] == offer.runs
    queued = [row(site.database, run_id) for run_id in answer.json()["runs"][9:]]
    assert len(queued) == offer.runs
    assert {run.depth for run in queued} == {2, 3}
    assert min(run.seed for run in queued) == 3
    assert {run.epochs for run in queued} == {3}


def test_twenty_seeds_against_three_gives_seeds_to_the_few(database: Database) -> None:
    many = [0.9790 + 0.0002 * (place % 5) for place in range(20)]
    study_id = study_of(database, trained(database, {1: many, 2: [0.9780, 0.9800, 0.9790]}))
    found = of_study(database, study_id)
    assert found.verdict.pairs[0].answer == "undecided"
    seeds = new_seeds(offered(found))
    assert set(seeds) == {"depth=2"}
    assert offered(found).runs == seeds["depth=2"]


def test_a_group_with_the_larger_spread_gets_more_seeds(database: Database) -> None:
    wide, narrow = [0.9780, 0.9810, 0.9795], [0.97945, 0.97955, 0.97950]
    study_id = study_of(database, trained(database, {1: narrow, 2: wide, 3: [0.9791, 0.9803, 0.9797]}))
    offer = offered(of_study(database, study_id))
    seeds = new_seeds(offer)
    assert seeds["depth=2"] > seeds["depth=3"] > seeds.get("depth=1", 0)
    assert len(offer.body["parts"]) == len(set(seeds.values())), "equal numbers share a part"


def test_single_seeds_get_two_more_everywhere(database: Database) -> None:
    study_id = study_of(database, trained(database, {1: [0.97], 2: [0.98], 3: [0.98, 0.981, 0.982]}))
    offer = offered(of_study(database, study_id))
    assert offer.body == {"parts": [{"seeds": 2, "only": {"depth": [1, 2]}}]}
    assert (offer.runs, offer.runs_range) == (4, None)


def test_configurations_of_several_hyperparameters_are_parts_of_their_own(site: Served) -> None:
    runs = [
        finished_run(site.database, 0.97 + rate / 100 + seed / 1000, depth=depth, lr=rate, seed=seed)
        for depth in (1, 2)
        for rate in (0.1, 0.2)
        for seed in range(1 if rate == 0.1 else 2)
    ]
    study_id = study_of(site.database, runs)
    offer = offered(of_study(site.database, study_id, ["depth", "lr"]))
    assert offer.body == {
        "parts": [{"seeds": 2, "only": {"depth": [depth], "lr": [0.1]}} for depth in (1, 2)]
    }
    answer = site.client.post(offer.url, json=offer.body).json()
    queued = [row(site.database, run_id) for run_id in answer["runs"][len(runs) :]]
    assert [(run.depth, run.lr, run.seed) for run in queued] == [
        (depth, 0.1, seed) for depth in (1, 2) for seed in (1, 2)
    ]


def test_paired_groups_get_the_same_seeds(database: Database) -> None:
    rates = {0.05: [0.9700, 0.9760, 0.9820], 0.1: [0.9713, 0.9758, 0.9831]}
    runs = [
        finished_run(database, accuracy, depth=1, lr=rate, seed=seed)
        for rate, values in rates.items()
        for seed, accuracy in enumerate(values)
    ]
    found = of_study(database, study_of(database, runs), ["lr"])
    assert found.verdict.pairs[0].paired
    seeds = new_seeds(offered(found))
    assert set(seeds) == {"lr=0.05", "lr=0.1"}
    assert len(set(seeds.values())) == 1


def test_new_seeds_are_fresh_where_some_of_a_group_failed(site: Served) -> None:
    runs = trained(site.database, {1: [0.97], 2: [0.98]})
    runs.append(failed_run(site.database, depth=2, seed=1))
    study_id = study_of(site.database, runs)
    offer = offered(of_study(site.database, study_id))
    answer = site.client.post(offer.url, json=offer.body).json()
    queued = [row(site.database, run_id) for run_id in answer["runs"][3:]]
    assert sorted((run.depth, run.seed) for run in queued) == [(1, 2), (1, 3), (2, 2), (2, 3)]
    assert len(queued) == offer.runs


# More epochs


def test_more_epochs_come_before_seeds_where_groups_still_improve(site: Served) -> None:
    runs = trained(site.database, CLOSE)
    rise(site.database, runs[:6], 0.0)
    rise(site.database, runs[6:], 0.005)
    study_id = study_of(site.database, runs)
    found = of_study(site.database, study_id)
    assert found.verdict.still_improving
    offer = offered(found)
    assert (offer.kind, offer.url) == ("epochs", "/studies")
    assert offer.body == {"depth": [1, 2, 3], "epochs": [6], "seed": [0, 1, 2], "follows": study_id}
    assert (offer.runs, offer.runs_range, new_seeds(offer)) == (
        9,
        None,
        {"depth=1": 3, "depth=2": 3, "depth=3": 3},
    )
    study = site.client.post(offer.url, json=offer.body).json()
    assert study["counts"]["queued"] == offer.runs
    with site.database.read() as session:
        new = session.get(Study, study["id"])
        assert new
        assert new.look == 2, "results of the study that it follows were visible"


def test_single_seeds_that_still_improve_are_offered_epochs_and_not_seeds(database: Database) -> None:
    runs = trained(database, {1: [0.97], 2: [0.98]})
    rise(database, runs, 0.005)
    found = of_study(database, study_of(database, runs))
    assert offered(found).kind == "epochs"
    assert found.verdict.answer[0].endswith("Still improving at this budget: more epochs could change this.")
    states.steady(database)
    assert offered(of_study(database, 1)).kind == "seeds"


def test_an_exploration_that_still_improves_gets_a_study_that_follows_none(database: Database) -> None:
    runs = trained(database, CLOSE)
    rise(database, runs[6:], 0.005)
    offer = offered(compared(database, *runs))
    assert offer.kind == "epochs"
    assert "follows" not in offer.body


def test_no_more_epochs_than_a_run_may_have_are_offered(database: Database) -> None:
    groups = [
        of_depth(depth, values, epochs=[10_000] * 3, epochs_done=[10_000] * 3)
        for depth, values in {1: CLOSE[2], 2: CLOSE[3]}.items()
    ]
    recent = {
        run.id: [0.97, 0.97 + (run.id > 199) * 0.01, 0.97 + (run.id > 199) * 0.02]
        for group in groups
        for run in group.runs
    }
    found = conclusions(groups, recent=recent)
    assert found.still_changing
    with database.read() as session:
        assert next_runs(session, found, needs(found), groups, None).offer is None


def test_groups_by_epochs_are_not_offered_other_epochs(database: Database) -> None:
    runs = [
        finished_run(database, accuracy, depth=1, epochs=epochs, seed=seed)
        for epochs, values in {1: CLOSE[2], 2: CLOSE[3]}.items()
        for seed, accuracy in enumerate(values)
    ]
    found = compared_by(database, runs, ["epochs"])
    assert found.verdict.still_improving
    assert offered(found).kind == "study"


# A new study for an exploration


def test_an_exploration_gets_a_study_of_the_best_with_new_seeds(site: Served) -> None:
    runs = trained(site.database, CLOSE)
    found = compared(site.database, *runs)
    assert found.verdict.status == "exploratory"
    offer = offered(found)
    assert (offer.kind, offer.url, offer.runs_range) == ("study", "/studies", None)
    seeds = new_seeds(offer)
    assert set(seeds) == set(found.verdict.best) == {"depth=2", "depth=3"}
    (count,) = set(seeds.values())
    assert offer.body == {"depth": [2, 3], "epochs": [3], "seed": list(range(3, 3 + count))}
    assert offer.runs == 2 * count
    study = site.client.post(offer.url, json=offer.body).json()
    assert study["counts"]["queued"] == offer.runs
    assert not set(study["runs"]) & set(runs), "the runs that suggested the question do not answer it"


def test_a_new_study_contains_groups_that_had_seeds_enough(database: Database) -> None:
    many = [0.9790 + 0.0002 * (place % 5) for place in range(20)]
    offer = offered(compared(database, *trained(database, {1: many, 2: [0.9780, 0.9800, 0.9790]})))
    assert offer.body["depth"] == [1, 2], "a study of one depth compares nothing"
    assert min(offer.body["seed"]) == 20


def test_a_new_study_for_single_seeds_has_three_of_each(database: Database) -> None:
    offer = offered(compared(database, *trained(database, {1: [0.97], 2: [0.98, 0.981, 0.982]})))
    assert offer.body == {"depth": [1, 2], "epochs": [3], "seed": [3, 4, 5]}


def test_a_study_in_another_grouping_is_an_exploration(database: Database) -> None:
    runs = [
        finished_run(database, 0.97 + seed / 1000 + depth / 10_000, depth=depth, width=width, seed=seed)
        for depth, width in ((1, 512), (2, 512), (2, 256))
        for seed in range(2)
    ]
    found = of_study(database, study_of(database, runs[:4]), ["depth", "width"])
    assert found.verdict.status == "exploratory"
    assert offered(found).kind == "study"


def test_groups_that_are_no_grid_get_no_study(database: Database) -> None:
    runs = [
        finished_run(database, 0.97 + seed / 500, depth=depth, lr=rate, seed=seed)
        for depth, rate in ((1, 0.1), (2, 0.2))
        for seed in range(3)
    ]
    found = compared_by(database, runs, ["depth", "lr"])
    assert found.verdict.pairs[0].answer == "undecided"
    assert found.offer is None


# Nothing


def test_nothing_is_offered_to_a_study_where_everything_is_settled(database: Database) -> None:
    found = of_study(database, study_of(database, trained(database, SETTLED)))
    assert found.verdict.best == ["depth=3"]
    assert (found.offer, found.pending) == (None, 0)
    explored = offered(compared(database, *[run.id for run in found.runs]))
    assert (explored.kind, new_seeds(explored)) == ("study", {"depth=1": 3, "depth=3": 3})


def test_nothing_is_offered_while_runs_are_queued_or_training(database: Database) -> None:
    runs = trained(database, CLOSE)
    study_id = study_of(database, runs)
    body = MoreRuns.model_validate({"seeds": 2, "only": {"depth": [2]}})
    with database.write() as session:
        studies.add_seeds(session, study_id, body.wanted, limit=ROOM)
    claimed(database)
    found = of_study(database, study_id)
    assert (found.offer, found.pending) == (None, 2)
    with database.write() as session:
        studies.cancel_study(session, study_id)
    assert compared(database, *runs).pending == 0


def test_runs_elsewhere_do_not_hold_an_offer_back(database: Database) -> None:
    study_id = study_of(database, trained(database, CLOSE))
    queue_run(database, depth=2, seed=9)
    assert of_study(database, study_id).offer is not None


def test_nothing_is_offered_where_the_images_can_not_resolve_the_margin(database: Database) -> None:
    groups = depths(SAME)
    blunt = conclusions(groups, EXPLORATORY, correct=disjoint(groups))
    assert [pair.resolvable for pair in blunt.pairs] == [False]
    with database.read() as session:
        assert next_runs(session, blunt, needs(blunt), groups, None).offer is None
        wide = conclusions(groups, EXPLORATORY, margin=0.0045, correct=disjoint(groups))
        assert wide.pairs[0].answer == "equivalent"
        between = conclusions(depths({5: SAME[5], 6: [0.979, 0.983, 0.981]}), EXPLORATORY)
        assert next_runs(session, between, needs(between), groups, None).offer is not None, (
            "seeds alone would settle it"
        )


def test_nothing_is_offered_where_a_hundred_seeds_are_too_few(database: Database) -> None:
    study_id = study_of(database, trained(database, {1: [0.90, 0.99, 0.95], 2: [0.91, 0.98, 0.95]}))
    found = of_study(database, study_id)
    assert found.verdict.pairs[0].resolvable, "it is the seeds that are too few"
    assert found.offer is None


@pytest.mark.parametrize("by", [("device_used",), ("depth", "device_used")])
def test_nothing_is_offered_for_fields_that_can_not_be_chosen(
    database: Database, by: tuple[str, ...]
) -> None:
    assert compared_by(database, trained(database, {2: CLOSE[2], 3: CLOSE[3]}), by).offer is None


def test_a_single_group_or_groups_that_can_not_be_ranked_get_no_offer(database: Database) -> None:
    assert compared(database, *trained(database, {1: [0.97, 0.98]})).offer is None
    mixed = [
        finished_run(database, 0.97 + depth / 1000, depth=depth, lr=lr, seed=1)
        for depth in (1, 2)
        for lr in (0.1, 0.2)
    ]
    assert compared(database, *mixed).offer is None


def test_a_study_that_was_emptied_offers_nothing(database: Database) -> None:
    run_id = finished_run(database, 0.97)
    study_id = study_of(database, [run_id])
    other = finished_run(database, 0.97, depth=2)
    with database.write() as session:
        actions.remove(session, run_id)
    assert of_study(database, study_of(database, [other])).offer is None
    with database.read() as session:
        assert studies.get_study(session, study_id).runs == []


# Words


def offer(kind: str, seeds: Sequence[int], **fields: Any) -> Offer:
    """An offer of a run that takes a minute for each seed."""
    return Offer.model_validate(
        {
            "kind": kind,
            "groups": [
                {"id": f"depth={depth}", "label": f"{depth} layers", "seeds": count}
                for depth, count in enumerate(seeds, 2)
            ],
            "runs": sum(seeds),
            "runs_range": None,
            "seconds": 60.0 * sum(seeds),
            "seconds_range": (30.0 * sum(seeds), 120.0 * sum(seeds)),
            "basis": "a run of this machine",
            "url": "/studies",
            "body": {},
        }
        | fields
    )


@pytest.mark.parametrize(
    ("given", "start", "end"),
    [
        (offer("seeds", [4, 4]), "Queue 4 more seeds each for 2 and 3 layers: 8 runs, ", ")"),
        (offer("seeds", [1]), "Queue 1 more seed for 2 layers: 1 run, ", ")"),
        (
            offer("seeds", [4, 6], runs_range=(5, 21)),
            "Queue 4 to 6 more seeds for 2 and 3 layers: 10 runs (80 % range 5 to 21), ",
            ")",
        ),
        (offer("seeds", [4], runs_range=(4, 4)), "Queue 4 more seeds for 2 layers: 4 runs, ", ")"),
        (
            offer("study", [5, 5]),
            "Test this in a new study with 5 new seeds each for 2 and 3 layers: 10 runs, ",
            ")",
        ),
        (
            offer("epochs", [3, 3], body={"epochs": [40]}),
            "Train for 40 epochs in a new study: 6 runs, ",
            ")",
        ),
    ],
)
def test_an_offer_says_what_it_costs(given: Offer, start: str, end: str) -> None:
    words = in_words(given)
    assert words.startswith(start)
    assert words.endswith(end)
    assert "min" in words
