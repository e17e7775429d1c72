"""Requests of a page that a test holds back."""

import time
from collections.abc import Callable
from typing import Final

from playwright.sync_api import Page, Request, Route

PATIENCE: Final = 60.0
"""Seconds; the limit only ends a test that has failed."""


class Held:
    """The requests to an address, each of which waits until the test continues or fulfills it."""

    def __init__(self, page: Page, url: str, which: Callable[[Request], bool] = lambda _: True) -> None:
        self._page = page
        self._which = which
        self.routes: list[Route] = []
        page.route(url, self._hold)

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
