"""Charts at URLs of their own."""

import pytest

from tests.app.conftest import Served
from tests.app.states import finished_run, queue_run, study_of


@pytest.fixture
def drawn(site: Served) -> Served:
    """An application with a study of two runs that have finished."""
    study_of(site.database, [finished_run(site.database, depth=depth) for depth in (1, 2)])
    return site


@pytest.mark.parametrize(
    ("path", "title"),
    [
        ("/runs/1/loss.svg", "Loss of 1 layer"),
        ("/runs/2/accuracy.svg", "Accuracy of 2 layers"),
        ("/compare/curves.svg?study=1", "Train loss (mean of the epoch) of 2 runs"),
        ("/compare/curves.svg?runs=1,2&metric=test_accuracy", "Test accuracy of 2 runs"),
        ("/compare/accuracy.svg?study=1", "Accuracy by depth"),
    ],
)
def test_a_chart_is_a_picture_that_runs_no_script(drawn: Served, path: str, title: str) -> None:
    answer = drawn.client.get(path, headers={"Accept": "image/avif,image/webp,*/*"})
    assert answer.headers["content-type"] == "image/svg+xml"
    assert f'<title id="title">{title}' in answer.text
    assert answer.headers["content-security-policy"] == "default-src 'none'; style-src 'unsafe-inline'"
    assert "no-cache" in answer.headers["cache-control"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/runs/9/loss.svg", 404),
        ("/runs/1/seconds.svg", 404),
        ("/compare/curves.svg?runs=9", 404),
        ("/compare/accuracy.svg?runs=9", 404),
        ("/compare/curves.svg?runs=1&metric=x", 422),
        ("/compare/curves.svg?runs=x", 422),
    ],
)
def test_what_cannot_be_drawn_is_an_error(drawn: Served, path: str, status: int) -> None:
    assert drawn.client.get(path).status_code == status


def test_a_waiting_run_has_an_empty_chart(site: Served) -> None:
    run_id = queue_run(site.database)
    assert site.client.get(f"/runs/{run_id}/loss.svg").status_code == 200
    assert site.client.get(f"/compare/accuracy.svg?runs={run_id}").status_code == 200
