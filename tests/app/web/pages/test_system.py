"""The page System: workers and their devices, and where things are kept; and the page API."""

import httpx

from app import formats
from app.queue import claims, machines, registry
from app.settings import Settings
from tests.app.conftest import Served, answering
from tests.app.states import add_worker, claimed, queue_run


def test_live_workers_are_shown_with_their_devices_and_runs(site: Served, browser: httpx.Client) -> None:
    assert "a CPU" not in browser.get("/workers").text
    add_worker(site.database, "w1", slots=3)
    add_worker(site.database, "silent", lease_seconds=-1)
    with site.database.write() as session:
        registry.register(session, "w2", "<there>", registry.Offer(1, 1), lease_seconds=60)
    run_id = queue_run(site.database)
    claimed(site.database, "w1")
    page = browser.get("/workers").text
    assert "a CPU" in page
    assert f'href="/runs/{run_id}"' in page
    assert "&lt;there&gt;" in page
    assert "silent" not in page


def test_the_nodes_of_a_cluster_are_shown_with_resources_problems_and_runs(
    site: Served, browser: httpx.Client
) -> None:
    cpu = [{"device": "cpu", "name": "a CPU"}]
    nodes = [
        registry.Node("<near>", 8.0, 0.5, 2**30, slots=2, devices=cpu, problem="it lost its artifacts"),
        registry.Node("far", 4.0, 0.0, 2**31, problem="this node has Depthboard 0.0.1"),
    ]
    with site.database.write() as session:
        registry.register(session, "w", "here", registry.Offer(2, 1, cpu, {}, nodes), lease_seconds=60)
    run_id = queue_run(site.database)
    with site.database.write() as session:
        claims.claim(session, "w", {"cpu"}, threads=1, lease_seconds=60, host="<near>")
    table = browser.get("/workers").text.partition("Nodes of the cluster")[2].partition("</table>")[0]
    near, far = table.partition("<tbody>")[2].split("</tr>")[:2]
    for words in (
        "&lt;near&gt;",
        ">8<",
        ">0.5<",
        formats.size(2**30),
        "a CPU",
        "it lost its artifacts",
        "1 / 2",
        f'href="/runs/{run_id}"',
    ):
        assert words in near
    assert "this node has Depthboard 0.0.1" in far
    assert "0 / 0" in far
    assert "detecting" not in table


def test_only_a_worker_with_slots_is_detecting_devices(site: Served, browser: httpx.Client) -> None:
    for slots in (0, 1):
        with site.database.write() as session:
            registry.register(session, f"w{slots}", "here", registry.Offer(slots, 1), lease_seconds=60)
        assert browser.get("/workers").text.count("detecting…") == slots


def test_the_system_page_shows_storage_locations(settings: Settings, browser: httpx.Client) -> None:
    page = browser.get("/workers").text
    assert f"{settings.data_dir}/depthboard.sqlite3" in page
    assert "(this machine only)" in page
    assert "Free disk space" in page
    assert "<code>DEPTHBOARD_QUEUE_LIMIT</code>" in page


def test_the_use_of_machines_is_shown_now_and_over_the_last_hour(site: Served, browser: httpx.Client) -> None:
    assert "Machines" not in browser.get("/workers").text.partition("<main")[2].partition("</h1>")[2]
    gpu = {"name": "a GPU", "use": None, "memory_used": 3 * 10**9, "memory_total": 8 * 10**9}
    with site.database.write() as session:
        machines.record(session, "<box>", machines.Use(16, 0.5, 3 * 10**9, 4 * 10**9, [gpu]))
    page = browser.get("/workers").text
    for words in (
        "&lt;box&gt;",
        "16 cores",
        "75\N{NO-BREAK SPACE}%",
        "3.0\N{NO-BREAK SPACE}GB of",
        "GPU 0 <strong>not reported</strong>",
        "a GPU",
    ):
        assert words in page, words
    assert page.count("<polyline") == 3


def test_the_system_page_warns_of_an_exposed_address(settings: Settings) -> None:
    open_to_all = settings.model_copy(update={"host": "0.0.0.0", "no_login": True})  # noqa: S104
    with answering(open_to_all) as site:
        page = site.client.get("/workers", headers={"Accept": "text/html"}).text
    assert "(this machine only)" not in page
    assert "without a login: anyone who reaches its port can start, read and delete runs" in page


def test_the_api_page_is_not_that_of_fastapi(browser: httpx.Client) -> None:
    page = browser.get("/docs").raise_for_status().text
    assert "swagger" not in page.lower()
    assert "/openapi.json" in page
