"""Measures training: a DataLoader loop, autograd, Depthboard in fp32 and bf16, and the floor, interleaved.

    python benchmarks/training.py              # one run with the whole machine
    python benchmarks/training.py --optimizers # Depthboard and autograd with each optimizer, at three layers
    python benchmarks/training.py --study      # 5 depths x 4 seeds through the dashboard
    python benchmarks/training.py --neighbour    # with one other busy process on the same cores
    python benchmarks/training.py --memory     # peak memory of a slot after its first, second and third run

All times are seconds per epoch, including the evaluation of the test set. Autograd is `torch.nn` and fused
`torch.optim` on `float32` images in memory. It measures the same quantities per epoch as Depthboard except
gradient norms and dead units; in bf16 it uses autocast. The floor is only the matrix products at the same
shapes: forward and weight gradient of every layer, input gradient of all but the first, and the forward pass
of the evaluation.
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as in the slots

import torch
from dashboard import Dashboard
from training_loops import CPU, Epoch, autograd_epochs, depthboard_epochs, floor_epochs, loader_epochs

from app.client import Client
from trainer.config import TrainConfig
from trainer.data.folder import SHIPPED, DataFolder
from trainer.data.loading import TensorData, load, to_device
from trainer.device import list_devices
from trainer.training.forward import has_bf16

DEPTHS = (1, 2, 3, 4, 5)
SEEDS = 4
RESULTS = Path(__file__).parent / "RESULTS.md"
BEGIN, END = "<!-- training begins -->", "<!-- training ends -->"

OPTIMIZERS = {
    "sgd": {},
    "sgd, momentum 0.9": {"momentum": 0.9},
    "nesterov, momentum 0.9": {"optimizer": "nesterov", "momentum": 0.9},
    "adam": {"optimizer": "adam"},
    "adamw, weight decay 0.01": {"optimizer": "adamw", "weight_decay": 0.01},
}


def main() -> None:
    """Run the requested measurement and print it as Markdown."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--study", action="store_true", help="a whole study through the dashboard")
    parser.add_argument("--optimizers", action="store_true", help="each optimizer against autograd")
    parser.add_argument("--neighbour", action="store_true", help="beside a busy process")
    parser.add_argument("--memory", action="store_true", help="memory of a slot over three runs")
    parser.add_argument("--rounds", type=int, default=5, help="epochs of each kind and depth")
    parser.add_argument("--epochs", type=int, default=10, help="epochs of each run of the study")
    parser.add_argument("--write", action="store_true", help="keep the table in benchmarks/RESULTS.md")
    given = parser.parse_args()
    if given.write and (given.study or given.optimizers or given.neighbour or given.memory):
        parser.error("--write keeps the table of one run with the whole machine: leave the other kinds out")
    if given.memory:
        print(memory())
        return
    data = to_device(load(SHIPPED, DataFolder.of(SHIPPED, Path("data"))), CPU)
    if given.study:
        text = study(data, given.epochs)
    elif given.optimizers:
        text = optimizers(data, given.rounds)
    elif given.neighbour:
        text = neighbour(data, given.rounds)
    else:
        text = single(data, given.rounds)
    print(text)
    if given.write:
        keep(text)


def single(data: TensorData, rounds: int) -> str:
    """Measure one run with the whole machine at each depth."""
    kinds = ("DataLoader", "autograd", "fp32", "autograd in bf16", "bf16", "floor")
    ratios = ("fp32 / floor", "DataLoader / fp32", "DataLoader / bf16", "autograd / fp32", "autograd / bf16")
    columns = ("depth", *kinds, *ratios)
    lines = [f"| {' | '.join(columns)} |", f"|{'---:|' * len(columns)}"]
    for depth in DEPTHS:
        config = TrainConfig(depth=depth, epochs=10_000)
        rounded = config.model_copy(update={"precision": "bf16"})
        times = interleaved(
            {
                "loader": loader_epochs(depth, data),
                "autograd": autograd_epochs(config, data),
                "fp32": depthboard_epochs(config, data),
                "autograd in bf16": autograd_epochs(rounded, data),
                "bf16": depthboard_epochs(rounded, data),
                "floor": floor_epochs(depth, data),
            },
            rounds,
        )
        loader, autograd, fp32, autograd_in_bf16, bf16, floor = times.values()
        lines.append(
            f"| {depth} | {loader:.3f} | {autograd:.3f} | {fp32:.3f} | {autograd_in_bf16:.3f} | {bf16:.3f} "
            f"| {floor:.3f} | {fp32 / floor:.2f} | {loader / fp32:.1f} | {loader / bf16:.1f} "
            f"| {autograd / fp32:.2f} | {autograd_in_bf16 / bf16:.2f} |"
        )
    kind = "has" if has_bf16() else "lacks"
    note = f"this processor {kind} bfloat16 instructions. Medians of {rounds} interleaved epochs, in seconds."
    return "\n".join(
        [
            f"{heading()}; {note}",
            "",
            *lines,
        ]
    )


