"""Progress bar, text and JSON output of training in a terminal."""

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from trainer.config import TrainConfig
from trainer.data.folder import DataFolder
from trainer.data.inspection import DataError
from trainer.data.loading import load, to_device
from trainer.data.warnings import data_warnings
from trainer.device import DeviceUnavailable, resolve, threads_for
from trainer.training.epoch_record import EpochRecord
from trainer.training.evaluation import evaluate
from trainer.training.loop import Diverged, TrainState, stopped_early, train


def run(config: TrainConfig, data_dir: Path, threads: int | None, *, as_json: bool) -> str | None:
    """Train to the end and print the results. Returns the error message, or `None` on success.

    Data sets other than MNIST are read from their folders under `data_dir`.

    The progress bar and warnings about the data go to standard error. With `as_json`, standard output gets an
    object per epoch with the fields of `EpochRecord`, and a last one with the hyperparameters and final
    results.
    """
    torch.set_num_threads(threads_for(config, threads or torch.get_num_threads()))
    try:
        _run(config, data_dir, as_json=as_json)
    except (DataError, DeviceUnavailable, Diverged, torch.OutOfMemoryError) as error:
        return str(error)
    return None


def _run(config: TrainConfig, data_dir: Path, *, as_json: bool) -> None:
    device = resolve(config.device)
    arrays = load(config.dataset, DataFolder.of(config.dataset, data_dir))
    for warning in data_warnings(config.dataset, arrays):
        sys.stderr.write(f"Warning: {warning}.\n")
    data = to_device(arrays, device)
    state = TrainState.start(config, device)
    train_seconds = 0.0
    with _progress() as progress:
        task = progress.add_task(_title(config, device), total=config.epochs, figures="")
        for record in train(config, data, state):
            train_seconds += record.seconds
            progress.update(task, advance=1, figures=_figures(record))
            if as_json:
                _print_json(asdict(record))
    on_train = evaluate(state.model, data.train_images, data.train_labels, config.precision)
    on_test = evaluate(state.model, data.test_images, data.test_labels, config.precision)
    if as_json:
        _print_json(
            {
                **config.model_dump(),
                "layer_sizes": config.layer_sizes,
                "parameters": config.parameters,
                "epochs_done": state.epoch,
                "device_used": str(device),
                "train_seconds": train_seconds,
                "train_loss": on_train.loss,
                "train_accuracy": on_train.accuracy,
                "test_loss": on_test.loss,
                "test_accuracy": on_test.accuracy,
            }
        )
    else:
        sys.stdout.write(
            f"{_title(config, device)}: train accuracy {on_train.accuracy:.4f}, "
            f"test accuracy {on_test.accuracy:.4f}, {train_seconds:.1f} s\n"
        )
        if state.epoch < config.epochs:
            sys.stdout.write(f"{stopped_early(state)}\n")


def _progress() -> Progress:
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[figures]}"),
        console=console,
        disable=not console.is_terminal,
    )


def _title(config: TrainConfig, device: torch.device) -> str:
    return f"{'-'.join(map(str, config.layer_sizes))} on {device}"


def _figures(record: EpochRecord) -> str:
    return f"loss {record.train_loss:.4f}  test accuracy {record.test_accuracy:.4f}"


def _print_json(figures: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(figures) + "\n")
    sys.stdout.flush()
