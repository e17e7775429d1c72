"""Servers and clients for the tests of the web process."""

from collections.abc import Iterator

import httpx
import pytest

from tests.app.conftest import Served
from tests.app.web.browsing import BROWSER


@pytest.fixture
def browser(site: Served) -> Iterator[httpx.Client]:
    """A client that asks for pages and keeps cookies."""
    with site.another_client(Accept=BROWSER) as client:
        yield client
