"""The event stream: everything that happens, in order, once, and again after a reconnect."""

import asyncio
import json

import pytest

from app.queue import actions, claims, endings
from app.runs import studies
from app.schemas.studies import StudyRequest
from app.settings import Settings
from app.storage.database import Database
from app.storage.integrity import Integrity
from app.web import events
from tests.app.conftest import Served
from tests.app.listening import kinds, listening, newest
from tests.app.states import RESULTS, ROOM, claimed, failed_run, figures, finished_run, queue_run, record
from tests.backends import on_both
from tests.waiting import to_its_end


def whole_past(database: Database, seen: int = 0, run_id: int | None = None) -> list[events.Event]:
    """Everything after a change, read chunk by chunk."""
    found: list[events.Event] = []
    with database.read() as session:
        while True:
            more, seen = events.read_after(session, seen, run_id)
            if not more:
                return found
            found += more


# Reading the past


@on_both
def test_events_come_in_the_order_of_their_changes(database: Database) -> None:
    finished_run(database)
    failed_run(database)
    queue_run(database)
    found = whole_past(database)
    numbers = [event.id for event in found]
    assert numbers == sorted(set(numbers))
    assert [(event.kind, event.run_id) for event in found] == [
        *[("epoch", 1)] * 3,
        ("run", 1),
        ("run", 2),
        ("run", 3),
    ]


@on_both
def test_a_run_that_changed_twice_is_sent_once_in_its_newest_state(database: Database) -> None:
    run_id = queue_run(database)
    with database.write() as session:
        actions.edit(session, run_id, {"note": "one"})
        actions.edit(session, run_id, {"note": "two"})
    (told,) = whole_past(database)
    assert (told.kind, json.loads(told.data)["note"]) == ("run", "two")
    assert whole_past(database, told.id) == []


