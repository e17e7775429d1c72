"""Tries a GPU: its tests, the reference experiment, agreement with the CPU, memory, two runs at once.

    make gpu                                                       # a CUDA device; under 8 minutes
    PYTHONPATH=. python benchmarks/gpu.py --device cpu --epochs 2  # the same on the CPU, to test this script

Needs PyTorch, NumPy, pydantic, safetensors and pytest, but no database and no web server. Prints tables for
RESULTS.md. Exits with status 1 if a test fails or GPU and CPU disagree.
"""

import argparse
import importlib.util
import os
import platform
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import torch

from trainer.config import TrainConfig
from trainer.data.folder import SHIPPED, DataFolder
from trainer.data.loading import TensorData, load, to_device
from trainer.device import DeviceUnavailable, list_devices, resolve
from trainer.training.epoch_record import EpochRecord
from trainer.training.evaluation import evaluate
from trainer.training.loop import TrainState, train
from trainer.training.update_cache import UpdateCache

ROOT = Path(__file__).parent.parent
DEPTHS = (1, 2, 3, 4, 5)
BESIDE = 3
"""The depth of the runs that share a device."""
AGREE = {"train_loss": 2e-3, "test_loss": 2e-3, "test_accuracy": 3e-3}
"""Maximum difference between GPU and CPU after two epochs, relative for losses."""


@dataclass
class Trained:
    """A run on the device: seconds until its first epoch and of its median epoch, and its results."""

    started: float
    epoch: float
    seconds: float
    train_accuracy: float
    test_accuracy: float
    mebibytes: float


def main() -> int:
    """Run all checks, print the results and return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cuda", help="where to train")
    parser.add_argument("--epochs", type=int, default=200, help="epochs of each run")
    parser.add_argument("--only-one", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    try:
        device = resolve(asked.device)
    except DeviceUnavailable as error:
        parser.error(str(error))
    data = to_device(load(SHIPPED, DataFolder.of(SHIPPED, Path())), device)
    if asked.only_one:  # one of two processes that share the device
        print(trained(TrainConfig(depth=BESIDE, epochs=asked.epochs), data, UpdateCache()).seconds)
        return 0
    name = next(each.name for each in list_devices() if each.device.startswith(device.type))
    print(f"{time.strftime('%Y-%m-%d')}, `make gpu`, {name}, {os.cpu_count()} cores, ", end="")
    print(
        f"Python {platform.python_version()}, PyTorch {torch.__version__}; {asked.epochs} epochs, seed 0.\n"
    )
    has_passed = tested()
    do_agree = agreement(device, data)
    reference(asked.epochs, data)
    together(asked.device, asked.epochs)
    return int(not (has_passed and do_agree))


def tested() -> bool:
    """Run the tests that need a GPU, without the parts of the test suite that they do not use."""
    if importlib.util.find_spec("pytest") is None:
        print("The tests were not run: pytest is missing.\n")
        return False
    tests = ["tests/trainer/training/test_gpu.py", "tests/trainer/test_device.py"]
    options = ["-q", "-m", "gpu", "-p", "no:cacheprovider", "--confcutdir", "tests/trainer"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *tests],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    *before, last = done.stdout.strip().splitlines() or [""]
    print(f"Tests of the GPU: {last.strip(' =')}\n")
    if done.returncode:
        print("\n".join(before), done.stderr)
    return done.returncode == 0


def agreement(device: torch.device, data: TensorData) -> bool:
    """Print the results of two epochs here and on the CPU, and return whether they agree."""
    cpu = to_device(load(SHIPPED, DataFolder.of(SHIPPED, Path())), torch.device("cpu"))
    print(f"| depth | figure after 2 epochs | {device} | cpu | apart |\n|---:|---|---:|---:|---:|")
    do_agree = True
    for depth in (1, 3, 5):
        config = TrainConfig(depth=depth, epochs=2)
        here, there = (list(_records(config, each))[-1] for each in (data, cpu))
        for figure, most in AGREE.items():
            one, other = getattr(here, figure), getattr(there, figure)
            apart = abs(one - other) / (other if "loss" in figure else 1)
            do_agree = do_agree and apart <= most
            print(f"| {depth} | {figure} | {one:.5f} | {other:.5f} | {apart:.5f}{' !' * (apart > most)} |")
    print()
    return do_agree


def _records(config: TrainConfig, data: TensorData) -> list[EpochRecord]:
    return list(train(config, data, TrainState.start(config, data.device)))


def reference(epochs: int, data: TensorData) -> None:
    """Train the reference experiment at each depth, and a second run that reuses the first one's cache."""
    print("| precision | depth | training | epoch | first epoch | second run's | train | test | memory |")
    print("|---|" + "---:|" * 8)
    for precision in ("fp32", "tf32", "bf16") if data.device.type == "cuda" else ("fp32",):
        total = 0.0
        for depth in DEPTHS:
            settings = {"depth": depth, "epochs": epochs, "precision": precision, "device": data.device.type}
            config = TrainConfig.model_validate(settings)
            cache = UpdateCache()
            first = trained(config, data, cache)
            second = trained(config.model_copy(update={"seed": 1, "epochs": 1}), data, cache)
            total += first.seconds
            print(
                f"| {precision} | {depth} | {first.seconds:.2f} s | {1000 * first.epoch:.1f} ms "
                f"| {first.started:.3f} s | {second.started:.3f} s | {first.train_accuracy:.4f} "
                f"| {first.test_accuracy:.4f} | {first.mebibytes:.0f} MiB |",
                flush=True,
            )
        print(f"| {precision} | all | {total:.2f} s | | | | | | |")
    print()


def trained(config: TrainConfig, data: TensorData, cache: UpdateCache) -> Trained:
    """Train on the device of the data."""
    if data.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(data.device)
    state = TrainState.start(config, data.device)
    began = time.perf_counter()
    started = 0.0
    seconds = []
    for record in train(config, data, state, cache=cache):
        started = started or time.perf_counter() - began
        seconds.append(record.seconds)
    on_train = evaluate(state.model, data.train_images, data.train_labels, config.precision)
    on_test = evaluate(state.model, data.test_images, data.test_labels, config.precision)
    taken = torch.cuda.max_memory_allocated(data.device) if data.device.type == "cuda" else 0
    return Trained(started, median(seconds), sum(seconds), on_train.accuracy, on_test.accuracy, taken / 2**20)


def together(device: str, epochs: int) -> None:
    """Measure one run alone, and two runs that share the device in two processes."""
    command = [sys.executable, __file__, "--only-one", "--device", device, "--epochs", str(epochs)]

    def seconds(count: int) -> list[float]:
        runs = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(count)]
        return [float(run.communicate()[0]) for run in runs]

    (alone,), both = seconds(1), seconds(2)
    print(
        f"Depth {BESIDE}: {alone:.2f} s of training alone; two at once on {device} take "
        f"{both[0]:.2f} s and {both[1]:.2f} s: {2 * alone / max(both):.2f} times the runs in the same time."
    )


if __name__ == "__main__":
    sys.exit(main())
