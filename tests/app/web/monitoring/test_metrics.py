"""The text of the metrics, as Prometheus parses it."""

from dataclasses import replace

import pytest
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from app.histogram import Histogram
from app.schemas.monitoring import WorkerNode
from app.web.monitoring.load import Load
from app.web.monitoring.metrics import exposition

LOAD = Load(
    runs={"queued": 3, "running": 2, "finished": 10, "failed": 1, "cancelled": 0},
    paused=True,
    oldest_wait=12.5,
    workers=1,
    slots=4,
    busy_slots=2,
    epochs=200,
    nodes=[],
)


def told(load: Load | None, accept: str = "") -> tuple[str, str]:
    requests, writes = Histogram(), Histogram()
    requests.add(0.02, "GET", "/runs/{run_id}", "200")
    writes.add(0.003)
    body, media_type = exposition(load, streams=7, requests=requests, writes=writes, accept=accept)
    return body.decode(), media_type


def samples(text: str) -> dict[str, float]:
    return {
        sample.name + "".join(f" {sample.labels[name]}" for name in sorted(sample.labels)): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_the_queue_is_described() -> None:
    found = samples(told(LOAD)[0])
    assert found["depthboard_runs finished"] == 10
    assert found["depthboard_runs cancelled"] == 0
    assert found["depthboard_queue_length"] == 3
    assert found["depthboard_queue_paused"] == 1
    assert found["depthboard_queue_oldest_wait_seconds"] == 12.5
    assert (found["depthboard_slots"], found["depthboard_slots_busy"]) == (4, 2)
    assert found["depthboard_epochs_recorded_total"] == 200
    assert found["depthboard_event_streams"] == 7


def test_nodes_of_a_cluster_are_described() -> None:
    assert not any(name.startswith("depthboard_node_") for name in samples(told(LOAD)[0]))
    node = WorkerNode(
        host="far", cpus=8, gpus=1, memory=2**35, slots=4, devices=[], runs=[3, 7], problem=None
    )
    text = told(replace(LOAD, nodes=[("w1", node), ("w2", node.model_copy(update={"slots": 0}))]))[0]
    found = samples(text)
    assert (found["depthboard_node_cpus far w1"], found["depthboard_node_gpus far w1"]) == (8, 1)
    assert found["depthboard_node_memory_bytes far w1"] == 2**35
    assert (found["depthboard_node_slots far w1"], found["depthboard_node_slots_busy far w1"]) == (4, 2)
    assert found["depthboard_node_slots far w2"] == 0
    series = [line.rpartition(" ")[0] for line in text.splitlines() if line.startswith("depthboard_node_")]
    assert len(series) == len({*series}) == 10


def test_durations_are_histograms_by_route() -> None:
    found = samples(told(LOAD)[0])
    name = "depthboard_http_request_duration_seconds"
    assert found[f"{name}_bucket 0.01 GET /runs/{{run_id}} 200"] == 0
    assert found[f"{name}_bucket 0.025 GET /runs/{{run_id}} 200"] == 1
    assert found[f"{name}_sum GET /runs/{{run_id}} 200"] == 0.02
    assert found["depthboard_database_write_duration_seconds_count"] == 1


def test_without_a_database_only_the_process_is_described() -> None:
    found = samples(told(None)[0])
    assert found["depthboard_database_up"] == 0
    assert not any(name.startswith(("depthboard_runs", "depthboard_queue")) for name in found)
    assert found["depthboard_event_streams"] == 7


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("", "text/plain; version=0.0.4; charset=utf-8"),
        ("text/html,*/*", "text/plain; version=0.0.4; charset=utf-8"),
        (
            "application/openmetrics-text;version=1.0.0,text/plain;q=0.5",
            "application/openmetrics-text; version=1.0.0",
        ),
    ],
)
def test_the_client_chooses_the_format(accept: str, media_type: str) -> None:
    text, chosen = told(LOAD, accept)
    assert chosen.startswith(media_type)
    assert text.endswith("# EOF\n") == ("openmetrics" in media_type)
    if "openmetrics" in media_type:
        assert list(openmetrics.text_string_to_metric_families(text))  # type: ignore[no-untyped-call]
