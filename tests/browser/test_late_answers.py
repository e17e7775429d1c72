"""An answer that is older than what the page has heard meanwhile takes nothing back."""

from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import Page, Request, Route

from app.queue import claims
from app.queue.claims import Claim
from app.storage.database import Database
from tests.app.states import add_worker, claimed, measured, queue_run
from tests.browser.drawn import wait
from tests.browser.routes import intercept
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
        assert claims.report_start(session, claim, "cpu", {"train_images": "60000"}, after)


def ends(database: Database, claim: Claim, epoch: int, test_loss: float) -> None:
    """An epoch of the run ends, with this test loss."""
    with database.write() as session:
        assert claims.record_epoch(session, claim, measured(epoch, test_loss=test_loss))


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


def asks_data(request: Request) -> bool:
    """Whether the page asks for its data, and is not asked for itself."""
    return "html" not in request.headers["accept"]


def hold(page: Page, url: str, meanwhile: Callable[[], None]) -> list[Route]:
    """Let the page's next answer with data from this address arrive after something has happened.

    What is returned holds one request when that is so.
    """

    def late(route: Route) -> None:
        if not asks_data(route.request) or held:
            route.fallback()
            return
        held.append(route)
        answer = route.fetch()
        meanwhile()
        route.fulfill(response=answer)

    held: list[Route] = []
    intercept(page, url, late)
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


def test_curves_that_are_read_while_an_epoch_ends(quiet: WebServer, database: Database, page: Page) -> None:
    claim = training(database)
    held = hold(page, "**/compare/curves?*", lambda: ends(database, claim, 3, test_loss=0.3))
    page.goto(f"{quiet.url}/compare?runs={claim.run_id}")
    shows(page, "curves", 3)
    assert len(held) == 1


def test_curves_of_a_run_that_joins_a_study_while_it_trains(
    quiet: WebServer, database: Database, page: Page
) -> None:
    httpx.post(f"{quiet.url}/studies", json={"depth": [1], "seed": [0]}).raise_for_status()
    first = claimed(database)
    goes_on(database, first, after=0)
    ends(database, first, 1, test_loss=0.1)
    page.goto(f"{quiet.url}/studies/1")
    shows(page, "curves", 1)

    def meanwhile() -> None:
        joined = claimed(database)
        goes_on(database, joined, after=0)
        for epoch, test_loss in ((1, 0.4), (2, 0.5)):
            ends(database, joined, epoch, test_loss)
        ends(database, first, 2, test_loss=0.2)
        shows(page, "curves", 2)

    held = hold(page, "**/compare/curves?*", meanwhile)
    httpx.post(f"{quiet.url}/studies/1/runs", json={"seeds": 1}).raise_for_status()
    wait(page, "curves", lambda drawing: [round(end.x, 2) for end in drawing.ends] == [2, 2])
    assert len(held) == 1


def test_a_run_read_again_during_training_has_every_epoch(
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
