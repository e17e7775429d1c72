"""Where an event stream begins."""

from app.queue import actions
from tests.app.conftest import Served
from tests.app.listening import Stream, kinds, listening
from tests.app.states import finished_run, queue_run


def test_a_stream_is_not_cached_and_sets_the_retry_delay(server: Served) -> None:
    with server.client.stream("GET", "/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert "no-" in answer.headers["cache-control"]
        lines = answer.iter_lines()
        first = [next(lines), next(lines)]
        assert "retry: 1000" in first


def test_the_stream_of_all_runs_begins_now(server: Served) -> None:
    queue_run(server.database)
    with listening(server.client) as stream:
        second = queue_run(server.database)
        told = stream.next()
    assert (told.kind, told.data["id"]) == ("run", second)


def test_the_stream_of_a_run_begins_with_all_its_data_and_no_other_run(server: Served) -> None:
    run_id = finished_run(server.database)
    finished_run(server.database)
    with listening(server.client, f"/runs/{run_id}/events") as stream:
        told = stream.take(4)
        assert kinds(told) == ["epoch", "epoch", "epoch", "run"]
        assert [each.data["epoch"] for each in told[:3]] == [1, 2, 3]
        queue_run(server.database)
        with server.database.write() as session:
            actions.edit(session, run_id, {"note": "changed"})
        told = [stream.next()]
    assert (told[0].kind, told[0].data["id"], told[0].data["note"]) == ("run", run_id, "changed")


def test_the_last_event_id_outweighs_since(server: Served) -> None:
    for seed in range(3):
        queue_run(server.database, seed=seed)
    with listening(server.client, after=2, since=0) as stream:
        assert stream.next().data["seed"] == 2


def test_an_empty_last_event_id_is_none(server: Served) -> None:
    queue_run(server.database)
    with server.client.stream("GET", "/events", headers={"Last-Event-ID": ""}, params={"since": 0}) as answer:
        stream = Stream(answer)
        stream.wait_for_the_beginning()
        assert stream.next().data["id"] == 1
