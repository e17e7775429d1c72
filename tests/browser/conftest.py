"""A real Chromium before real servers: one that trains, shared, and quiet ones without a worker."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx
import pytest
import uvicorn

from app import main
from app.settings import Settings
from tests.waiting import eventually

pytest.importorskip("playwright", reason="the browser tests need playwright: pip install playwright")
from playwright.sync_api import Browser, BrowserContext, Page, Request, sync_playwright

_NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_FLAGS: Final = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class QuietServer:
    """A web server inside this process, without a worker: what is queued there stays queued."""

    def __init__(self, data_dir: Path) -> None:
        self._settings = Settings(data_dir=data_dir)
        self._port = 0

    @property
    def url(self) -> str:
        """Where it listens, the same after a restart."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Serve until `stop`."""
        listener = socket.create_server(("127.0.0.1", self._port))
        self._port = listener.getsockname()[1]
        application = main.create_app(self._settings)
        config = uvicorn.Config(application, log_level="warning", timeout_graceful_shutdown=2)
        self._server = main.Server(config, application.state.events)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [listener]})
        self._thread.start()
        eventually(lambda: self._server.started)

    def stop(self) -> None:
        """End as on SIGTERM: open streams first."""
        self._server.handle_exit(signal.SIGTERM, None)
        self._thread.join()


@pytest.fixture
def quiet(tmp_path: Path) -> Iterator[QuietServer]:
    """A web server with nothing in its database."""
    server = QuietServer(tmp_path)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def training(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of the whole dashboard in processes of its own: supervisor, web process and worker."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    data_dir = tmp_path_factory.mktemp("training")
    process = subprocess.Popen(
        [sys.executable, "-m", "app.cli", "up", "--port", str(port)],
        env=os.environ | {"DEPTHBOARD_DATA_DIR": str(data_dir), "DEPTHBOARD_SLOTS": "2"},
    )
    url = f"http://127.0.0.1:{port}"
    eventually(lambda: _answers(url))
    yield url
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=20)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health").is_success
    except httpx.TransportError:
        return False


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


def _watched(context: BrowserContext) -> tuple[Page, list[str]]:
    """A page, and what goes wrong on it: errors in the console, scripts that fail, requests elsewhere."""
    page = context.new_page()
    trouble: list[str] = []

    def look_at(request: Request) -> None:
        if not request.url.startswith(("http://127.0.0.1:", "data:", "blob:")):
            trouble.append(f"request to {request.url}")

    page.on("pageerror", lambda error: trouble.append(f"script failed: {error}"))
    page.on("request", look_at)
    page.on("console", lambda message: trouble.append(message.text) if message.type == "error" else None)
    return page, trouble


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A page of 1280 px in the light theme; at its end nothing may have gone wrong on it.

    Chromium itself notes in the console when a form is refused and when a server is away.
    """
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, color_scheme="light")
    page, trouble = _watched(context)
    yield page
    context.close()
    assert [each for each in trouble if not each.startswith("Failed to load resource")] == []


@pytest.fixture
def phone(chromium: Browser) -> Iterator[Page]:
    """A page of 390 px in the dark theme; at its end nothing may have gone wrong on it."""
    context = chromium.new_context(viewport={"width": 390, "height": 844}, color_scheme="dark")
    page, trouble = _watched(context)
    yield page
    context.close()
    assert trouble == []


@pytest.fixture
def plain(chromium: Browser) -> Iterator[Page]:
    """A page whose browser runs no JavaScript."""
    context = chromium.new_context(java_script_enabled=False)
    yield context.new_page()
    context.close()
