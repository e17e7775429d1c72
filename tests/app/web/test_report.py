"""The report that stands alone."""

import base64
import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from tests.app.conftest import Served
from tests.app.states import finished_run

HOSTILE = "</script><script>alert(1)</script><!--<script>"


class Elements(HTMLParser):
    """The attributes of every element, and the text of the scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.inside: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self.inside.append("")

    def handle_data(self, data: str) -> None:
        if self.cdata_elem:
            self.inside[-1] += data


@pytest.fixture
def report(site: Served) -> str:
    """The report on two runs, one of them with a name that tries to break out."""
    for depth in (1, 2):
        finished_run(site.database, 0.9 + depth / 100, depth=depth)
    site.client.patch("/runs/2", json={"name": HOSTILE}).raise_for_status()
    answer = site.client.get("/compare/report.html?runs=1,2")
    assert answer.headers["content-disposition"] == 'attachment; filename="depthboard-report.html"'
    return answer.text


def test_a_report_loads_no_external_resources(report: str) -> None:
    for tag, attributes in Elements(report).found:
        assert tag != "link"
        assert not {"src", "href", "action"} & attributes.keys(), (tag, attributes)


def test_names_stay_within_the_data(report: str) -> None:
    scripts = Elements(report).inside
    *_, data, entry = scripts
    assert entry == 'import "pages/report.js";'
    runs: list[dict[str, Any]] = json.loads(data)["runs"]
    assert [run["name"] for run in runs] == ["1 layer, 3 epochs, seed 0", HOSTILE]
    assert "<" not in data
    assert len(scripts) == 6


def test_every_module_that_a_module_imports_is_in_the_report(report: str) -> None:
    (modules,) = (
        json.loads(text)["imports"] for text in Elements(report).inside if text.startswith('{"imports')
    )
    assert {"pages/report.js", "charts/comparison.js", "format.js"} <= modules.keys()
    for address in modules.values():
        source = base64.b64decode(address.partition("base64,")[2]).decode()
        assert set(re.findall(r'\bfrom "([^"]+)"', source)) <= modules.keys()


def test_a_report_needs_runs(site: Served) -> None:
    assert site.client.get("/compare/report.html?runs=7").status_code == 404
    assert site.client.get("/compare/report.html").status_code == 422
