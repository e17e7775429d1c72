"""Requests of a page that a test answers or holds back."""

import time
from collections.abc import Callable
from typing import Any, Final

from playwright.sync_api import Page, Request, Route

PATIENCE: Final = 60.0
"""Seconds; the limit only ends a test that has failed."""

PROBE: Final = "/health?intercepted"
IS_INTERCEPTED: Final = """
(probe) => fetch(probe).then((answer) => answer.text()).then((text) => text === "intercepted", () => false)
"""


def intercept(page: Page, url: str, handler: Callable[[Route], Any]) -> None:
    """Let `handler` deal with every request of the page to an address from now on.

    Chromium tells an open page of its first route in the background. If the page is busy, it handles keys
    and presses before, and the request that follows goes to the server.
    """
    page.route(url, handler)
    if page.url == "about:blank":  # a new address has all routes from the beginning
        return

    def is_probe(address: str) -> bool:
        return address.endswith(PROBE)

    page.route(is_probe, lambda route: route.fulfill(body="intercepted"))
    page.wait_for_function(IS_INTERCEPTED, arg=PROBE)
    page.unroute(is_probe)


class Held:
    """The requests to an address, each of which waits until the test continues or fulfills it."""

    def __init__(self, page: Page, url: str, which: Callable[[Request], bool] = lambda _: True) -> None:
        self._page = page
        self._which = which
        self.routes: list[Route] = []
        intercept(page, url, self._hold)

    def _hold(self, route: Route) -> None:
        if self._which(route.request):
            self.routes.append(route)
        else:
            route.fallback()

    def first(self) -> Route:
        """The first of them, once it has been made: a page may show an action before its request."""
        deadline = time.monotonic() + PATIENCE
        while not self.routes:
            assert time.monotonic() < deadline, "there was no such request"
            self._page.wait_for_timeout(10)
        return self.routes[0]
