"""The reports of a slot's child on each training, including failures."""

import errno
import math
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
import torch

import app
from app.storage import artifacts
from app.storage.artifacts import Checkpoint, RunFiles
from app.worker import slot
from app.worker.messages import (
    EpochDone,
    Failed,
    Finished,
    FromSlot,
    Leave,
    Recorded,
    Started,
    Stepping,
    Stop,
    Stopped,
    Train,
)
from app.worker.slot import Inbox, Trainer
from tests.dashboard import ROOT
from tests.processes import Process
from tests.trainer.idx_files import labels, small, write
from tests.waiting import eventually
from trainer.data.folder import TRAIN_LABELS_FILE, DataFolder
from trainer.data.inspection import DataError
from trainer.data.loading import Arrays, load
from trainer.files import predictions
from trainer.training.epoch_record import EpochRecord
from trainer.training.loop import TrainState, train

SO = "so test accuracy overstates how well new images are classified"
QUICK = {"depth": 1, "epochs": 2, "batch_size": 60_000}


class Child:
    """A slot's trainer in this process, and the other end of its pipe."""

    def __init__(self, data_dir: Path) -> None:
        self.folder = data_dir
        self.ours, theirs = Pipe()
        self.theirs: Connection = theirs
        self.inbox = Inbox(theirs)  # never started: it would end this process with its pipe
        self.trainer = Trainer(theirs, self.inbox, data_dir)

    def train(
        self, device: str = "cpu", *, files: RunFiles | None = None, recorded: int = 0, **config: Any
    ) -> list[FromSlot]:
        """What is said of one training, whose worker records every epoch at once."""
        self.inbox.note(Recorded(config.get("epochs", QUICK["epochs"])))
        self.start(device, files, recorded, **config)
        said = []
        while self.ours.poll():
            said.append(self.ours.recv())
        return said

    def start(
        self, device: str = "cpu", files: RunFiles | None = None, recorded: int = 0, **config: Any
    ) -> None:
        """Train to the end."""
        whole: dict[str, object] = {
            "lr": 0.05,
            "seed": 0,
            "device": "auto",
            "dataset": "mnist",
            **QUICK,
            **config,
        }
        folder = files.folder if files else self.folder
        self.trainer.train(Train(whole, device, 1, folder, 1, recorded, checkpoint_seconds=0))


@pytest.fixture(autouse=True)
def _no_steps_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what is said once a second, however long this machine takes."""
    monkeypatch.setattr(slot, "STEPPING_SECONDS", math.inf)


@pytest.fixture(scope="module")
def child(tmp_path_factory: pytest.TempPathFactory) -> Child:
    return Child(tmp_path_factory.mktemp("child"))


@pytest.fixture
def files(tmp_path: Path) -> RunFiles:
    """The files of a run that has none yet."""
    return RunFiles(tmp_path / "run")


def test_a_training_reports_steps_between_batches(child: Child, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slot, "STEPPING_SECONDS", 0)
    said = child.train(epochs=2, batch_size=20_000)
    steps = [index for index, message in enumerate(said) if isinstance(message, Stepping)]
    epochs = [index for index, message in enumerate(said) if isinstance(message, EpochDone)]
    assert len(steps) >= 3 * 2  # batches
    assert any(epochs[0] < step < epochs[1] for step in steps)


def test_a_training_reports_its_longest_step_and_writes_to_a_store(
    child: Child, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Batches of an evaluation are steps too: 5 of the test set, and 30 and 10 at the end."""
    monkeypatch.setattr(slot, "STEPPING_SECONDS", 0)
    said = child.train(files=artifacts.of_run(f"simplecache::{tmp_path.as_uri()}", 1), epochs=1)
    steps = [message for message in said if isinstance(message, Stepping)]
    assert [step.in_store for step in steps] == [False] * 6 + [True] + [False] * 40 + [True]
    first, *longest = [step.longest_step for step in steps]
    assert first is None
    assert all(each is not None and each > 0 for each in longest)
    assert longest == sorted(longest, key=lambda each: each or 0)


def test_a_training_reports_each_epoch_and_its_end(child: Child) -> None:
    started, first, second, finished = child.train()
    assert isinstance(started, Started)
    assert started.device == "cpu"
    assert isinstance(first, EpochDone)
    assert isinstance(second, EpochDone)
    assert [first.record.epoch, second.record.epoch] == [1, 2]
    assert isinstance(finished, Finished)
    assert finished.results.keys() == {"train_loss", "train_accuracy", "test_loss", "test_accuracy"}


