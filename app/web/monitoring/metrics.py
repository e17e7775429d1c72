"""The metrics of `GET /metrics`, in the formats of Prometheus and OpenMetrics.

`prometheus_client` takes 0.1 s to import, so only a request for metrics imports this module.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from app import __version__
from app.histogram import Histogram
from app.schemas.monitoring import WorkerNode
from app.web.monitoring.load import Load


def exposition(
    load: Load | None, *, streams: int, requests: Histogram, writes: Histogram, accept: str
) -> tuple[bytes, str]:
    """All metrics in the accepted format, with its media type; `load` is None if the database is unavailable.

    `streams` is the number of open event streams, `requests` and `writes` the durations of requests and of
    write transactions of this process.
    """
    registry = CollectorRegistry()
    registry.register(_Families(load, streams, requests, writes))
    ProcessCollector(registry=registry)
    encode, media_type = choose_encoder(accept)
    return encode(registry), media_type


class _Families(Collector):
    """The metrics of the queue and of this process."""

    def __init__(self, load: Load | None, streams: int, requests: Histogram, writes: Histogram) -> None:
        self._load = load
        self._streams = streams
        self._requests = requests
        self._writes = writes

    def collect(self) -> Iterator[Metric]:
        """All metrics but those of the process."""
        version = GaugeMetricFamily("depthboard_build_info", "Version of Depthboard.", labels=["version"])
        version.add_metric([__version__], 1)
        yield version
        yield GaugeMetricFamily(
            "depthboard_database_up",
            "Whether the database could be read (1) or not (0).",
            float(self._load is not None),
        )
        if self._load:
            yield from _of_queue(self._load)
            if self._load.nodes:
                yield from _of_nodes(self._load.nodes)
        yield GaugeMetricFamily("depthboard_event_streams", "Open event streams.", self._streams)
        yield _durations(
            "depthboard_http_request_duration_seconds",
            "Duration of HTTP requests by route, without event streams.",
            self._requests,
            ("method", "route", "status"),
        )
        yield _durations(
            "depthboard_database_write_duration_seconds",
            "Duration of write transactions of the web process, with the wait for the write lock.",
            self._writes,
        )


def _of_queue(load: Load) -> Iterator[Metric]:
    runs = GaugeMetricFamily("depthboard_runs", "Runs by status.", labels=["status"])
    for status, count in load.runs.items():
        runs.add_metric([status], count)
    yield runs
    yield GaugeMetricFamily("depthboard_queue_length", "Queued runs.", load.runs["queued"])
    yield GaugeMetricFamily(
        "depthboard_queue_paused", "Whether the queue is paused (1) or not (0).", float(load.paused)
    )
    yield GaugeMetricFamily(
        "depthboard_queue_oldest_wait_seconds",
        "Time since the creation or the last attempt of the run that has been queued longest.",
        load.oldest_wait,
    )
    yield GaugeMetricFamily("depthboard_workers", "Live workers.", load.workers)
    yield GaugeMetricFamily("depthboard_slots", "Slots of live workers.", load.slots)
    yield GaugeMetricFamily(
        "depthboard_slots_busy", "Slots of live workers that train a run.", load.busy_slots
    )
    yield CounterMetricFamily(
        "depthboard_epochs_recorded", "Epochs recorded since the database was created.", load.epochs
    )


_OF_NODES: Final[Mapping[str, tuple[str, Callable[[WorkerNode], float]]]] = {
    "cpus": ("CPUs that the node gives to the cluster.", lambda node: node.cpus),
    "gpus": ("GPUs that the node gives to the cluster.", lambda node: node.gpus),
    "memory_bytes": ("Memory that the node gives to the cluster.", lambda node: node.memory),
    "slots": ("Slots on the node.", lambda node: node.slots),
    "slots_busy": ("Slots on the node that train a run.", lambda node: len(node.runs)),
}


def _of_nodes(nodes: Sequence[tuple[str, WorkerNode]]) -> Iterator[Metric]:
    for name, (about, value) in _OF_NODES.items():
        family = GaugeMetricFamily(f"depthboard_node_{name}", about, labels=["worker", "node"])
        for worker_id, node in nodes:
            family.add_metric([worker_id, node.host], value(node))
        yield family


def _durations(name: str, about: str, histogram: Histogram, labels: tuple[str, ...] = ()) -> Metric:
    family = HistogramMetricFamily(name, about, labels=labels)
    for values, counts, total in histogram.read():
        family.add_metric(values, counts, total)
    return family
