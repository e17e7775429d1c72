"""The runs and the grouping that a comparison is asked for."""

import pytest

from app.compare.selection import Selection
from app.runs.listing.errors import QueryError
from app.runs.studies import create_study
from app.schemas.studies import StudyRequest
from app.storage.database import Database
from tests.app.compare.findings import found_in
from tests.app.states import ROOM, finished_run, queue_run, study_of
from tests.backends import on_both


@on_both
def test_a_selection_is_runs_or_a_study_or_both(database: Database) -> None:
    with database.write() as session:
        study = create_study(session, StudyRequest.model_validate({"depth": [1, 2]}), limit=ROOM)
    lone = queue_run(database)
    with database.read() as session:

        def meant(*parameters: tuple[str, str]) -> list[int]:
            return Selection.parse(parameters, strict=True).run_ids(session)

        assert meant(("runs", "3,1, 3")) == [3, 1]
        assert meant(("study", str(study.id))) == study.runs
        assert meant(("runs", f"{lone},1"), ("study", str(study.id))) == [lone, 1, 2]
        assert meant(("study", "77")) == []


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        ([], "runs"),
        ([("runs", "")], "runs"),
        ([("runs", "a")], "runs"),
        ([("runs", "1,2.5")], "runs"),
        ([("runs", "9" * 40)], "runs"),
        ([("runs", "9" * 5000)], "runs"),
        ([("study", "x")], "study"),
        ([("study", "1,2")], "study"),
        ([("runs", "1"), ("sort", "id")], "sort"),
    ],
)
def test_a_malformed_selection_is_refused_by_name(parameters: list[tuple[str, str]], name: str) -> None:
    with pytest.raises(QueryError) as caught:
        Selection.parse(parameters, strict=True)
    assert caught.value.parameter == name


def test_pages_take_an_empty_selection_and_ignore_other_parameters() -> None:
    assert Selection.parse([], strict=False) == Selection([], None)
    assert Selection.parse([("runs", "2"), ("theme", "dark")], strict=False) == Selection([2], None)


@pytest.mark.parametrize(
    ("text", "margin"), [("0.25", 0.0025), ("1", 0.01), (" 0.01 ", 0.0001), ("10", 0.1), ("5e-1", 0.005)]
)
def test_a_margin_is_given_in_percentage_points(text: str, margin: float) -> None:
    for strict in (True, False):
        found = Selection.parse([("runs", "1"), ("margin", text)], strict=strict)
        assert found.margin == pytest.approx(margin)


def test_without_a_margin_it_is_a_quarter_of_a_point() -> None:
    for parameters in ([("runs", "1")], [("runs", "1"), ("margin", "")]):
        assert Selection.parse(parameters, strict=True).margin == 0.0025


@pytest.mark.parametrize("text", ["0", "-1", "0.009", "10.1", "nan", "inf", "-inf", "x", "0,5", "1 pp"])
def test_a_wrong_margin_names_what_is_expected(text: str) -> None:
    with pytest.raises(QueryError, match=r"expected percentage points from 0\.01 to 10\.0") as caught:
        Selection.parse([("runs", "1"), ("margin", text)], strict=True)
    assert caught.value.parameter == "margin"


def test_a_study_is_grouped_by_what_it_varies(database: Database) -> None:
    runs = [finished_run(database, 0.97, depth=2, lr=lr, seed=seed) for lr in (0.1, 0.2) for seed in (0, 1)]
    study_id = study_of(database, runs)
    assert found_in(database, Selection([], study_id)).by == ["lr"]
    assert found_in(database, Selection([], study_id, ("depth",))).by == ["depth"]


def test_selected_runs_are_grouped_by_depth_or_by_what_differs_if_they_share_one(database: Database) -> None:
    shallow, slow, deep, deep_and_slow = [
        finished_run(database, 0.97, depth=depth, lr=lr) for depth in (2, 3) for lr in (0.1, 0.2)
    ]
    found = found_in(database, Selection([shallow, slow], None))
    assert found.by == ["lr"]
    assert [row.depth for row in found.by_depth] == [2]
    assert found_in(database, Selection([shallow, deep], None)).by == ["depth"]
    assert found_in(database, Selection([shallow, slow, deep, deep_and_slow], None)).by == ["depth"]
    assert found_in(database, Selection([shallow, slow], None, ("depth",))).by == ["depth"]
    assert found_in(database, Selection([shallow], None)).by == ["depth"], "nothing differs"


def test_a_study_of_depths_and_rates_is_grouped_by_both(database: Database) -> None:
    runs = [finished_run(database, 0.97, depth=depth, lr=lr) for depth in (1, 2) for lr in (0.1, 0.2)]
    assert found_in(database, Selection([], study_of(database, runs))).by == ["depth", "lr"]


def test_the_data_set_is_added_where_there_are_several(database: Database) -> None:
    runs = [finished_run(database, 0.97, dataset=name) for name in ("mnist", "clothes")]
    assert found_in(database, Selection([*runs], None)).by == ["dataset"]
    deep = finished_run(database, 0.97, depth=2)
    assert found_in(database, Selection([*runs, deep], None)).by == ["depth", "dataset"]


def test_a_study_of_more_than_forty_groups_keeps_its_grouping(database: Database) -> None:
    rates = [place / 100 for place in range(1, 22)]
    runs = [finished_run(database, 0.97, depth=depth, lr=lr) for depth in (1, 2) for lr in rates]
    found = found_in(database, Selection([], study_of(database, runs)))
    assert (found.by, len(found.groups)) == (["depth", "lr"], 42)
    assert found.verdict.status == "final"
