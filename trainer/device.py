"""The devices a run can train on, and their names."""

import platform
from dataclasses import dataclass
from pathlib import Path

import torch

from trainer.config import DEVICE_CHOICES, TrainConfig


class DeviceUnavailable(Exception):
    """The requested device is not available on this machine."""


@dataclass(frozen=True)
class DeviceInfo:
    """A device of this machine: its PyTorch name ("cpu", "cuda:0", "mps") and its hardware name."""

    device: str
    name: str


def resolve(choice: str) -> torch.device:
    """The device for "auto" (CUDA, then MPS, then the CPU), for "cpu", "cuda", "cuda:1", ... or "mps".

    Raises `DeviceUnavailable` if this machine or this build of PyTorch has no such device.
    """
    if choice == "auto":
        return torch.device(list_devices()[0].device)
    try:
        device = torch.device(choice)
    except RuntimeError:
        device = None
    if device is None or device.type not in DEVICE_CHOICES:
        raise DeviceUnavailable(f"Unknown device {choice!r}: expected one of {', '.join(DEVICE_CHOICES)}.")
    if device.type == "cuda":
        device = torch.device("cuda", device.index or 0)
    present = [info.device for info in list_devices()]
    if str(device) not in present:
        raise DeviceUnavailable(
            f"Device {choice!r} is not available here: this machine's PyTorch {torch.__version__} "
            f"has {', '.join(present)}. Choose one of these or auto."
        )
    return device


def list_devices() -> list[DeviceInfo]:
    """All devices of this machine; the first is the one that "auto" selects."""
    cuda = [
        DeviceInfo(f"cuda:{index}", torch.cuda.get_device_name(index))
        for index in range(torch.cuda.device_count())
    ]
    mps = [DeviceInfo("mps", "Apple GPU")] if torch.backends.mps.is_available() else []
    return [*cuda, *mps, DeviceInfo("cpu", _cpu_name())]


def synchronize(device: torch.device) -> None:
    """Wait until `device` has finished all queued work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def threads_for(config: TrainConfig, available: int) -> int:
    """The number of CPU threads to train with: 1 for a single layer, which is too little work to split."""
    return 1 if config.depth == 1 else available


def _cpu_name() -> str:
    """The processor's model name if Linux reports it, otherwise its architecture."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text().splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()
