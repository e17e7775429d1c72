"""What is offered to settle what a verdict leaves open."""

from collections.abc import Mapping, Sequence

import pytest

from app.compare.comparison import compare
from app.runs import studies
from app.schemas.comparison import Findings
from app.schemas.requests import MoreRuns, StudyRequest
from app.storage.database import Database
from tests.app.states import ROOM, claimed, finished_run

CLOSE = {1: [0.9700, 0.9704, 0.9702], 2: [0.9780, 0.9800, 0.9790], 3: [0.9795, 0.9815, 0.9790]}


def trained(database: Database, accuracies: Mapping[int, Sequence[float]]) -> list[int]:
    return [
        finished_run(database, accuracy, depth=depth, seed=seed)
        for depth, values in accuracies.items()
        for seed, accuracy in enumerate(values)
    ]


def study_of(database: Database, depths: Sequence[int], seeds: int) -> int:
    """A study of runs that have finished."""
    body = {"depth": list(depths), "seed": list(range(seeds)), "epochs": 3, "reuse": True}
    with database.write() as session:
        return studies.create_study(session, StudyRequest.model_validate(body), limit=ROOM).id


def of_study(database: Database, study_id: int) -> Findings:
    with database.read() as session:
        study = studies.get_study(session, study_id)
        assert study is not None
        found = compare(session, study.runs, study_id=study_id)
    assert found is not None
    return found


def test_an_undecided_pair_gets_seeds_and_no_other_depth(database: Database) -> None:
    trained(database, CLOSE)
    study_id = study_of(database, [1, 2, 3], 3)
    found = of_study(database, study_id)
    assert found.offer is not None
    count = found.verdict.more_seeds
    assert count is not None
    assert found.offer.groups == ["2 layers", "3 layers"]
    assert (found.offer.seeds, found.offer.runs) == (count, 2 * count)
    assert found.offer.seconds > 0
    assert found.offer.url == f"/studies/{study_id}/runs"
    assert found.offer.body == {"seeds": count, "only": {"depth": [2, 3]}}
    assert MoreRuns.model_validate(found.offer.body).wanted == {"depth": [2, 3]}


def test_seeds_that_are_trained_already_are_offered_to_be_compared(database: Database) -> None:
    run_ids = trained(database, {1: [0.97, 0.98, 0.97], 2: [0.98, 0.97, 0.98]})
    with database.read() as session:
        found = compare(session, [run_ids[0], run_ids[3]])
    assert found is not None
    assert found.offer is not None
    assert (found.offer.seeds, found.offer.runs, found.offer.seconds) == (2, 0, 0.0)
    assert found.offer.body == {"depth": [1, 2], "epochs": [3], "seed": [0, 1, 2], "reuse": True}
    assert "no run" not in found.offer.basis


def test_queued_and_running_seeds_are_not_offered_again(database: Database) -> None:
    trained(database, CLOSE)
    study_id = study_of(database, [1, 2, 3], 3)
    wanted = of_study(database, study_id).verdict.more_seeds or 0
    assert wanted > 1
    with database.write() as session:
        studies.add_seeds(session, study_id, 1, {"depth": [2, 3]}, limit=ROOM)
    claimed(database)
    found = of_study(database, study_id)
    assert found.offer is not None
    assert (found.offer.seeds, found.pending) == (wanted - 1, 1)
    with database.write() as session:
        studies.add_seeds(session, study_id, wanted - 1, {"depth": [2, 3]}, limit=ROOM)
    found = of_study(database, study_id)
    assert (found.offer, found.pending) == (None, wanted)


def test_single_seeds_get_two_more_everywhere(database: Database) -> None:
    trained(database, {1: [0.97], 2: [0.98]})
    found = of_study(database, study_of(database, [1, 2], 1))
    assert found.offer is not None
    assert (found.offer.seeds, found.offer.runs, found.offer.body) == (2, 4, {"seeds": 2})


def test_runs_without_a_study_become_one_with_their_new_seeds(database: Database) -> None:
    runs = trained(database, CLOSE)
    with database.read() as session:
        found = compare(session, runs)
    assert found is not None
    assert found.offer is not None
    count = found.offer.seeds
    assert found.offer.url == "/studies"
    assert found.offer.runs == 2 * count
    assert found.offer.body == {
        "depth": [2, 3],
        "epochs": [3],
        "seed": list(range(3 + count)),
        "reuse": True,
    }
    with database.write() as session:
        study = studies.create_study(session, StudyRequest.model_validate(found.offer.body), limit=ROOM)
    assert study.counts["queued"] == 2 * count
    assert set(study.runs) > set(runs[3:])


@pytest.mark.parametrize("by", [("device_used",), ("depth", "device_used")])
def test_no_seeds_are_offered_for_properties_that_cannot_be_chosen(
    database: Database, by: tuple[str, ...]
) -> None:
    runs = trained(database, {2: CLOSE[2], 3: CLOSE[3]})
    with database.read() as session:
        found = compare(session, runs, by)
    assert found is not None
    assert found.offer is None


def test_no_seeds_are_offered_if_every_pair_is_settled(database: Database) -> None:
    found = of_study(
        database, (trained(database, {1: CLOSE[1], 3: CLOSE[3]}), study_of(database, [1, 3], 3))[1]
    )
    assert (found.offer, found.pending, found.verdict.more_seeds) == (None, 0, None)
