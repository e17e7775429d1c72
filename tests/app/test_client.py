"""The client against a real server, and its decisions against answers that a real one rarely gives."""

import json
import shutil
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import httpx
import pytest

from app.client import Client, ClientError
from app.queue import claims, endings
from app.settings import Settings
from app.storage.database import Database
from tests.app.conftest import Served, serving
from tests.app.states import RESULTS, add_worker, claimed, record

EVENTS = {"Content-Type": "text/event-stream"}


@pytest.fixture(scope="module")
def served(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server, and a worker that trains when a test says so."""
    folder = tmp_path_factory.mktemp("client")
    shutil.copy(migrated, folder)
    with serving(Settings(data_dir=folder)) as found:
        add_worker(found.database, lease_seconds=3600)
        yield found


@pytest.fixture(scope="module")
def url(served: Served) -> str:
    return served.url


@pytest.fixture
def client(url: str) -> Iterator[Client]:
    with Client(url) as client:
        yield client


def train_next(database: Database) -> None:
    """Train the next run to its end."""
    claim = claimed(database)
    with database.write() as session:
        assert claims.report_start(session, claim, "cpu", {}, 0)
    assert record(database, claim, *range(1, claim.config.epochs + 1))
    with database.write() as session:
        assert endings.finish(session, claim, RESULTS)


def test_a_run_is_queued_watched_to_its_end_and_read(client: Client, served: Served) -> None:
    run = client.create_run({"depth": 1, "epochs": 2, "tags": ["watched"]})
    kinds = []
    for event in client.events(run.id):
        kinds.append(event.kind)
        if len(kinds) == 1:
            train_next(served.database)
        if event.kind == "run" and event.data["status"] == "finished":
            break
    assert kinds.count("epoch") == 2
    finished = client.run(run.id)
    assert finished.status == "finished"
    assert finished.test_accuracy is not None
    assert client.epochs(run.id).epoch == [1, 2]
    assert [found.id for found in client.runs(tag="watched")] == [run.id]


def test_a_list_of_runs_spans_pages(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.client._PAGE", 2)
    study = client.create_study({"depth": 5, "seed": [0, 1, 2, 3, 4], "tags": ["paged"]})
    assert sorted(run.id for run in client.runs(tag="paged", status=["queued", "running"])) == study.runs
    assert len(list(islice(client.runs(tag="paged"), 3))) == 3
    for run_id in study.runs:
        client.cancel(run_id)
    assert client.study(study.id).counts["cancelled"] == 5


def test_a_cancelled_run_can_be_tried_again(client: Client) -> None:
    run = client.create_run({"depth": 1, "device": "cuda"})
    assert client.cancel(run.id).status == "cancelled"
    assert client.retry(run.id).status == "queued"
    client.cancel(run.id)


def test_only_a_finished_run_is_verified(client: Client) -> None:
    run = client.create_run({"depth": 1, "device": "cuda"})
    with pytest.raises(ClientError, match="only a finished run can be verified") as refused:
        client.verify(run.id)
    assert refused.value.status == 409
    client.cancel(run.id)


def test_the_same_key_creates_one_run(client: Client) -> None:
    body = {"depth": 1, "device": "cuda"}
    first, second = (client.create_run(body, key="once") for _ in range(2))
    assert first.id == second.id
    client.cancel(first.id)


def test_a_study_is_previewed_and_compared(client: Client, served: Served) -> None:
    body = {"depth": 1, "seed": [10, 11], "epochs": 1}
    assert client.preview_study(body).runs == 2
    study = client.create_study(body)
    for _ in range(2):
        train_next(served.database)
    assert client.study(study.id).counts["finished"] == 2
    by_depth = client.compare(study=study.id).by_depth
    assert [(row.depth, row.n) for row in by_depth] == [(1, 2)]
    assert [run.id for run in client.compare(study.runs[:1]).runs] == study.runs[:1]


def test_workers_are_listed(client: Client) -> None:
    assert [worker.slots for worker in client.workers()] == [1]


def test_an_error_says_which_field_and_what_was_expected(client: Client) -> None:
    with pytest.raises(ClientError) as refused:
        client.create_run({"depth": 11, "epochs": 0})
    assert refused.value.status == 422
    assert [error.loc for error in refused.value.errors] == [["depth"], ["epochs"]]
    assert "depth: " in str(refused.value)
    with pytest.raises(ClientError, match="999999") as missing:
        client.run(999999)
    assert missing.value.status == 404
    assert missing.value.title == "Not Found"


def test_an_unreachable_url_explains_how_to_start_a_dashboard() -> None:
    with Client("http://127.0.0.1:1") as client, pytest.raises(ClientError) as error:
        client.run(1)
    assert "http://127.0.0.1:1" in str(error.value)
    assert "depthboard up" in str(error.value)


@pytest.mark.parametrize("url", ["127.0.0.1", "ftp://127.0.0.1", "http://127.0.0.1:port"])
def test_an_invalid_url_is_refused_with_an_example(url: str) -> None:
    def ask() -> None:
        with Client(url) as client:
            client.run(1)

    with pytest.raises(ClientError, match=r"http://127\.0\.0\.1:8000"):
        ask()


def scripted(answer: Callable[[httpx.Request], httpx.Response], naps: list[float] | None = None) -> Client:
    """A client whose server is a function."""
    sleep = naps.append if naps is not None else lambda _: None
    return Client(transport=httpx.MockTransport(answer), sleep=sleep)


def test_another_program_at_the_url_is_reported() -> None:
    page = httpx.Response(200, text="<html>Welcome</html>")
    with scripted(lambda _: page) as client, pytest.raises(ClientError, match="check the URL"):
        client.run(1)


def test_an_error_that_is_no_problem_document_names_url_and_status() -> None:
    with (
        scripted(lambda _: httpx.Response(502)) as client,
        pytest.raises(ClientError, match="502 Bad Gateway"),
    ):
        client.run(1)


def test_a_request_with_a_lost_response_is_retried_with_the_same_key(url: str) -> None:
    keys: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        keys.append(request.headers["idempotency-key"])
        done = httpx.request(
            request.method, f"{url}/runs", content=request.content, headers=dict(request.headers)
        )
        if len(keys) == 1:
            raise httpx.ReadError("the connection was reset")
        if len(keys) == 2:
            raise httpx.ConnectError("the server is away")
        return httpx.Response(done.status_code, content=done.content)

    naps: list[float] = []
    with scripted(answer, naps) as client, Client(url) as real:
        before = {run.id for run in real.runs()}
        run = client.create_run({"depth": 1, "device": "cuda"})
        assert {each.id for each in real.runs()} - before == {run.id}
        real.cancel(run.id)
    assert len(keys) == 3
    assert len(set(keys)) == 1
    assert naps == [0.5, 1.0]


@pytest.mark.parametrize("status", [409, 503])
def test_a_request_with_retry_after_is_retried(status: int) -> None:
    answers = [httpx.Response(status, headers={"Retry-After": "1"})] * 2
    answers.append(httpx.Response(404, json={"type": "about:blank", "title": "Not Found", "status": 404}))
    naps: list[float] = []
    with scripted(lambda _: answers.pop(0), naps) as client, pytest.raises(ClientError, match="Not Found"):
        client.run(1)
    assert len(naps) == 2


def test_retries_are_limited_and_the_last_response_is_reported() -> None:
    naps: list[float] = []
    busy = httpx.Response(503, headers={"Retry-After": "1"})
    with scripted(lambda _: busy, naps) as client, pytest.raises(ClientError, match="503"):
        client.create_run({"depth": 1})
    assert len(naps) == 5


def test_a_request_that_cannot_be_repeated_safely_is_not_retried() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        raise httpx.ReadError("the connection was reset")

    with scripted(answer) as client, pytest.raises(ClientError, match="the connection was reset"):
        client.retry(1)
    assert asked == ["/runs/1/retry"]


def test_a_lost_stream_is_resumed_after_the_last_event() -> None:
    asked: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.headers.get("last-event-id"))
        number = len(asked)
        whole = f'id: {number}\nevent: epoch\ndata: {{"epoch":\ndata: {number}}}\n\n'
        text = f": connected\nretry: 1000\n\n{whole}id: 9\nevent: epoch\ndata: {{}}"
        return httpx.Response(200, text=text, headers=EVENTS)

    with scripted(answer) as client:
        events = list(islice(client.events(7), 3))
    assert asked == [None, "1", "2"]
    assert [(event.id, event.kind, event.data) for event in events] == [
        (str(number), "epoch", {"epoch": number}) for number in (1, 2, 3)
    ], "an event that was cut short is not told"


def test_unicode_line_separators_do_not_split_an_event() -> None:
    note = "one\u2028two\x85three"
    text = f"id: 1\nevent: run\ndata: {json.dumps({'note': note}, ensure_ascii=False)}\n\n"
    with scripted(lambda _: httpx.Response(200, text=text, headers=EVENTS)) as client:
        assert next(client.events()).data == {"note": note}


def test_reconnecting_to_a_lost_stream_is_limited() -> None:
    naps: list[float] = []
    first = [httpx.Response(200, text="id: 1\nevent: run\ndata: {}\n\n", headers=EVENTS)]

    def answer(_: httpx.Request) -> httpx.Response:
        if first:
            return first.pop()
        raise httpx.ConnectError("refused")

    with scripted(answer, naps) as client, pytest.raises(ClientError, match="depthboard up"):
        list(client.events())
    assert 60 <= sum(naps) < 90


def test_a_stream_that_cannot_be_opened_is_an_error() -> None:
    def refuse(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    naps: list[float] = []
    with scripted(refuse, naps) as client, pytest.raises(ClientError):
        next(client.events())
    assert naps == []


def test_a_stream_of_a_run_that_does_not_exist_is_refused(client: Client) -> None:
    with pytest.raises(ClientError) as missing:
        next(client.events(999999))
    assert missing.value.status == 404


def test_requests_use_no_proxy(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "")
    with Client(url) as client:
        assert list(client.runs(q="nothing mentions this")) == []
