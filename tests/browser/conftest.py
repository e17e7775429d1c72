"""A real Chromium before real servers: one that trains, shared, and quiet ones without a worker."""

import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    WebError,
    expect,
    sync_playwright,
)

from app.settings import Settings
from app.storage.database import Database
from tests.app.states import add_worker
from tests.browser.compared import trained
from tests.browser.furnished import furnish
from tests.dashboard import running
from tests.few import link
from tests.web_server import WebServer, started

_NAMES: Final = (
    "chromium-headless-shell",  # the same pages for half of the work
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
)
_FLAGS: Final = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--renderer-process-limit=1",  # pages of one context share a process, which compiles plotly.js once
    "--process-per-site",
]

expect.set_options(timeout=30_000)  # the limit only ends a test that has failed, on a busy machine too


@contextmanager
def _kept_port() -> Iterator[int]:
    """A port for consecutive servers, so that the browser reuses their cached and compiled scripts.

    The port is bound without a listener, so that no other process gets it between two servers.
    """
    with socket.socket() as kept:
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        kept.bind(("127.0.0.1", 0))
        yield kept.getsockname()[1]


@pytest.fixture(scope="session")
def quiet_port() -> Iterator[int]:
    """The port of all quiet servers."""
    with _kept_port() as port:
        yield port


@pytest.fixture(scope="session")
def shared_port() -> Iterator[int]:
    """The port of the servers shared by the tests of a module."""
    with _kept_port() as port:
        yield port


@pytest.fixture
def quiet(tmp_path: Path, migrated: Path, quiet_port: int) -> Iterator[WebServer]:
    """A web server with an empty database and no worker."""
    shutil.copy(migrated, tmp_path)
    with started(Settings(data_dir=tmp_path), quiet_port) as server:
        yield server


@pytest.fixture(scope="session")
def training(few: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a complete dashboard that trains on MNIST or a few of its images."""
    folder = tmp_path_factory.mktemp("training")
    link(folder, few)
    with running(folder, "--slots", "2") as dashboard:
        yield dashboard.url


@pytest.fixture(scope="module")
def six(tmp_path_factory: pytest.TempPathFactory, migrated: Path, shared_port: int) -> Iterator[str]:
    """The URL of a server with finished runs of one to three layers, two seeds each."""
    folder = tmp_path_factory.mktemp("six")
    shutil.copy(migrated, folder)
    with started(Settings(data_dir=folder), shared_port) as server:
        database: Database = server.app.state.database
        add_worker(database)
        for depth in (1, 2, 3):
            for seed in (0, 1):
                trained(database, seed, depth=depth)
        yield server.url


@pytest.fixture(scope="session")
def furnished_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a server whose pages all show something, to be copied."""
    folder = tmp_path_factory.mktemp("furnished")
    furnish(folder)
    return folder


@pytest.fixture(scope="module")
def furnished(furnished_folder: Path, shared_port: int) -> Iterator[WebServer]:
    """A server with runs in every state and something in every place, for tests that change nothing there."""
    with started(Settings(data_dir=furnished_folder), shared_port) as server:
        yield server


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The browser."""
    path = next(filter(None, map(shutil.which, _NAMES)), None)
    if path is None:
        pytest.skip("the browser tests need Chromium on the PATH: on Debian, apt install chromium")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=_FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def pages(chromium: Browser) -> Iterator[BrowserContext]:
    """A context whose pages share only cached and compiled files.

    An empty page stays open in it and keeps the pages' process alive between tests.
    """
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, color_scheme="light")
    context.new_page()
    yield context
    context.close()


def _forget(context: BrowserContext, origins: set[str]) -> None:
    """Clear the storage of these origins without the cached and compiled files."""
    session = context.new_cdp_session(context.pages[0])
    for origin in origins:
        session.send("Storage.clearDataForOrigin", {"origin": origin, "storageTypes": "local_storage"})
    session.detach()
    context.clear_cookies()


def _away(trouble: str) -> bool:
    """Whether Chromium only reports a rejected form or an unreachable server."""
    return trouble.startswith("Failed to load resource")


@contextmanager
def watched(context: BrowserContext, ignored: Callable[[str], bool] = _away) -> Iterator[None]:
    """Close the pages opened in the block, clear their storage, and fail if any page had a problem.

    Problems are console errors, failed scripts and requests to other servers.
    """
    trouble: list[str] = []
    origins: set[str] = set()

    def take_error(error: WebError) -> None:
        trouble.append(f"script failed: {error.error}")

    def take_request(request: Request) -> None:
        if request.is_navigation_request():
            origins.add("{0.scheme}://{0.netloc}".format(urlsplit(request.url)))
        if not request.url.startswith(("http://127.0.0.1:", "data:", "blob:", "file:")):
            trouble.append(f"request to {request.url}")

    def take_message(message: ConsoleMessage) -> None:
        if message.type == "error":
            trouble.append(message.text)

    before = context.pages
    context.on("weberror", take_error)
    context.on("request", take_request)
    context.on("console", take_message)
    yield
    for page in context.pages:
        if page not in before:
            page.close()
    context.remove_listener("weberror", take_error)
    context.remove_listener("request", take_request)
    context.remove_listener("console", take_message)
    _forget(context, origins)
    assert [each for each in trouble if not ignored(each)] == []


@pytest.fixture
def page(pages: BrowserContext) -> Iterator[Page]:
    """A page 1280 px wide in the light theme; the test fails if the page has a problem."""
    with watched(pages):
        yield pages.new_page()


@pytest.fixture
def phone(pages: BrowserContext) -> Iterator[Page]:
    """A page 390 px wide in the dark theme; the test fails if the page has any problem."""
    with watched(pages, lambda _: False):
        page = pages.new_page()
        page.set_viewport_size({"width": 390, "height": 844})
        page.emulate_media(color_scheme="dark")
        yield page


@pytest.fixture(scope="module")
def shared(pages: BrowserContext) -> Iterator[Page]:
    """One page for a module's tests that only load addresses; it must have no problem."""
    with watched(pages):
        yield pages.new_page()


@pytest.fixture(scope="session")
def clocks(chromium: Browser) -> Iterator[BrowserContext]:
    """A context with clocks that tests set: all its pages have them from then on.

    An empty page stays open in it and keeps the pages' process alive between tests.
    """
    context = chromium.new_context(timezone_id="UTC")
    context.clock.install()
    context.new_page()
    yield context
    context.close()


@pytest.fixture
def clocked(clocks: BrowserContext) -> Iterator[Page]:
    """A page whose clock the test sets; the test fails if the page has a problem."""
    with watched(clocks):
        yield clocks.new_page()


@pytest.fixture
def plain(chromium: Browser) -> Iterator[Page]:
    """A page without JavaScript."""
    context = chromium.new_context(java_script_enabled=False)
    yield context.new_page()
    context.close()
