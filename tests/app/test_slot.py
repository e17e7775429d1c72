"""What a slot's child reports of each training, whatever happens to it."""

import os
import subprocess
import sys
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

import pytest

from app import slot
from app.messages import EpochDone, Failed, Finished, FromSlot, Started, Stopped, Train
from app.slot import Inbox, Trainer
from trainer.data import DataError
from trainer.loop import EpochRecord

QUICK = {"depth": 1, "epochs": 2, "batch_size": 60_000}


class Child:
    """A slot's trainer in this process, and the other end of its pipe."""

    def __init__(self) -> None:
        self.ours, theirs = Pipe()
        self.theirs: Connection = theirs
        self.inbox = Inbox(theirs)  # never started: it would end this process with its pipe
        self.trainer = Trainer(theirs, self.inbox)

    def train(self, device: str = "cpu", **config: Any) -> list[FromSlot]:
        """What is said of one training."""
        whole: dict[str, object] = {
            "lr": 0.05,
            "seed": 0,
            "device": "auto",
            "dataset": "mnist",
            **QUICK,
            **config,
        }
        self.trainer.train(Train(whole, device, 1))
        said = []
        while self.ours.poll():
            said.append(self.ours.recv())
        return said


@pytest.fixture(scope="module")
def child() -> Child:
    return Child()


def test_a_training_is_told_epoch_by_epoch_to_its_end(child: Child) -> None:
    started, first, second, finished = child.train()
    assert isinstance(started, Started)
    assert started.device == "cpu"
    assert isinstance(first, EpochDone)
    assert isinstance(second, EpochDone)
    assert [first.figures["epoch"], second.figures["epoch"]] == [1, 2]
    assert first.figures.keys() == set(EpochRecord.__dataclass_fields__)
    assert isinstance(finished, Finished)
    assert finished.results.keys() == {"train_loss", "train_accuracy", "test_loss", "test_accuracy"}


def test_a_training_that_is_told_to_stop_says_that_it_did(child: Child) -> None:
    child.inbox.stop.set()
    assert child.train()[-1] == Stopped()
    child.inbox.stop.clear()


def test_a_diverged_training_fails_with_its_epoch(child: Child) -> None:
    failed = child.train(depth=5, epochs=50, batch_size=1024, lr=100)[-1]
    assert isinstance(failed, Failed)
    assert failed.reason.startswith("diverged: loss became non-finite at epoch ")
    assert failed.traceback is None


def test_a_device_that_is_absent_fails_the_run(child: Child, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    (failed,) = child.train(device="cuda")
    assert isinstance(failed, Failed)
    assert "cuda" in failed.reason.lower()
    assert failed.traceback is None


def test_damaged_data_fails_the_run_with_what_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    def damaged(_: str) -> None:
        raise DataError("train-images-idx3-ubyte.gz has another digest")

    monkeypatch.setattr(slot, "load", damaged)
    child = Child()
    child.trainer.warm_up()
    assert child.train() == [Failed("train-images-idx3-ubyte.gz has another digest", None)]


def test_any_other_error_fails_the_run_with_its_traceback(
    child: Child, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise MemoryError("no room")

    monkeypatch.setattr(slot, "train", broken)
    failed = child.train()[-1]
    assert isinstance(failed, Failed)
    assert failed.reason == "MemoryError: no room"
    assert failed.traceback is not None
    assert "in broken" in failed.traceback
    monkeypatch.undo()
    assert isinstance(child.train()[-1], Finished)


def test_a_configuration_of_another_version_fails_the_run(child: Child) -> None:
    (failed,) = child.train(depth=77)
    assert isinstance(failed, Failed)
    assert failed.reason.startswith("ValidationError: ")


def test_a_child_without_its_worker_ends() -> None:
    """The pipe's other end is closed before the child has even begun."""
    ours, theirs = os.pipe()
    os.close(ours)
    ended = subprocess.run(
        [sys.executable, "-m", "app.slot", str(theirs)],
        pass_fds=[theirs],
        check=False,
        timeout=120,
        capture_output=True,
    )
    os.close(theirs)
    assert ended.returncode == 0
    assert ended.stdout == b""