def optimizers(data: TensorData, rounds: int) -> str:
    """Measure every optimizer in Depthboard's own code, and with autograd and `torch.optim`."""
    lines = ["| optimizer | autograd | fp32 | autograd / fp32 |", "|---|---:|---:|---:|"]
    for name, given in OPTIMIZERS.items():
        config = TrainConfig.model_validate({"depth": 3, "epochs": 10_000, "lr": 0.001, **given})
        times = interleaved(
            {"autograd": autograd_epochs(config, data), "fp32": depthboard_epochs(config, data)}, rounds
        )
        autograd, fp32 = times.values()
        lines.append(f"| {name} | {autograd:.3f} | {fp32:.3f} | {autograd / fp32:.2f} |")
    note = f"three layers. Medians of {rounds} interleaved epochs, in seconds."
    return "\n".join([f"{heading('--optimizers')}; {note}", "", *lines])


def study(data: TensorData, epochs: int) -> str:
    """Measure a study with default slots and threads against the DataLoader loop for the same epochs."""
    per_epoch = {depth: interleaved({"loader": loader_epochs(depth, data)}, 3)["loader"] for depth in DEPTHS}
    alone = sum(per_epoch.values()) * SEEDS * epochs
    lines = ["| precision | DataLoader loop | study | ratio |", "|---|---:|---:|---:|"]
    with (
        tempfile.TemporaryDirectory() as folder,
        Dashboard(Path(folder)) as board,
        Client(board.url) as client,
    ):
        wait_for_worker(client)
        for precision in ("fp32", "bf16"):
            began = time.perf_counter()
            request = {"depth": list(DEPTHS), "seed": list(range(SEEDS)), "epochs": epochs}
            made = client.create_study(request | {"precision": precision})
            while (counts := client.study(made.id).counts)["queued"] + counts["running"]:
                time.sleep(0.2)
            wall = time.perf_counter() - began
            if counts["finished"] != len(made.runs):
                raise SystemExit(f"not every run finished: {counts}")
            lines.append(f"| {precision} | {alone:.1f} s | {wall:.1f} s | {alone / wall:.2f} |")
    again = {depth: interleaved({"loader": loader_epochs(depth, data)}, 3)["loader"] for depth in DEPTHS}
    drift = sum(again.values()) / sum(per_epoch.values())
    size = f"{len(DEPTHS)} depths x {SEEDS} seeds x {epochs} epochs"
    note = f"Measured again after the study, the DataLoader loop took {drift:.2f} times as long."
    command = heading(f"--study --epochs {epochs}")
    return "\n".join(
        [
            f"{command}: {size} through web process, worker, slots and checkpoints. {note}",
            "",
            *lines,
        ]
    )


def wait_for_worker(client: Client) -> None:
    """Wait until a worker has a slot that can train."""
    while not any(worker.devices for worker in client.workers()):
        time.sleep(0.1)


def neighbour(data: TensorData, rounds: int) -> str:
    """Measure how much one other busy process slows down training."""
    lines = ["| depth | alone | beside a busy process | ratio |", "|---:|---:|---:|---:|"]
    for depth in DEPTHS:
        config = TrainConfig(depth=depth, epochs=10_000)
        epoch = depthboard_epochs(config, data)
        epoch()
        alone, beside = [], []
        for _ in range(rounds):
            alone.append(timed(epoch))
            with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as busy:
                time.sleep(0.3)
                beside.append(timed(epoch))
                busy.kill()
        lines.append(
            f"| {depth} | {median(alone):.3f} | {median(beside):.3f} | {median(beside) / median(alone):.2f} |"
        )
    return "\n".join(
        [
            f"{heading('--neighbour')}. Seconds per epoch in fp32.",
            "",
            *lines,
        ]
    )


def memory() -> str:
    """Measure the peak memory of a slot after one, two and three runs of five layers."""
    peaks = []
    with (
        tempfile.TemporaryDirectory() as folder,
        Dashboard(Path(folder)) as board,
        Client(board.url) as client,
    ):
        wait_for_worker(client)
        for seed in range(3):
            run = client.create_run({"depth": 5, "epochs": 3, "seed": seed})
            while client.run(run.id).status != "finished":
                time.sleep(0.2)
            peaks.append(max(board.mebibytes("app.worker.slot", "VmHWM")))
    first, second, third = (f"{peak:.0f} MiB" for peak in peaks)
    return (
        f"{heading('--memory')}: at most {first} resident in a slot that has trained a run at depth 5, "
        f"{second} after a second and {third} after a third."
    )


def interleaved(kinds: dict[str, Epoch], rounds: int) -> dict[str, float]:
    """The median time of each kind of epoch, measured in turns after one of each to warm up."""
    for epoch in kinds.values():
        epoch()
    times: dict[str, list[float]] = {name: [] for name in kinds}
    for _ in range(rounds):
        for name, epoch in kinds.items():
            times[name].append(timed(epoch))
    return {name: median(seconds) for name, seconds in times.items()}


def timed(epoch: Epoch) -> float:
    """Seconds of an epoch."""
    began = time.perf_counter()
    epoch()
    return time.perf_counter() - began


def heading(*options: str) -> str:
    """Date, command, machine and versions."""
    name = list_devices()[-1].name
    command = " ".join(["python benchmarks/training.py", *options])
    versions = f"Python {platform.python_version()}, PyTorch {torch.__version__}"
    place = f"{name}, {os.cpu_count()} cores, {versions}, {torch.get_num_threads()} threads"
    return f"{time.strftime('%Y-%m-%d')}, `{command}`, {place}"


def keep(text: str) -> None:
    """Store the table between its marks in RESULTS.md."""
    before, _, rest = RESULTS.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    RESULTS.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")


if __name__ == "__main__":
    main()
