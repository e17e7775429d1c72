"""An answer that is older than what the page has heard meanwhile takes nothing back."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Request, Route

from app.queue import run_queue
from app.queue.run_queue import Claim
from app.storage.database import Database
from tests.app.states import add_worker, claimed, figures, queue_run
from tests.browser.drawn import wait
from tests.web_server import WebServer

pytestmark = pytest.mark.browser


@pytest.fixture
def database(quiet: WebServer) -> Database:
    """That of the quiet server, with a worker."""
    database: Database = quiet.app.state.database
    add_worker(database)
    return database


def goes_on(database: Database, claim: Claim, after: int) -> None:
    """The run trains from this epoch on; what it had recorded later goes."""
    with database.write() as session:
        assert run_queue.report_start(session, claim, "cpu", {"train_images": "60000"}, after)


def ends(database: Database, claim: Claim, epoch: int, test_loss: float) -> None:
    """An epoch of the run ends, with this test loss."""
    with database.write() as session:
        assert run_queue.record_epoch(session, claim, figures(epoch, test_loss=test_loss))


def training(database: Database) -> Claim:
    """A run of which two epochs have ended."""
    queue_run(database)
    claim = claimed(database)
    goes_on(database, claim, after=0)
    ends(database, claim, 1, test_loss=0.1)
    ends(database, claim, 2, test_loss=0.2)
    return claim


def shows(page: Page, chart: str, epoch: int) -> None:
    """Wait until every line of a chart is drawn up to this epoch."""
    wait(page, chart, lambda drawing: {round(end.x, 2) for end in drawing.ends} == {epoch})


def asks_json(request: Request) -> bool:
    """Whether a script of the page asks, and not the page for itself."""
    return "json" in request.headers["accept"]


def hold(page: Page, url: str, meanwhile: Callable[[], None]) -> list[Route]:
    """Let the page's next answer in JSON from this address arrive after something has happened.

    What is returned holds one request when that is so.
    """

    def late(route: Route) -> None:
        if not asks_json(route.request) or held:
            route.fallback()
            return
        held.append(route)
        answer = route.fetch()
        meanwhile()
        route.fulfill(response=answer)

    held: list[Route] = []
    page.route(url, late)
    return held


def test_the_inside_of_a_network_that_is_read_while_an_epoch_ends(
    quiet: WebServer, database: Database, page: Page
) -> None:
    claim = training(database)

    def meanwhile() -> None:
        ends(database, claim, 3, test_loss=0.3)
        shows(page, "curves", 3)

    held = hold(page, f"**/runs/{claim.run_id}/epochs", meanwhile)
    page.goto(f"{quiet.url}/compare?runs={claim.run_id}")
    shows(page, "diagnostics", 3)
    assert len(held) == 1


def test_a_comparison_that_is_read_while_an_epoch_ends(
    quiet: WebServer, database: Database, page: Page
) -> None:
    claim = training(database)
    others = [queue_run(database, depth=depth) for depth in (2, 3)]
    url = f"{quiet.url}/compare?runs={claim.run_id},{others[0]},{others[1]}"
    page.goto(url)
    shows(page, "curves", 2)

    def cancel(run_id: int) -> None:
        with database.write() as session:
            run_queue.cancel(session, run_id)

    def reads_again(request: Request) -> bool:
        return request.url == url and asks_json(request)

    def meanwhile() -> None:
        ends(database, claim, 3, test_loss=0.3)
        shows(page, "curves", 3)

    hold(page, url, meanwhile)
    with page.expect_request_finished(reads_again):
        cancel(others[0])
    hold(page, url, lambda: shows(page, "curves", 3))
    with page.expect_request_finished(reads_again):
        cancel(others[1])
    shows(page, "curves", 3)


def test_a_run_that_is_read_again_while_its_epochs_end(
    quiet: WebServer, database: Database, page: Page
) -> None:
    claim = training(database)
    page.goto(f"{quiet.url}/runs/{claim.run_id}")
    shows(page, "loss", 2)

    def meanwhile() -> None:
        ends(database, claim, 2, test_loss=0.7)
        ends(database, claim, 3, test_loss=0.8)
        shows(page, "loss", 3)

    held = hold(page, f"**/runs/{claim.run_id}/epochs", meanwhile)
    goes_on(database, claim, after=1)
    losses = pytest.approx([0.1, 0.7, 0.8], abs=0.001)
    wait(page, "loss", lambda drawing: [place.y for place in drawing.traces[-1].line] == losses)
    assert len(held) == 1
