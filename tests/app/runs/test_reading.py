"""Runs as answers show them."""

from app.queue import registry
from tests.app.conftest import Served
from tests.app.states import add_worker, claimed, failed_run, figures, queue_run, record


def test_a_run_has_its_progress(site: Served) -> None:
    add_worker(site.database)
    run_id = queue_run(site.database, epochs=4)
    claim = claimed(site.database)
    run = site.client.get(f"/runs/{run_id}").json()
    assert (run["status"], run["worker_id"]) == ("running", "w")
    assert run["eta_seconds"] > 0  # from the arithmetic, until it has an epoch
    assert run["heartbeat_age_seconds"] >= 0
    record(site.database, claim, 1, 2)
    run = site.client.get(f"/runs/{run_id}").json()
    assert run["epochs_done"] == 2
    assert run["eta_seconds"] >= 0
    assert run["test_accuracy"] == figures(2)["test_accuracy"]


def test_a_queued_run_says_what_it_waits_for(site: Served) -> None:
    auto, cuda = queue_run(site.database), queue_run(site.database, device="cuda")

    def reasons() -> list[str | None]:
        return [site.client.get(f"/runs/{run_id}").json()["reason"] for run_id in (auto, cuda)]

    assert reasons() == ["no live worker", "no live worker"]
    add_worker(site.database)
    assert reasons() == [None, "no live worker has cuda"]
    with site.database.write() as session:
        registry.describe(session, "w", registry.Offer(0, 1))
    assert reasons() == ["no live worker has a slot", "no live worker has a slot"]


def test_a_run_that_is_too_large_for_the_nodes_of_all_workers_says_so(site: Served) -> None:
    large = queue_run(site.database, depth=5, batch_size=60_000)
    small = queue_run(site.database)
    cpu = [{"device": "cpu", "name": "a CPU"}]

    def reason(run_id: int) -> str | None:
        said: str | None = site.client.get(f"/runs/{run_id}").json()["reason"]
        return said

    with site.database.write() as session:
        head = registry.Node("head", 0.0, 0.0, 2**33, memory_per_run=2**30)
        node = registry.Node("node", 4.0, 0.0, 2**32, slots=1, devices=cpu, memory_per_run=2**30)
        registry.register(session, "w", "here", registry.Offer(1, 1, cpu, {}, [head, node]), lease_seconds=60)
    assert reason(large) == "no live worker has 1.3\N{NO-BREAK SPACE}GB of memory per run"
    assert reason(small) is None
    queue = {run["id"]: run for run in site.client.get("/queue").json()["queued"]}
    assert queue[large]["starts_in_seconds"] is None
    assert queue[small]["starts_in_seconds"] is not None
    both = [*cpu, {"device": "cuda:0", "name": "a GPU"}]
    with site.database.write() as session:
        node = registry.Node("node", 4.0, 1.0, 2**32, slots=2, devices=both, memory_per_run=2**30)
        registry.describe(session, "w", registry.Offer(2, 1, both, {}, [head, node]))
    assert reason(large) is None
    on_cpu = queue_run(site.database, depth=5, batch_size=60_000, device="cpu")
    assert reason(on_cpu) == "no live worker has 1.3\N{NO-BREAK SPACE}GB of memory per run"
    queue = {run["id"]: run for run in site.client.get("/queue").json()["queued"]}
    assert queue[large]["starts_in_seconds"] is not None
    assert queue[on_cpu]["starts_in_seconds"] is None
    add_worker(site.database, "of this machine")
    assert reason(on_cpu) is None


def test_a_failed_run_has_its_reason(site: Served) -> None:
    run_id = failed_run(site.database)
    run = site.client.get(f"/runs/{run_id}").json()
    assert (run["status"], run["reason"], run["traceback"]) == ("failed", "it broke", "Traceback: it broke")
