"""A Ray cluster for tests: nodes on this machine that listen on the loopback interface only."""

import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.processes import Engine
from tests.waiting import eventually

ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # it replaces 127.0.0.1 by an address of the network otherwise
    "RAY_worker_niceness": "0",  # other tests run at the same time
}
os.environ.update(ENVIRONMENT)  # Ray reads it when it is imported

ray = pytest.importorskip("ray", reason="needs the extra ray")

from ray.cluster_utils import Cluster  # noqa: E402

LOOPBACK = "127.0.0.1"
MEMORY = 4 * 2**30
OBJECT_STORE = 80 * 2**20
STOPPED_SECONDS = 20
"""How long a head is stopped at most: after a minute, Ray ends the processes that wait for it."""


class Nodes:
    """A head without CPUs, and nodes that can be added and killed."""

    def __init__(self, cache: Path) -> None:
        self.cache = cache
        self._cluster = Cluster(
            initialize_head=True,
            head_node_args={
                "num_cpus": 0,
                "node_ip_address": LOOPBACK,
                "object_store_memory": OBJECT_STORE,
                "include_dashboard": False,
                "_system_config": {"health_check_period_ms": 500, "health_check_failure_threshold": 3},
            },
        )

    @property
    def address(self) -> str:
        """The address of the head."""
        return str(self._cluster.address)

    @property
    def engine(self) -> Engine:
        """How a dashboard trains on it."""
        return Engine(("--engine", "ray", "--ray-address", self.address), ENVIRONMENT, has_nodes=True)

    @property
    def address_of_a_node(self) -> str:
        """Where a node listens, which is no address of the cluster."""
        return f"{LOOPBACK}:{self._cluster.list_all_nodes()[-1].node_manager_port}"

    @contextmanager
    def stopped_head(self) -> Iterator[None]:
        """Let the head answer nobody; fails if that lasts so long that somebody must have waited for it."""
        head = self._cluster.head_node.all_processes["gcs_server"][0].process
        head.send_signal(signal.SIGSTOP)
        patience = threading.Timer(STOPPED_SECONDS, head.send_signal, [signal.SIGCONT])
        patience.start()
        try:
            yield
            assert patience.is_alive()
        finally:
            patience.cancel()
            head.send_signal(signal.SIGCONT)

    @contextmanager
    def pretending(self, **about: str) -> Iterator[None]:
        """Let the head say something else about itself, such as `ray_version`."""
        head = ray._raylet.GcsClient(address=self.address)  # noqa: SLF001
        key, namespace = b"CLUSTER_METADATA", b"cluster"
        said = head.internal_kv_get(key, namespace=namespace)
        head.internal_kv_put(
            key, json.dumps(json.loads(said) | about).encode(), overwrite=True, namespace=namespace
        )
        try:
            yield
        finally:
            head.internal_kv_put(key, said, overwrite=True, namespace=namespace)

    def add(self, cpus: int = 1, **resources: Any) -> Any:
        """Add a node."""
        return self._cluster.add_node(
            num_cpus=cpus,
            node_ip_address=LOOPBACK,
            object_store_memory=OBJECT_STORE,
            memory=MEMORY,
            **resources,
        )

    def kill(self, node: Any) -> None:
        """Kill a node without a chance to clean up."""
        self._cluster.remove_node(node, allow_graceful=False)

    def remove(self, node: Any) -> None:
        """Stop a node, and wait until the head knows it: a new driver may choose a dead node until then."""
        self._cluster.remove_node(node)
        head = ray._raylet.GcsClient(address=self.address)  # noqa: SLF001
        alive = 0
        eventually(
            lambda: all(
                about.state != alive
                for node_id, about in head.get_all_node_info().items()
                if node_id.hex() == node.node_id
            )
        )

    def shut_down(self) -> None:
        """End all nodes."""
        self._cluster.shutdown()


@contextmanager
def started(cache: Path) -> Iterator[Nodes]:
    """A cluster without nodes for runs; its nodes keep copies of data sets in `cache`."""
    os.environ["XDG_CACHE_HOME"] = str(cache)
    nodes = Nodes(cache)
    try:
        yield nodes
    finally:
        nodes.shut_down()
        del os.environ["XDG_CACHE_HOME"]
