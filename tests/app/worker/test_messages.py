"""What a worker and its slots say to each other goes through a pipe as it is."""

from dataclasses import FrozenInstanceError, fields
from multiprocessing import Pipe
from pathlib import Path
from typing import get_args

import pytest

from app.worker import messages
from app.worker.messages import (
    EpochDone,
    Failed,
    Finished,
    FromSlot,
    Leave,
    Ready,
    Recorded,
    Started,
    Stepping,
    Stop,
    Stopped,
    ToSlot,
    Train,
)
from tests.app.states import measured
from trainer.config import TrainConfig

SAID: tuple[ToSlot | FromSlot, ...] = (
    Train(TrainConfig(depth=2, lr=0.1 + 0.2).model_dump(), "cuda:1", 2, Path("/data/runs/7"), 3, 4, 30.0),
    Recorded(5),
    Stop(),
    Leave(),
    Ready([{"device": "cpu", "name": "a CPU"}], {"torch": "2"}),
    Started("cpu", {"data_warnings": "a\nb"}, 2),
    Stepping(None),
    Stepping(0.25, in_store=True),
    EpochDone(measured(3)),
    Finished({"test_accuracy": 0.98}, "stopped early"),
    Stopped(),
    Failed("it broke \ud800", "Traceback", device_failed=True),
)


def test_every_message_arrives_as_it_was_sent() -> None:
    ours, theirs = Pipe()
    with ours, theirs:
        for message in SAID:
            ours.send(message)
            assert theirs.recv() == message


def test_messages_of_worker_and_slot_are_complete_and_disjoint() -> None:
    to, back = set(get_args(ToSlot)), set(get_args(FromSlot))
    assert to.isdisjoint(back)
    assert to | back == {type(message) for message in SAID}
    assert {kind.__module__ for kind in to | back} == {messages.__name__}


def test_a_slot_gets_every_hyperparameter() -> None:
    (told,) = (message for message in SAID if isinstance(message, Train))
    assert TrainConfig.model_validate(told.config) == TrainConfig(depth=2, lr=0.1 + 0.2)


def test_a_message_does_not_change() -> None:
    for message in SAID:
        for field in fields(message):
            with pytest.raises(FrozenInstanceError):
                setattr(message, field.name, None)
