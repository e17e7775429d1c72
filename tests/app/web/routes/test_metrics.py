"""The route of the metrics."""

import subprocess
import sys

import pytest
from sqlalchemy.exc import OperationalError

from app.web.monitoring.load import Load
from tests.app.conftest import Served
from tests.app.states import finished_run


def test_metrics_survive_a_deletion_and_count_requests(site: Served) -> None:
    run_id = finished_run(site.database)
    site.client.delete(f"/runs/{run_id}").raise_for_status()
    answer = site.client.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert "depthboard_epochs_recorded_total 3.0\n" in answer.text
    assert 'depthboard_runs{status="finished"} 0.0\n' in answer.text
    assert 'route="/runs/{run_id}",status="204"' in answer.text
    assert "process_resident_memory_bytes" in answer.text


def test_metrics_without_a_database_say_so(site: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    def unavailable(_: object) -> Load:
        raise OperationalError("SELECT", {}, Exception("database is locked"))

    monkeypatch.setattr(Load, "read", unavailable)
    monkeypatch.setattr("app.web.routes.metrics.is_outage", lambda _: True)
    answer = site.client.get("/metrics")
    assert answer.status_code == 200
    assert "depthboard_database_up 0.0\n" in answer.text


@pytest.mark.slow
def test_the_server_imports_the_client_library_only_for_metrics() -> None:
    code = "import sys, app.main; sys.exit('prometheus_client' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
