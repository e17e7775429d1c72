"""The child process of a slot: trains, and saves checkpoints. The only importer of PyTorch in `app`.

Started as `app.worker.slot FD DATA_DIR DEVICE`: FD is its end of the pipe, DEVICE the device that its worker
offers. It never opens the database. It ends when the pipe closes, so that it does not outlive its worker. If
it is stopped and can't read the pipe, the kernel ends it.
"""

import logging
import os
import platform
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue
from typing import Final

import numpy as np
import torch

import app
from app import lifeline
from app.storage.artifacts import Checkpoint, RunFiles
from app.worker.messages import (
    EpochDone,
    Failed,
    Finished,
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
from trainer.config import CLASSES, TrainConfig
from trainer.data.folder import SHIPPED, DataFolder, Stamp
from trainer.data.inspection import DataError
from trainer.data.loading import TensorData, load, to_device
from trainer.data.warnings import data_warnings
from trainer.device import DeviceUnavailable, list_devices, resolve, threads_for
from trainer.files import checkpoint, predictions, weights
from trainer.files.checkpoint import CheckpointError
from trainer.files.durable import NotWritten, is_local
from trainer.training.evaluation import evaluate, predict
from trainer.training.loop import Diverged, TrainState, stopped_early, train
from trainer.training.update_cache import UpdateCache

log = logging.getLogger(__name__)

STEPPING_SECONDS: Final = 1.0
"""How often the slot reports that training continues."""

AWAY_SECONDS: Final = 0.5
"""How often a write is tried again while its folder is missing."""


class Inbox(threading.Thread):
    """Reads the pipe while the main thread trains; queues trainings, notes the rest, ends with the worker."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(name="inbox", daemon=True)
        self.trainings: SimpleQueue[Train] = SimpleQueue()
        self.stop = threading.Event()
        self.leave = threading.Event()
        self._recorded = 0
        self._news = threading.Condition()
        self._connection = connection

    def run(self) -> None:
        """Read until the other end closes."""
        try:
            while True:
                self.note(self._connection.recv())
        except (EOFError, OSError):
            os._exit(0)

    def note(self, message: ToSlot) -> None:
        """Handle a message from the worker."""
        with self._news:
            match message:
                case Stop():
                    self.stop.set()
                case Leave():
                    self.leave.set()
                case Recorded():
                    self._recorded = message.epoch
                case Train():
                    self.stop.clear()
                    self.leave.clear()
                    self._recorded = 0
                    self.trainings.put(message)
            self._news.notify_all()

    def wait_until_told_to_end(self, seconds: float) -> bool:
        """Wait until told to stop or to leave, but at most this long; returns whether it was."""
        with self._news:
            return self._news.wait_for(lambda: self.stop.is_set() or self.leave.is_set(), seconds)

    def wait_until_recorded(self, epoch: int) -> bool:
        """Wait until the database has an epoch; returns False if told to stop instead."""
        with self._news:
            self._news.wait_for(lambda: self._recorded >= epoch or self.stop.is_set())
            return self._recorded >= epoch


@dataclass(frozen=True, eq=False)
class _Resident:
    """A data set on a device, and the stamp of its files just before they were read."""

    stamp: Stamp
    data: TensorData
    digest: str
    test_counts: list[int]
    """The number of test images of each class."""

    warnings: list[str]


class Trainer:
    """Trains runs, and keeps each data set resident on each device it was used on.

    It reads data sets other than the included one from their folders under `data_dir`.
    """

    def __init__(self, connection: Connection, inbox: Inbox, data_dir: Path) -> None:
        self._connection = connection
        self._inbox = inbox
        self._data_dir = data_dir
        self._names = {info.device: info.name for info in list_devices()}
        self._data: dict[tuple[str, str], _Resident] = {}
        self._revision = revision()
        self._cache = UpdateCache()
        self._stepped = 0.0
        self._cpu_then: float | None = None
        self._longest_step: float | None = None

    def warm_up(self, device: str) -> None:
        """Load the data; if the data or the device can't be used, each run that needs it fails later."""
        try:
            self._load(SHIPPED, resolve(device))
        except (DataError, DeviceUnavailable, torch.OutOfMemoryError) as error:
            _log(_first_line(error))

    def train(self, message: Train) -> bool:
        """Train one run and report its end; returns False if the device failed and is no longer usable."""
        end = self._end_of(message)
        self._connection.send(end)
        if isinstance(end, Failed):
            if end.device_failed:
                return False
            self._cache.clear()  # a device that ran out of memory needs its memory
        torch.cuda.empty_cache()  # another slot on the same device may need this memory
        return True

    def _end_of(self, message: Train) -> Finished | Stopped | Failed:
        try:
            return self._train(message, TrainConfig.model_validate(message.config))
        except DataError as error:
            return Failed(f"the data set {message.config['dataset']} can't be used: {error}", None)
        except (Diverged, DeviceUnavailable, NotWritten) as error:
            return Failed(str(error), None)
        except torch.OutOfMemoryError as error:
            return Failed(
                f"the device ran out of memory; choose a smaller width or batch size, or use fewer slots "
                f"({_first_line(error)})",
                None,
            )
        except torch.AcceleratorError as error:
            reason = f"the device failed: {_first_line(error)}"
            return Failed(reason, traceback.format_exc(), device_failed=True)
        except Exception as error:  # noqa: BLE001  # any error of training fails only its run
            return Failed(f"{type(error).__name__}: {error}", traceback.format_exc())

    def _train(self, message: Train, config: TrainConfig) -> Finished | Stopped:
        self._cpu_then = self._longest_step = None
        threads = threads_for(config, message.threads)
        torch.set_num_threads(threads)
        device = resolve(message.device)
        resident = self._load(config.dataset, device)
        data = resident.data
        environment = {
            **versions(),
            **self._revision,
            "device": self._names.get(str(device), str(device)),
            "precision": config.precision,
            "threads": str(threads),
            "data_sha256": resident.digest,
            "train_images": str(len(data.train_labels)),
            "test_images": str(len(data.test_labels)),
            "test_class_counts": " ".join(map(str, resident.test_counts)),
            **({"data_warnings": "\n".join(resident.warnings)} if resident.warnings else {}),
        }
        files = RunFiles(message.folder)
        usable = [files.path_of(mark) for mark in files.usable(message.epochs_recorded)]
        state = _newest_state(usable, config, resident.digest, device)
        self._connection.send(Started(str(device), environment, state.epoch))
        started_at = state.epoch
        saved = time.monotonic()
        for record in train(config, data, state, self._told_to_stop, self._cache, self._note_step):
            self._connection.send(EpochDone(record))
            leaving = self._inbox.leave.is_set() and state.epoch < config.epochs
            if leaving or time.monotonic() - saved >= message.checkpoint_seconds:
                # A checkpoint must not be ahead of the database. Training that was told to stop needs none.
                if self._inbox.wait_until_recorded(state.epoch):
                    mark = Checkpoint(message.attempt, state.epoch)
                    path = files.path_of(mark)
                    save = partial(checkpoint.save, path, state, config, resident.digest, files.base)
                    if self._write(files, save):
                        files.remove_older(mark)
                saved = time.monotonic()
            if leaving:
                return Stopped()
        # A slot that has lost the run learns it here, before it overwrites another attempt's files.
        known = state.epoch == started_at or self._inbox.wait_until_recorded(state.epoch)
        if not known or (self._inbox.stop.is_set() and state.epoch < config.epochs):
            return Stopped()
        return self._finish(files, message.attempt, config, data, state)

    def _finish(
        self, files: RunFiles, attempt: int, config: TrainConfig, data: TensorData, state: TrainState
    ) -> Finished | Stopped:
        """Save the weights and their test predictions, and evaluate the weights on both whole splits."""
        model, precision = state.model, config.precision
        on_train = evaluate(model, data.train_images, data.train_labels, precision, self._note_step)
        on_test = evaluate(model, data.test_images, data.test_labels, precision, self._note_step)
        logits = predict(model, data.test_images, precision, self._note_step).cpu().numpy()
        found = predictions.from_logits(logits)

        def save() -> None:
            predictions.save(files.predictions(attempt), found, files.base)
            weights.save(files.model(attempt), model, config, state.epoch, files.base)

        if not self._write(files, save):
            return Stopped()
        results = {
            "train_loss": on_train.loss,
            "train_accuracy": on_train.accuracy,
            "test_loss": on_test.loss,
            "test_accuracy": on_test.accuracy,
        }
        return Finished(results, stopped_early(state) if state.epoch < config.epochs else None)

    def _told_to_stop(self) -> bool:
        """Between two batches: note the step. Returns whether training must stop."""
        self._note_step()
        return self._inbox.stop.is_set()

    def _note_step(self) -> None:
        """After a batch of training or evaluation: measure the step, and report progress once a second."""
        cpu_seconds = time.process_time()
        if self._cpu_then is not None:
            self._longest_step = max(self._longest_step or 0.0, cpu_seconds - self._cpu_then)
        self._cpu_then = cpu_seconds
        if time.monotonic() - self._stepped >= STEPPING_SECONDS:
            self._stepped = time.monotonic()
            self._connection.send(Stepping(self._longest_step))

    def _write(self, files: RunFiles, save: Callable[[], None]) -> bool:
        """Save files of the run; while the folder around them is missing, wait.

        Returns False if told to end instead.
        """
        is_waiting = False
        while True:
            if is_waiting or not is_local(files.folder):  # the kernel shows when a process waits for a disk
                self._connection.send(Stepping(self._longest_step, in_store=True))
            try:
                save()
            except NotWritten as error:
                if not (error.is_away and is_local(files.folder)):  # a missing bucket does not return
                    raise
                if not is_waiting:
                    log.warning("%s; training waits for the folder", error)
                is_waiting = True
            else:
                return True
            if self._inbox.wait_until_told_to_end(AWAY_SECONDS):
                return False

    def _load(self, dataset: str, device: torch.device) -> _Resident:
        """Returns the data set on the device; reads it again if its files have changed."""
        key = (dataset, str(device))
        folder = DataFolder.of(dataset, self._data_dir)
        stamp = folder.stamp
        if key in self._data and self._data[key].stamp != stamp:
            del self._data[key]
        if key not in self._data:
            arrays = load(dataset, folder)
            odd = data_warnings(dataset, arrays)
            counts = np.bincount(arrays.test_labels, minlength=CLASSES).tolist()
            self._data[key] = _Resident(stamp, to_device(arrays, device), arrays.digest, counts, odd)
        return self._data[key]


def _newest_state(
    checkpoints: Iterable[Path], config: TrainConfig, data_sha256: str, device: torch.device
) -> TrainState:
    """Returns the state of the first usable checkpoint, or a new start."""
    for path in checkpoints:
        try:
            return checkpoint.load(path, config, data_sha256, device)
        except CheckpointError as error:
            _log(f"{error}; skipping it")
    return TrainState.start(config, device)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _log(text: str) -> None:
    print(f"depthboard slot: {text}", file=sys.stderr, flush=True)  # noqa: T201  # the worker's log


def revision() -> dict[str, str]:
    """Returns the Git revision of the checkout; empty outside a checkout or if Git fails."""
    checkout = Path(app.__file__).parents[1]
    if not (checkout / ".git").exists():
        return {}
    command = ["git", "-C", str(checkout), "describe", "--always", "--dirty"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return {}
    return {"git": said.stdout.strip()}


def versions() -> dict[str, str]:
    """Returns the versions that this process trains with."""
    return {
        "depthboard": app.__version__,
        "torch": str(torch.__version__),
        "python": platform.python_version(),
    }


def main(pipe: int, data_dir: Path, device: str) -> None:
    """Report the devices, then train runs until the pipe closes or the device fails.

    Only the worker handles termination signals, even if the slot receives them, too.
    """
    lifeline.end_with_parent()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    connection: Connection = Connection(pipe)
    inbox = Inbox(connection)
    inbox.start()
    trainer = Trainer(connection, inbox, data_dir)
    trainer.warm_up(device)
    connection.send(Ready([asdict(device) for device in list_devices()], versions()))
    while trainer.train(inbox.trainings.get()):
        pass


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
