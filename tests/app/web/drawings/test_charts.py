"""Charts of runs and groups as the server draws them."""

from sqlmodel import Session

from app.compare.comparison import compare
from app.compare.groups import grouped, members
from app.compare.selection import Selection
from app.queue import names
from app.runs import epoch_columns, reading
from app.settings import Settings
from app.storage.database import Database
from app.web.drawings import charts
from app.web.drawings.svg import Drawing
from tests.app.states import finished_run, queue_run


def curves_of(session: Session, *ids: int, metric: charts.Metric = "train_loss") -> Drawing:
    runs = reading.find_runs(session, ids)
    curves = epoch_columns.curves(session, ids, metric)
    return charts.of_groups(members(grouped(runs, ["depth"])), names.told_apart(runs), curves, metric)


def test_a_run_has_its_test_and_train_curve(database: Database) -> None:
    run_id = finished_run(database, epochs=4, depth=2)
    with database.read() as session:
        run, columns = reading.get_run(session, run_id), epoch_columns.of_run(session, run_id)
    loss = charts.of_run(run, columns, "loss")
    assert [[*line.points] for line in loss.lines] == [
        [*zip(columns.epoch, columns.test_loss, strict=True)],
        [*zip(columns.epoch, columns.train_loss, strict=True)],
    ]
    assert [(line.shade, line.dash) for line in loss.lines] == [(2, "solid"), (2, "dash")]
    assert (loss.up.title, loss.title) == ("Cross-entropy (nats)", f"Loss of {run.name}")
    assert "At the end: test: 0.5500 nats; train, mean: 0.5000 nats." in loss.description
    accuracy = charts.of_run(run, columns, "accuracy")
    assert [*accuracy.lines[0].points][-1] == (4, 85.0)
    assert accuracy.up.title == "Accuracy (%)"


def test_a_single_epoch_is_a_dot_and_none_is_an_empty_chart(database: Database) -> None:
    run_id = finished_run(database, epochs=1)
    with database.read() as session:
        run, columns = reading.get_run(session, run_id), epoch_columns.of_run(session, run_id)
    drawn = charts.of_run(run, columns, "loss")
    assert (drawn.lines, [dots.points for dots in drawn.dots]) == ([], [[(1, 2.2)], [(1, 2.0)]])
    for column in vars(columns).values():
        column.clear()
    assert charts.of_run(run, columns, "accuracy").render().count('class="line"') == 2  # of the legend


def test_groups_have_a_line_per_run_in_the_colors_of_their_groups(database: Database) -> None:
    ids = [finished_run(database, depth=depth, seed=seed) for depth in (1, 3) for seed in (0, 1)]
    with database.read() as session:
        drawn = curves_of(session, *ids, metric="test_accuracy")
    assert [line.shade for line in drawn.lines] == [1, 1, 3, 3]
    assert [[*line.points] for line in drawn.lines] == [[(1, 40.0), (2, 70.0), (3, 80.0)]] * 4
    assert [entry.name for entry in drawn.legend] == ["1 layer", "3 layers"]
    assert drawn.notes == ["One line per run: 4 runs."]


def test_a_run_that_diverged_does_not_flatten_the_others(database: Database) -> None:
    points = {run_id: [(1, 2.0), (2, 1.0)] for run_id in (1, 2, 3)} | {4: [(1, 2.0), (2, 1e22)]}
    ids = [finished_run(database, depth=depth) for depth in (1, 2, 3, 4)]
    with database.read() as session:
        groups = members(grouped(reading.find_runs(session, ids), ["depth"]))
    drawn = charts.of_groups(groups, dict.fromkeys(ids, "a run") | {4: "4 layers"}, points, "train_loss")
    assert drawn.up.range[1] < 3
    assert drawn.notes[-1] == "Partly outside the axis: 4 layers."


def test_accuracy_by_group_has_runs_means_and_intervals(database: Database, settings: Settings) -> None:
    accuracies = {1: (0.92, 0.922), 2: (0.973, 0.975), 3: (0.979, 0.981)}
    ids = [
        finished_run(database, accuracy, depth=depth, seed=seed)
        for depth, pair in accuracies.items()
        for seed, accuracy in enumerate(pair)
    ]
    with database.read() as session:
        found = compare(session, Selection(ids, None), settings)
    assert found
    drawn = charts.of_findings(found, {run.id: run for run in found.runs})
    assert (drawn.title, drawn.across.title, drawn.across.labels) == (
        "Accuracy by depth",
        "Layers",
        ["1", "2", "3"],
    )
    assert "1 layer: 92.10 %" in drawn.description.replace("\xa0", " ")
    assert len(drawn.dots) == 6
    assert {dots.is_open for dots in drawn.dots} == {True, False}
    assert len(drawn.bars) == 6
    assert drawn.notes[-1] == "Below the axis: 1 layer."
    assert drawn.render().count("<circle") == 12 + 2


def test_names_that_do_not_fit_below_the_axis_are_numbers(database: Database, settings: Settings) -> None:
    ids = [finished_run(database, lr=0.0123456 * (1 + step)) for step in range(12)]
    with database.read() as session:
        found = compare(session, Selection(ids, None, by=("lr", "depth")), settings)
    assert found
    drawn = charts.of_findings(found, {run.id: run for run in found.runs})
    assert drawn.across.labels == [str(number) for number in range(1, 13)]
    assert drawn.across.title.endswith("(numbers: rows of the table)")


def test_without_results_the_chart_is_empty(database: Database, settings: Settings) -> None:

    run_id = queue_run(database)
    with database.read() as session:
        found = compare(session, Selection([run_id], None), settings)
    assert found
    drawn = charts.of_findings(found, {})
    assert drawn.description == "No run has finished."
    assert drawn.render().startswith("<svg")