@on_both
def test_a_long_past_comes_whole_in_chunks(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    with database.write() as session:
        studies.create_study(
            session, StudyRequest.model_validate({"depth": 1, "seed": list(range(7))}), limit=ROOM
        )
    for claim in [claimed(database) for _ in range(4)]:
        record(database, claim, 1, 2, 3)
    for run_id in (5, 6):
        with database.write() as session:
            actions.remove(session, run_id)
    at_once = [(event.id, event.kind, event.run_id) for event in whole_past(database)]
    for chunk in (1, 2, 3, 5):
        monkeypatch.setattr(events, "_CHUNK", chunk)
        assert [(event.id, event.kind, event.run_id) for event in whole_past(database)] == at_once
    assert len(at_once) == 12 + 5 + 2


@on_both
@pytest.mark.parametrize("seen", [10**6, 2**63 - 1])
def test_a_client_ahead_of_the_database_gets_a_reset(database: Database, seen: int) -> None:
    queue_run(database)
    with database.read() as session:
        (told,), reached = events.read_after(session, seen)
    assert (told.kind, told.run_id, told.id, reached) == ("reset", None, 1, 1)


def test_an_unchanged_database_has_no_events(database: Database) -> None:
    with database.read() as session:
        assert events.read_after(session, 0) == ([], 0)


# Over HTTP


def test_an_event_contains_the_same_data_as_a_read(server: Served) -> None:
    with listening(server.client, since=0) as stream:
        run_id = queue_run(server.database, epochs=1)
        run = stream.next()
        assert run.data == {
            name: value
            for name, value in server.client.get(f"/runs/{run_id}").json().items()
            if name in run.data
        }
        record(server.database, claimed(server.database), 1)
        epoch = stream.until("epoch")[-1]
    assert epoch.data == {"run_id": run_id, "attempt": 1, **figures(1)}


def test_a_training_is_streamed_from_claim_to_end(server: Served) -> None:
    run_id = queue_run(server.database)
    with listening(server.client, since=newest(server.database)) as stream:
        claim = claimed(server.database)
        assert stream.next().data["status"] == "running"
        for epoch in (1, 2, 3):
            record(server.database, claim, epoch)
        with server.database.write() as session:
            endings.finish(session, claim, RESULTS)
        told = stream.until("run", status="finished")
    assert [each.data["epoch"] for each in told if each.kind == "epoch"] == [1, 2, 3]
    assert told[-1].data["id"] == run_id
    assert [each.id for each in told] == sorted({each.id for each in told})


@on_both
@pytest.mark.parametrize("path", ["/events", "/runs/1/events"])
def test_a_reconnect_leaves_no_gap_and_repeats_nothing(server: Served, path: str) -> None:
    queue_run(server.database, epochs=12)
    claim = claimed(server.database)
    seen = newest(server.database)
    epochs: list[int] = []
    for epoch in range(1, 13):
        record(server.database, claim, epoch)
        if epoch % 3:
            continue  # written while nobody listened
        with listening(server.client, path, after=seen) as stream:
            told = stream.until("epoch", epoch=epoch)
        assert all(each.id > seen for each in told)
        seen = told[-1].id
        epochs += [each.data["epoch"] for each in told if each.kind == "epoch"]
    assert epochs == list(range(1, 13))


def test_two_clients_get_the_same_events(server: Served) -> None:
    with listening(server.client, since=0) as first, listening(server.client, since=0) as second:
        for seed in range(5):
            queue_run(server.database, seed=seed)
        told = first.until("run", seed=4)
        assert second.until("run", seed=4) == told
        with listening(server.client, since=told[1].id) as third:
            assert third.take(len(told) - 2) == told[2:]


@on_both
def test_epochs_of_a_lost_attempt_are_reset(server: Served) -> None:
    run_id = queue_run(server.database)
    with listening(server.client, f"/runs/{run_id}/events") as stream:
        first = claimed(server.database)
        record(server.database, first, 1, 2)
        stream.until("epoch", epoch=2)
        with server.database.write() as session:
            endings.lose(session, first, "its process was killed by SIGKILL")
        second = claimed(server.database)
        with server.database.write() as session:
            claims.report_start(session, second, "cpu", {}, 0)
        record(server.database, second, 1)
        told = stream.until("epoch", attempt=2, epoch=1)
    assert kinds(told).count("reset") == 1
    reset = next(each for each in told if each.kind == "reset")
    assert reset.data == {"run_id": run_id}
    assert all(each.id < reset.id for each in told if each.data.get("attempt") == 1 and each.kind == "epoch")
    with listening(server.client, f"/runs/{run_id}/events") as stream:
        afresh = stream.until("epoch")
    assert [each.data["attempt"] for each in afresh if each.kind == "epoch"] == [2]


@pytest.mark.parametrize("path", ["/events", "/runs/1/events"])
def test_a_deletion_is_sent(server: Served, path: str) -> None:
    run_id = queue_run(server.database)
    with listening(server.client, path, since=newest(server.database)) as stream:
        assert server.client.delete(f"/runs/{run_id}").status_code == 204
        told = stream.next()
    assert (told.kind, told.data) == ("deleted", {"run_id": run_id})


def test_a_deletion_between_connections_is_sent_on_reconnect(server: Served) -> None:
    run_id = queue_run(server.database)
    seen = newest(server.database)
    server.client.delete(f"/runs/{run_id}")
    with listening(server.client, f"/runs/{run_id}/events", after=seen) as stream:
        assert stream.next().data == {"run_id": run_id}


def test_a_client_of_another_database_gets_a_reset(server: Served) -> None:
    queue_run(server.database)
    with listening(server.client, after=10**6) as stream:
        told = stream.next()
        assert (told.kind, told.data) == ("reset", {"run_id": None})
        queue_run(server.database)
        assert stream.next().data["id"] == 2


def test_a_stream_resumes_after_any_change(server: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream is whole when the hub has forgotten what its client has not seen yet."""
    monkeypatch.setattr(events, "_REMEMBERED", 4)
    with listening(server.client, since=0) as slow:
        for seed in range(30):
            queue_run(server.database, seed=seed)
        with listening(server.client, since=3) as late:
            assert [each.data["seed"] for each in late.take(27)] == list(range(3, 30))
        assert [each.data["seed"] for each in slow.take(30)] == list(range(30))


@on_both
def test_a_slow_client_gets_a_reset_and_continues_with_the_newest_events(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "_REMEMBERED", 4)
    monkeypatch.setattr(events, "SLOW_SECONDS", 0)
    queue_run(database)
    hub = events.EventHub(database, Integrity(database, settings.data_dir))

    async def listen() -> list[bytes]:
        stream = hub.stream(0)
        chunks = [await anext(stream), await anext(stream)]
        for seed in range(20):  # while it takes nothing
            queue_run(database, seed=seed)
            while hub.newest < newest(database):  # noqa: ASYNC110  # the hub has its own pace
                await asyncio.sleep(0.001)
        chunks.append(await anext(stream))
        queue_run(database, depth=2)
        chunks.append(await anext(stream))
        hub.close()
        chunks += [chunk async for chunk in stream]
        return chunks

    greeting, first, again, after = to_its_end(listen())
    assert greeting == events.GREETING
    assert b'"id":1,' in first
    assert again == b'event: reset\ndata: {"run_id":null}\nid: 21\n\n'
    assert after.startswith(b"event: run\n")
    assert b'"id":22,' in after


def test_an_idle_stream_sends_pings(server: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "PING_SECONDS", 0.01)
    with server.client.stream("GET", "/events") as answer:
        assert next(line for line in answer.iter_lines() if "ping" in line) == ": ping"
