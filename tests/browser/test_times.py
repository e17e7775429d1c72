"""Exact times in the reader's zone; ages by the server's clock."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import httpx
import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import update
from sqlmodel import col

from app.runs.reading import timestamp
from app.storage.database import Database
from app.storage.tables import Attempt, Run, Study
from tests.app.states import add_worker, claimed
from tests.web_server import WebServer

pytestmark = pytest.mark.browser

PAGES: Final = ("/runs", "/runs/1", "/queue", "/studies", "/studies/1", "/compare", "/compare?study=1")
HALF_AN_HOUR: Final = 1800


def database(server: WebServer) -> Database:
    found: Database = server.app.state.database
    return found


@pytest.fixture
def half_an_hour_ago(quiet: WebServer) -> WebServer:
    """A server with a study of two runs, both created half an hour ago, one of them running since."""
    httpx.post(f"{quiet.url}/studies", json={"depth": [1, 2]}).raise_for_status()
    add_worker(database(quiet), lease_seconds=3600)
    claimed(database(quiet), lease_seconds=3600)
    moment = time.time() - HALF_AN_HOUR
    with database(quiet).write() as session:
        session.execute(update(Run).values(created_at=moment))
        session.execute(update(Run).where(col(Run.status) == "running").values(started_at=moment))
        session.execute(update(Study).values(created_at=moment))
        session.execute(update(Attempt).values(started_at=moment))
    return quiet


def move(page: Page, zone: str) -> None:
    """Make this the page of a reader in a zone."""
    session = page.context.new_cdp_session(page)  # ends with the page
    session.send("Emulation.setTimezoneOverride", {"timezoneId": zone})


@pytest.mark.parametrize(
    ("wrong_by", "paths"), [(timedelta(hours=7), PAGES), (timedelta(days=-400), PAGES[:2])]
)
def test_ages_follow_the_clock_of_the_server(
    half_an_hour_ago: WebServer, clocked: Page, wrong_by: timedelta, paths: Sequence[str]
) -> None:
    clocked.clock.set_system_time(datetime.now(UTC) + wrong_by)
    for path in paths:
        with clocked.expect_response("**/health"):
            clocked.goto(half_an_hour_ago.url + path)
        clocked.clock.run_for(11_000)
        for text in clocked.locator("time:not([data-lasts])").all_text_contents():
            assert text in ("30\u00a0min ago", "31\u00a0min ago"), path
        for text in clocked.locator("time[data-lasts]").all_text_contents():
            assert text.startswith(("30\u00a0min", "31\u00a0min")), path


def test_ages_of_new_rows_follow_the_clock_of_the_server(half_an_hour_ago: WebServer, clocked: Page) -> None:
    clocked.clock.set_system_time(datetime.now(UTC) - timedelta(hours=5))
    clocked.goto(f"{half_an_hour_ago.url}/runs")
    row = clocked.locator('tr[data-run="2"] [data-cell="started_at"]')
    expect(row).to_have_text("–")
    claimed(database(half_an_hour_ago))
    expect(row).to_have_text("just now")


def test_setting_the_clock_while_a_page_is_open_changes_no_age(
    half_an_hour_ago: WebServer, clocked: Page
) -> None:
    clocked.clock.set_system_time(datetime.now(UTC))
    clocked.goto(f"{half_an_hour_ago.url}/runs")
    started = clocked.locator('tr[data-run="1"] time')
    expect(started).to_have_text("30\u00a0min ago")
    clocked.clock.set_system_time(datetime.now(UTC) + timedelta(hours=9))
    with clocked.expect_response("**/health"):
        clocked.clock.run_for(6000)
    expect(started).to_have_text("30\u00a0min ago")


@pytest.mark.parametrize(
    ("zone", "shown"),
    [
        ("UTC", {"2026-01-31T23:59:59Z": "2026-01-31 23:59:59 UTC"}),
        (
            "Asia/Tehran",
            {
                "2026-01-31T20:29:59Z": "2026-01-31 23:59:59 UTC+03:30 (Asia/Tehran)",
                "2026-01-31T20:30:00Z": "2026-02-01 00:00:00 UTC+03:30 (Asia/Tehran)",
            },
        ),
        (
            "America/New_York",
            {
                "2026-03-08T06:59:59Z": "2026-03-08 01:59:59 UTC−05:00 (America/New_York)",
                "2026-03-08T07:00:00Z": "2026-03-08 03:00:00 UTC−04:00 (America/New_York)",
                "2026-11-01T05:30:00Z": "2026-11-01 01:30:00 UTC−04:00 (America/New_York)",
                "2026-11-01T06:30:00Z": "2026-11-01 01:30:00 UTC−05:00 (America/New_York)",
                "2026-01-01T04:59:59Z": "2025-12-31 23:59:59 UTC−05:00 (America/New_York)",
            },
        ),
        ("Europe/London", {"2026-01-31T12:00:00Z": "2026-01-31 12:00:00 UTC (Europe/London)"}),
    ],
)
def test_the_exact_time_on_hover_is_in_the_readers_zone(
    half_an_hour_ago: WebServer, page: Page, zone: str, shown: dict[str, str]
) -> None:
    httpx.post(f"{half_an_hour_ago.url}/studies", json={"depth": [3, 4, 5]}).raise_for_status()
    with database(half_an_hour_ago).write() as session:
        for run_id, moment in enumerate(shown, 1):
            seconds = datetime.fromisoformat(moment).timestamp()
            session.execute(update(Run).where(col(Run.id) == run_id).values(started_at=seconds))
    move(page, zone)
    page.goto(f"{half_an_hour_ago.url}/runs")
    for run_id, title in enumerate(shown.values(), 1):
        started = page.locator(f'tr[data-run="{run_id}"] [data-cell="started_at"] time')
        expect(started).to_have_attribute("title", title)


def test_a_refreshed_part_keeps_the_time_zone_of_the_reader(half_an_hour_ago: WebServer, page: Page) -> None:
    move(page, "Asia/Tokyo")
    page.goto(f"{half_an_hour_ago.url}/runs/1")
    times = page.locator("time")
    httpx.post(f"{half_an_hour_ago.url}/runs/1/cancel").raise_for_status()
    expect(page.locator("#run-heading")).to_contain_text("cancelling")
    titles = [times.nth(place).get_attribute("title") or "" for place in range(times.count())]
    assert titles
    assert all(title.endswith(" UTC+09:00 (Asia/Tokyo)") for title in titles)


def test_without_scripts_the_exact_time_names_utc(half_an_hour_ago: WebServer, plain: Page) -> None:
    plain.goto(f"{half_an_hour_ago.url}/runs")
    title = plain.locator('tr[data-run="1"] time').get_attribute("title")
    with database(half_an_hour_ago).read() as session:
        run = session.get(Run, 1)
        assert run is not None
        assert run.started_at is not None
        assert title == timestamp(run.started_at)[:19].replace("T", " ") + " UTC"
