"""A slot's child process: trains one run at a time and reports by pipe. The only door from app to torch.

Started as `python -m app.slot FD`, where FD is its end of the pipe. It never opens the database, and
ends when the pipe does: a slot does not outlive its worker.
"""

import os
import platform
import sys
import threading
import traceback
from dataclasses import asdict
from multiprocessing.connection import Connection
from queue import SimpleQueue

import torch

from app import __version__
from app.messages import EpochDone, Failed, Finished, Ready, Started, Stop, Stopped, Train
from trainer.config import TrainConfig
from trainer.data import DataError, TensorData, load, to_device
from trainer.device import DeviceUnavailable, list_devices, resolve
from trainer.evaluate import evaluate
from trainer.loop import Diverged, TrainState, train


class Inbox(threading.Thread):
    """Reads the pipe while the main thread trains: queues trainings, notes a stop, ends with the worker."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(name="inbox", daemon=True)
        self.trainings: SimpleQueue[Train] = SimpleQueue()
        self.stop = threading.Event()
        self._connection = connection

    def run(self) -> None:
        """Read until the other end closes."""
        try:
            while True:
                message = self._connection.recv()
                if isinstance(message, Stop):
                    self.stop.set()
                elif isinstance(message, Train):
                    self.stop.clear()
                    self.trainings.put(message)
        except (EOFError, OSError):
            os._exit(0)


class Trainer:
    """Trains what it is told to, keeping each data set resident on each device it was used on."""

    def __init__(self, connection: Connection, inbox: Inbox) -> None:
        self._connection = connection
        self._inbox = inbox
        self._names = {info.device: info.name for info in list_devices()}
        self._data: dict[tuple[str, str], tuple[TensorData, str]] = {}

    def warm_up(self) -> None:
        """Load the data; what is wrong with it is told to each run that needs it."""
        try:
            self._load("mnist", resolve("auto"))
        except DataError as error:
            print(f"depthboard slot: {error}", file=sys.stderr)  # noqa: T201  # the worker's log

    def train(self, message: Train) -> None:
        """Train one run and report its end, whatever it is."""
        try:
            self._train(TrainConfig.model_validate(message.config), message.device, message.threads)
        except (Diverged, DataError, DeviceUnavailable) as error:
            self._connection.send(Failed(str(error), None))
        except Exception as error:  # noqa: BLE001  # whatever training raises is that run's failure
            self._connection.send(Failed(f"{type(error).__name__}: {error}", traceback.format_exc()))

    def _train(self, config: TrainConfig, choice: str, threads: int) -> None:
        torch.set_num_threads(threads)
        device = resolve(choice)
        data, digest = self._load(config.dataset, device)
        environment = {
            **versions(),
            "device": self._names.get(str(device), str(device)),
            "threads": str(threads),
            "data_sha256": digest,
        }
        self._connection.send(Started(str(device), environment))
        state = TrainState.start(config, device)
        for record in train(config, data, state, self._inbox.stop.is_set):
            self._connection.send(EpochDone(asdict(record)))
        if state.epoch < config.epochs:
            self._connection.send(Stopped())
            return
        on_train = evaluate(state.model, data.train_images, data.train_labels)
        on_test = evaluate(state.model, data.test_images, data.test_labels)
        results = {
            "train_loss": on_train.loss,
            "train_accuracy": on_train.accuracy,
            "test_loss": on_test.loss,
            "test_accuracy": on_test.accuracy,
        }
        self._connection.send(Finished(results))

    def _load(self, dataset: str, device: torch.device) -> tuple[TensorData, str]:
        key = (dataset, str(device))
        if key not in self._data:
            arrays = load(dataset)
            self._data[key] = to_device(arrays, device), arrays.digest
        return self._data[key]


def versions() -> dict[str, str]:
    """What this process trains with."""
    return {
        "depthboard": __version__,
        "torch": str(torch.__version__),
        "python": platform.python_version(),
    }


def main(pipe: int) -> None:
    """Say what devices there are, then train what comes, until the pipe ends."""
    connection: Connection = Connection(pipe)
    inbox = Inbox(connection)
    inbox.start()
    trainer = Trainer(connection, inbox)
    trainer.warm_up()
    connection.send(Ready([asdict(device) for device in list_devices()], versions()))
    while True:
        trainer.train(inbox.trainings.get())


if __name__ == "__main__":
    main(int(sys.argv[1]))
