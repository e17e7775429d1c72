"""A slot's child process: trains one run at a time and reports by pipe. The only door from app to torch.

Started as `python -m app.slot FD DATA_DIR`, where FD is its end of the pipe. It never opens the database, and
ends when the pipe does: a slot does not outlive its worker.
"""

import os
import platform
import sys
import threading
import traceback
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue

import torch

from app import __version__
from app.messages import EpochDone, Failed, Finished, Ready, Started, Stop, Stopped, Train
from trainer.config import TrainConfig
from trainer.data import DataError, TensorData, load, to_device
from trainer.device import DeviceUnavailable, list_devices, resolve, threads_for
from trainer.evaluate import evaluate
from trainer.folder import SHIPPED, DataFolder, Stamp
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


@dataclass(frozen=True, eq=False)
class _Resident:
    """A data set on a device, and what its files were like just before they were read."""

    stamp: Stamp
    data: TensorData
    digest: str


class Trainer:
    """Trains what it is told to, keeping each data set resident on each device it was used on.

    Data sets of one's own are read from their folders under `data_dir`.
    """

    def __init__(self, connection: Connection, inbox: Inbox, data_dir: Path) -> None:
        self._connection = connection
        self._inbox = inbox
        self._data_dir = data_dir
        self._names = {info.device: info.name for info in list_devices()}
        self._data: dict[tuple[str, str], _Resident] = {}

    def warm_up(self) -> None:
        """Load the data; what is wrong with it is told to each run that needs it."""
        try:
            self._load(SHIPPED, resolve("auto"))
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
        torch.set_num_threads(threads_for(config, threads))
        device = resolve(choice)
        resident = self._load(config.dataset, device)
        data = resident.data
        environment = {
            **versions(),
            "device": self._names.get(str(device), str(device)),
            "threads": str(threads_for(config, threads)),
            "data_sha256": resident.digest,
            "train_images": str(len(data.train_labels)),
            "test_images": str(len(data.test_labels)),
        }
        self._connection.send(Started(str(device), environment))
        state = TrainState.start(config, device)
        for record in train(config, data, state, self._inbox.stop.is_set):
            self._connection.send(EpochDone(asdict(record)))
        if state.epoch < config.epochs:
            self._connection.send(Stopped())
            return
        on_train = evaluate(state.model, data.train_images, data.train_labels, config.precision)
        on_test = evaluate(state.model, data.test_images, data.test_labels, config.precision)
        results = {
            "train_loss": on_train.loss,
            "train_accuracy": on_train.accuracy,
            "test_loss": on_test.loss,
            "test_accuracy": on_test.accuracy,
        }
        self._connection.send(Finished(results))

    def _load(self, dataset: str, device: torch.device) -> _Resident:
        """The data set on the device; it is read again when its files are not those it was read from."""
        key = (dataset, str(device))
        folder = DataFolder.of(dataset, self._data_dir)
        stamp = folder.stamp
        if key in self._data and self._data[key].stamp != stamp:
            del self._data[key]
        if key not in self._data:
            arrays = load(dataset, folder)
            self._data[key] = _Resident(stamp, to_device(arrays, device), arrays.digest)
        return self._data[key]


def versions() -> dict[str, str]:
    """What this process trains with."""
    return {
        "depthboard": __version__,
        "torch": str(torch.__version__),
        "python": platform.python_version(),
    }


def main(pipe: int, data_dir: Path) -> None:
    """Say what devices there are, then train what comes, until the pipe ends."""
    connection: Connection = Connection(pipe)
    inbox = Inbox(connection)
    inbox.start()
    trainer = Trainer(connection, inbox, data_dir)
    trainer.warm_up()
    connection.send(Ready([asdict(device) for device in list_devices()], versions()))
    while True:
        trainer.train(inbox.trainings.get())


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
