"""Sparklines: few epochs of each run, the last one among them, and a label that says so."""

from sqlalchemy import insert

from app.runs.listing import sparklines
from app.runs.listing.matches import list_runs
from app.runs.listing.query import RunQuery
from app.runs.listing.sparklines import HEIGHT, MOST_POINTS, WIDTH, Sparkline
from app.storage.database import Database
from app.storage.tables import Epoch, Run
from tests.app.states import figures, finished_run, queue_run

BACKENDS = ("sqlite", "postgresql")


def lines(database: Database) -> dict[int, Sparkline]:
    with database.read() as session:
        return sparklines.of_runs(session, list_runs(session, RunQuery()).runs)


def places(line: Sparkline) -> list[tuple[float, float]]:
    """The points of a line."""
    return [(float(x), float(y)) for x, _, y in (point.partition(",") for point in line.points.split())]


def test_a_short_run_has_all_its_epochs(database: Database) -> None:
    run_id = finished_run(database, epochs=5)
    waiting = queue_run(database)
    found = lines(database)
    assert list(found[run_id].epochs) == [1, 2, 3, 4, 5]
    assert "drawn" not in found[run_id].label
    assert not found[run_id].is_live
    assert (found[waiting].points, found[waiting].label) == ("", "No epoch yet")
    assert found[waiting].is_live


def test_a_long_run_has_evenly_spaced_epochs_with_the_first_and_the_last(database: Database) -> None:
    run_id = finished_run(database, epochs=1)
    with database.write() as session:
        rows = [
            {"run_id": run_id, "epoch": epoch, "change": 0, "attempt": 1, **figures(epoch)}
            for epoch in range(2, 201)
        ]
        session.execute(insert(Epoch), rows)
        run = session.get(Run, run_id)
        assert run
        run.epochs = run.epochs_done = 200
    line = lines(database)[run_id]
    assert (line.epochs[0], line.epochs[-1], len(line.epochs)) == (1, 200, MOST_POINTS)
    steps = {after - before for before, after in zip(line.epochs, line.epochs[1:], strict=False)}
    assert steps <= {6, 7}
    assert line.label.endswith("200 epochs, 32 of them drawn")


def test_a_line_fills_the_picture_on_a_logarithmic_axis() -> None:
    found = places(Sparkline([1, 2, 3], [1.0, 0.1, 0.01], 3, is_live=False))
    assert found == [(2, 2), (WIDTH / 2, HEIGHT / 2), (WIDTH - 2, HEIGHT - 2)]
    half = places(Sparkline([1, 2], [1.0, 0.1], 5, is_live=True))
    assert half[-1][0] == 2 + (WIDTH - 4) / 4
    assert "nan" not in Sparkline([1, 2], [float("inf"), 0.0], 2, is_live=False).points
    assert len(places(Sparkline([1], [0.5], 1, is_live=False))) == 2