def test_a_training_told_to_stop_reports_that_it_stopped(child: Child) -> None:
    child.inbox.stop.set()
    assert child.train()[-1] == Stopped()
    child.inbox.stop.clear()


def test_a_diverged_training_fails_with_its_epoch(child: Child) -> None:
    failed = child.train(depth=5, width=128, epochs=50, batch_size=1024, lr=100)[-1]
    assert isinstance(failed, Failed)
    assert failed.reason.startswith("diverged: loss became non-finite at epoch ")
    assert failed.traceback is None


def test_a_device_that_is_absent_fails_the_run(child: Child, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    (failed,) = child.train(device="cuda")
    assert isinstance(failed, Failed)
    assert "cuda" in failed.reason.lower()
    assert failed.traceback is None


def test_damaged_data_fails_the_run_with_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(*_: object) -> None:
        raise DataError("train-images-idx3-ubyte.gz has another digest")

    monkeypatch.setattr(slot, "load", damaged)
    child = Child(tmp_path)
    child.trainer.warm_up("cpu")
    reason = "the data set mnist can't be used: train-images-idx3-ubyte.gz has another digest"
    assert child.train() == [Failed(reason, None)]


@pytest.fixture
def clothes(tmp_path: Path) -> Path:
    """The folder of a small data set of one's own."""
    return write(tmp_path / "datasets" / "clothes", small())


def environment(said: list[FromSlot]) -> dict[str, str]:
    """What a training was done with."""
    (started,) = (message for message in said if isinstance(message, Started))
    return started.environment


def test_a_run_on_an_added_data_set_is_trained_and_recorded(tmp_path: Path, clothes: Path) -> None:
    said = Child(tmp_path).train(dataset="clothes")
    assert isinstance(said[-1], Finished)
    recorded = environment(said)
    assert recorded["data_sha256"] == load("clothes", DataFolder(clothes)).digest
    assert (recorded["train_images"], recorded["test_images"]) == ("5", "3")
    assert recorded["test_class_counts"] == "1 0 0 0 0 1 0 0 0 1"


@pytest.mark.usefixtures("clothes")
def test_data_warnings_are_recorded_with_each_run(child: Child, tmp_path: Path) -> None:
    assert environment(Child(tmp_path).train(dataset="clothes"))["data_warnings"].splitlines() == [
        (
            "classes 2, 4, 5, 6, 7 and 8 have no training images but 1 test image, which can't be classified "
            "correctly"
        ),
        "classes 1 and 3 have no test images, so test accuracy does not cover them",
        f"every test image is also a training image, {SO}",
        "the test set has only 3 images; each counts for 33.3 percentage points of test accuracy",
        "the training set has only 5 images",
    ]
    assert "data_warnings" not in environment(child.train())


def test_a_file_that_is_no_idx_file_fails_the_run_with_cause_and_remedy(
    tmp_path: Path, clothes: Path
) -> None:
    path = clothes / f"{TRAIN_LABELS_FILE}.gz"
    path.write_bytes(b"<html>Sign in</html>")
    assert Child(tmp_path).train(dataset="clothes") == [
        Failed(
            f"the data set clothes can't be used: {path} is an HTML page. The download failed or requires a "
            "login. Download or copy the file again, and check its content.",
            None,
        )
    ]


def test_a_data_set_is_read_once_until_its_files_change(
    tmp_path: Path, clothes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    def counted(dataset: str, folder: DataFolder) -> Arrays:
        read.append(dataset)
        return load(dataset, folder)

    monkeypatch.setattr(slot, "load", counted)
    child = Child(tmp_path)
    before = [environment(child.train(dataset="clothes"))["data_sha256"] for _ in range(2)]
    assert read == ["clothes"]
    write(clothes, {TRAIN_LABELS_FILE: labels([1, 1, 1, 1, 1])})
    after = environment(child.train(dataset="clothes"))["data_sha256"]
    assert read == ["clothes", "clothes"]
    assert before == [before[0]] * 2
    assert after == load("clothes", DataFolder(clothes)).digest != before[0]


def test_a_run_whose_data_changed_starts_from_scratch(
    tmp_path: Path, clothes: Path, files: RunFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    child = Child(tmp_path)
    child.train(dataset="clothes", files=files)
    write(clothes, {TRAIN_LABELS_FILE: labels([1, 1, 1, 1, 1])})
    started, *_ = child.train(dataset="clothes", files=files, recorded=2)
    assert isinstance(started, Started)
    assert started.epoch == 0
    assert "belongs to other data: the files of clothes have changed; skipping it" in (
        capsys.readouterr().err
    )


def test_a_deleted_data_set_fails_the_run(tmp_path: Path, clothes: Path) -> None:
    child = Child(tmp_path)
    assert isinstance(child.train(dataset="clothes")[-1], Finished)
    (clothes / f"{TRAIN_LABELS_FILE}.gz").unlink()
    (failed,) = child.train(dataset="clothes")
    assert isinstance(failed, Failed)
    assert f"{clothes} lacks {TRAIN_LABELS_FILE}, with or without .gz" in failed.reason
    assert failed.reason.startswith("the data set clothes can't be used: ")
    assert failed.traceback is None


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


def test_a_finished_training_leaves_its_weights_and_predictions(child: Child, files: RunFiles) -> None:
    finished = child.train(files=files)[-1]
    assert isinstance(finished, Finished)
    assert finished.reason is None
    assert files.model(1).is_file()
    assert len(predictions.load(files.predictions(1)).classes) == 10_000


def test_a_training_resumes_from_its_newest_checkpoint(child: Child, files: RunFiles) -> None:
    child.train(files=files, epochs=3)
    expected = files.model(1).read_bytes()
    files.model(1).unlink()
    assert files.usable(3) == [Checkpoint(1, 3)]
    started, finished = child.train(files=files, epochs=3, recorded=3)
    assert isinstance(started, Started)
    assert started.epoch == 3
    assert isinstance(finished, Finished)
    assert files.model(1).read_bytes() == expected


def test_a_checkpoint_that_the_database_does_not_know_is_not_used(child: Child, files: RunFiles) -> None:
    child.train(files=files)
    started, *_ = child.train(files=files, recorded=1)
    assert isinstance(started, Started)
    assert started.epoch == 0


def test_a_damaged_checkpoint_is_skipped_and_logged(
    child: Child, files: RunFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    child.train(files=files)
    newest = files.path_of(Checkpoint(1, 2))
    files.path_of(Checkpoint(1, 1)).write_bytes(newest.read_bytes())
    newest.write_bytes(newest.read_bytes()[:5000])
    started, *_ = child.train(files=files, recorded=2)
    assert isinstance(started, Started)
    assert started.epoch == 2  # the copy, which says itself which epoch it holds
    assert "attempt-1-epoch-2.safetensors is damaged" in capsys.readouterr().err
    for each in files.usable(2):
        files.path_of(each).write_bytes(b"")
    started, *_ = child.train(files=files, recorded=2)
    assert isinstance(started, Started)
    assert started.epoch == 0


def test_a_checkpoint_waits_for_its_record_until_a_stop(tmp_path: Path, files: RunFiles) -> None:
    child = Child(tmp_path)
    training = threading.Thread(target=child.start, kwargs={"files": files})
    training.start()
    assert isinstance(child.ours.recv(), Started)
    assert isinstance(child.ours.recv(), EpochDone)
    child.inbox.note(Stop())
    assert child.ours.recv() == Stopped()
    training.join()
    assert files.usable(100) == []


def test_a_training_told_to_leave_saves_a_checkpoint_and_stops(tmp_path: Path, files: RunFiles) -> None:
    child = Child(tmp_path)
    child.inbox.note(Leave())
    assert child.train(files=files)[-1] == Stopped()
    assert files.usable(100) == [Checkpoint(1, 1)]


@pytest.fixture
def waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Child, RunFiles]]:
    """A trainer that waits to write into a folder that is missing."""
    monkeypatch.setattr(slot, "AWAY_SECONDS", 0.01)
    child, files = Child(tmp_path), RunFiles(tmp_path / "data" / "artifacts" / "runs" / "1")
    child.inbox.note(Recorded(QUICK["epochs"]))
    training = threading.Thread(target=child.start, kwargs={"files": files})
    training.start()
    while not (isinstance(said := child.ours.recv(), Stepping) and said.in_store):
        pass
    yield child, files
    training.join()


def test_training_waits_for_a_missing_folder_and_continues(waiting: tuple[Child, RunFiles]) -> None:
    child, files = waiting
    assert not files.base.exists()
    files.base.mkdir()
    while not isinstance(said := child.ours.recv(), Finished | Failed):
        pass
    assert isinstance(said, Finished)
    assert files.model(1).is_file()
    assert files.predictions(1).is_file()


@pytest.mark.parametrize("told", [Stop(), Leave()])
def test_training_that_waits_for_a_folder_ends_when_told_and_creates_none(
    waiting: tuple[Child, RunFiles], told: Stop | Leave
) -> None:
    child, files = waiting
    child.inbox.note(told)
    while isinstance(said := child.ours.recv(), Stepping | EpochDone):
        pass
    assert said == Stopped()
    assert not files.base.exists()


def test_a_missing_bucket_fails_the_run(
    child: Child, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An object store is not a folder that someone has moved."""
    store = artifacts.of_run(f"simplecache::{tmp_path.as_uri()}", 1)

    def refuse(*_: object, **__: object) -> None:
        raise FileNotFoundError(errno.ENOENT, "no such bucket")

    monkeypatch.setattr(type(store.folder), "write_bytes", refuse)
    failed = child.train(files=store, epochs=1)[-1]
    assert isinstance(failed, Failed)
    assert "no such bucket" in failed.reason


def test_a_full_disk_fails_the_run_with_advice_and_leaves_nothing(
    child: Child, files: RunFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    failed = child.train(files=files)[-1]
    assert isinstance(failed, Failed)
    assert failed.reason.startswith(f"could not write {files.checkpoints}")
    assert failed.reason.endswith("No space left on device; free some space and retry")
    assert failed.traceback is None
    assert list(files.checkpoints.rglob("*")) == []


def test_a_device_that_fails_fails_the_run_and_ends_the_slot(
    child: Child, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered\nMore details")

    monkeypatch.setattr(slot, "train", broken)
    failed = child.train()[-1]
    assert isinstance(failed, Failed)
    assert failed.reason == "the device failed: CUDA error: an illegal memory access was encountered"
    assert failed.device_failed


def test_a_slot_starts_even_if_the_device_has_no_memory_for_the_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def exhausted(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB\nMore details")

    monkeypatch.setattr(slot, "to_device", exhausted)
    Child(tmp_path).trainer.warm_up("cpu")
    assert capsys.readouterr().err == "depthboard slot: CUDA out of memory. Tried to allocate 2 GiB\n"


def test_a_device_without_memory_fails_the_run_with_advice(
    child: Child, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB\nMore details")

    monkeypatch.setattr(slot, "train", exhausted)
    failed = child.train()[-1]
    assert isinstance(failed, Failed)
    assert failed.reason.startswith("the device ran out of memory; choose a smaller width")
    assert "Tried to allocate 2 GiB)" in failed.reason
    assert failed.traceback is None


def test_a_training_that_ends_before_its_last_epoch_says_why(
    child: Child, files: RunFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    def patient(config: Any, data: Any, state: TrainState, *others: Any) -> Iterator[EpochRecord]:
        yield next(train(config, data, state, *others))
        state.best_epoch = 1

    monkeypatch.setattr(slot, "train", patient)
    finished = child.train(files=files)[-1]
    assert isinstance(finished, Finished)
    assert finished.reason == "stopped early: the test loss has not fallen since epoch 1"
    assert files.model(1).is_file()


def test_a_run_records_the_git_revision_if_there_is_one(
    child: Child, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = child.train()[0]
    assert isinstance(started, Started)
    assert started.environment["precision"] == "fp32"
    assert ("git" in started.environment) == (ROOT / ".git").exists()
    monkeypatch.setattr(app, "__file__", str(tmp_path / "app" / "__init__.py"))
    assert slot.revision() == {}
    (tmp_path / ".git").touch()  # no repository after all
    assert slot.revision() == {}


def test_a_child_without_its_worker_ends(tmp_path: Path) -> None:
    """The pipe's other end is closed before the child has even begun."""
    ours, theirs = os.pipe()
    os.close(ours)
    ended = subprocess.run(
        [sys.executable, "-m", "app.worker.slot", str(theirs), str(tmp_path), "cpu"],
        pass_fds=[theirs],
        check=False,
        timeout=120,
        capture_output=True,
    )
    os.close(theirs)
    assert ended.returncode == 0
    assert ended.stdout == b""


WORKER = """
import sys, time
from pathlib import Path
from app.settings import Settings
from app.worker.slot_process import SlotProcess
slot = SlotProcess(Settings(data_dir=Path(sys.argv[1]), device="cpu"))
slot.receive()
print(slot.process.pid, flush=True)
time.sleep(600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a stopped child with its parent")
def test_a_child_that_was_stopped_ends_with_its_worker(tmp_path: Path) -> None:
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert worker.stdout
    child = Process(int(worker.stdout.readline()))
    os.kill(child.pid, signal.SIGSTOP)
    worker.kill()
    worker.wait()
    worker.stdout.close()
    eventually(lambda: not child.alive)
