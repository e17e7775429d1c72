"""What counts as one configuration, and as the same data."""

from app.compare.groups import AXES
from app.queue import run_rows
from app.schemas.configurations import title_of, varied
from app.storage.database import Database
from tests.app.compare.findings import compared
from tests.app.compare.judged import group
from tests.app.states import finished_run


def test_the_same_images_under_two_names_are_compared_and_paired(database: Database) -> None:
    runs = {
        dataset: [
            finished_run(database, round(accuracy ** (1 + seed / 50), 4), dataset=dataset, seed=seed)
            for seed in range(3)
        ]
        for dataset, accuracy in (("mnist", 0.97), ("copied", 0.98), ("clothes", 0.88))
    }
    digests = {"mnist": "0123456789", "copied": "0123456789", "clothes": "abcdef0123"}
    with database.write() as session:
        for dataset, ids in runs.items():
            for run_id in ids:
                run_rows.get(session, run_id).environment = {"data_sha256": digests[dataset]}
    found = compared(database, *runs["mnist"], *runs["copied"]).verdict
    assert "different images" not in " ".join([*found.answer, *found.evidence])
    assert (found.best, found.pairs[0].paired) == (["depth=1,dataset=copied"], True)
    answer = compared(database, *runs["mnist"], *runs["copied"], *runs["clothes"]).verdict.answer[0]
    assert ": for copied, the best is 1 layer, with 97.96" in answer
    assert "clothes" not in answer, "nothing else used these images"
    with database.write() as session:
        run_rows.get(session, runs["copied"][0]).environment = {}
    (answer,) = compared(database, *runs["mnist"], *runs["copied"]).verdict.answer
    assert answer.startswith("These runs used different images (copied and mnist)")


def test_the_same_configuration_and_seed_counts_once(database: Database) -> None:
    first = [finished_run(database, 0.97 + seed / 1000, seed=seed) for seed in (0, 1)]
    again = [finished_run(database, 0.97 + seed / 1000, seed=seed, device="cpu") for seed in (0, 1)]
    found = compared(database, *first, *again)
    (group,) = found.groups
    assert (group.n, group.seeds, group.runs, group.mixed) == (2, 2, again, [])
    assert found.by_depth[0].n == 2
    assert found.repeats == first
    (warning,) = found.warnings
    assert warning == (
        "Runs 1, 2 have the same configurations and seeds as later runs. Only the latest run of each is used "
        "in the table and verdict."
    )
    (warning,) = compared(database, first[0], again[0]).warnings
    assert warning == (
        "Run 1 has the same configuration and seed as a later run. Only the later run is used in the table "
        "and verdict."
    )


def test_a_run_that_verifies_another_does_not_count_beside_it(database: Database) -> None:
    first = [finished_run(database, 0.97 + seed / 1000, seed=seed) for seed in (0, 1)]
    again = finished_run(database, seed=0, device="cpu")
    with database.write() as session:
        run_rows.get(session, again).verifies = first[0]
    found = compared(database, *first, again)
    assert found.repeats == [again]
    assert found.groups[0].runs == first
    assert f"Run {again} verifies another run and is not used in the table and verdict." in found.warnings
    assert compared(database, first[1], again).groups[0].runs == [first[1], again]


def test_devices_of_one_kind_are_alike(database: Database) -> None:
    runs = [finished_run(database, seed=seed) for seed in range(2)]
    with database.write() as session:
        for run_id in runs:
            run_rows.get(session, run_id).device_used = f"cuda:{run_id}"
    found = compared(database, *runs)
    assert (found.groups[0].mixed, found.warnings) == ([], [])


def test_titles_of_axes_are_unique() -> None:
    titles = {name: title_of(name) for name in AXES}
    assert titles["lr"] == "Learning rate"
    assert len(set(titles.values())) == len(titles)


def test_a_study_is_grouped_by_the_hyperparameters_in_which_its_runs_differ() -> None:
    assert varied(group({"depth": 1}, [0.9, 0.9]).runs) == ["depth"]
    assert varied(group({"lr": 0.1}, [0.9, 0.9], lr=[0.1, 0.2]).runs) == ["lr"]
    assert varied(group({"lr": 0.1}, [0.9, 0.9], device_used=["cpu", "cuda"]).runs) == ["depth"]
