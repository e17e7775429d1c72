"""Trains the published experiment and keeps what the tests of conclusions need from it.

    python benchmarks/published.py FOLDER      # 5 depths, 3 seeds, 200 epochs; an hour on 2 cores

Each run becomes a file in FOLDER; a run whose file exists is not trained again. When all are there, they are
packed into tests/app/compare/inference/published.npz: the test accuracy of every epoch, and for some epochs
whether each test image is classified correctly.
"""

import argparse
import multiprocessing
import os
from pathlib import Path
from typing import Final

import numpy as np

DEPTHS: Final = (1, 2, 3, 4, 5)
SEEDS: Final = (0, 1, 2)
EPOCHS: Final = 200
CUTS: Final = (20, 40, 80, 120, 160, 200)
"""The epochs whose predictions are kept."""

PACKED: Final = Path(__file__).parents[1] / "tests" / "app" / "compare" / "inference" / "published.npz"


def main() -> None:
    """Train the missing runs, two at a time, and pack all of them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    runs = [(depth, seed) for seed in SEEDS for depth in reversed(DEPTHS)]
    missing = [(folder, *run) for run in runs if not _file(folder, *run).exists()]
    with multiprocessing.get_context("spawn").Pool(os.cpu_count()) as pool:
        for done in pool.imap_unordered(train_one, missing):
            print(done, flush=True)
    pack(folder)


def train_one(run: tuple[Path, int, int]) -> str:
    """Train a run on one thread, and store its epochs and the correctly classified images of `CUTS`."""
    import torch  # noqa: PLC0415  # the packing needs none

    from trainer.config import TrainConfig  # noqa: PLC0415
    from trainer.data.loading import resident  # noqa: PLC0415
    from trainer.training.evaluation import Evaluator  # noqa: PLC0415
    from trainer.training.loop import TrainState, train  # noqa: PLC0415

    folder, depth, seed = run
    torch.set_num_threads(1)
    config = TrainConfig(depth=depth, seed=seed, epochs=EPOCHS, device="cpu")
    data = resident(config, folder)
    state = TrainState.start(config, data.device)
    accuracies, correct = [], []
    for record in train(config, data, state):
        accuracies.append((record.train_accuracy, record.test_accuracy))
        if record.epoch in CUTS:
            predicted = Evaluator(state.model).logits(data.test_images).argmax(dim=1)
            correct.append((predicted == data.test_labels).numpy())
    file = _file(folder, depth, seed)
    with file.with_suffix(".part").open("wb") as opened:
        np.savez(opened, accuracies=np.array(accuracies), correct=np.packbits(correct, axis=1))
    file.with_suffix(".part").replace(file)
    return f"depth {depth}, seed {seed}: {accuracies[-1][1]:.4f}"


def pack(folder: Path) -> None:
    """Write `PACKED`.

    It has `test_accuracy` (depths, seeds, epochs) and the bits `correct` (depths, seeds, cuts, images / 8).
    """
    found = [[np.load(_file(folder, depth, seed)) for seed in SEEDS] for depth in DEPTHS]
    np.savez_compressed(
        PACKED,
        cuts=np.array(CUTS),
        test_accuracy=np.array([[run["accuracies"][:, 1] for run in row] for row in found], dtype=np.float32),
        correct=np.array([[run["correct"] for run in row] for row in found]),
    )
    size = PACKED.stat().st_size
    depths, seeds = len(DEPTHS), len(SEEDS)
    print(f"{PACKED.name}: {depths} depths, {seeds} seeds, {size:,} bytes")


def _file(folder: Path, depth: int, seed: int) -> Path:
    return folder / f"depth{depth}-seed{seed}.npz"


if __name__ == "__main__":
    main()
