"""Measures how busy the machine is: CPU, memory and NVIDIA GPUs."""

import ctypes
import logging
from typing import Any, Final

import psutil

from app.queue.machines import Use

log = logging.getLogger(__name__)

_DRIVER: Final = "libnvidia-ml.so.1"
"""The library of NVIDIA's driver; only machines with the driver have it."""


class Machine:
    """This machine; the CPU use is the mean since the measurement before."""

    def __init__(self) -> None:
        psutil.cpu_percent()  # the first call only starts the measurement
        self._gpus = _Gpus.found()

    def measure(self) -> Use:
        """Returns the use of the whole machine, by all its processes."""
        memory = psutil.virtual_memory()
        return Use(
            cores=psutil.cpu_count() or 1,
            cpu=psutil.cpu_percent() / 100,
            memory_used=memory.total - memory.available,
            memory_total=memory.total,
            gpus=self._gpus.measure() if self._gpus else (),
        )


class _Gpus:
    """The NVIDIA GPUs of this machine, read through NVML."""

    def __init__(self, nvml: Any) -> None:  # noqa: ANN401  # the module has no types
        self._nvml = nvml

    @classmethod
    def found(cls) -> "_Gpus | None":
        """Returns the GPUs; None without a driver, in which case its bindings are not imported."""
        try:
            ctypes.CDLL(_DRIVER)
        except OSError:
            return None
        import pynvml  # noqa: PLC0415  # only with a driver

        try:
            pynvml.nvmlInit()
        except pynvml.NVMLError as error:
            log.warning("the use of the GPUs can't be measured: %s", error)
            return None
        return cls(pynvml)

    def measure(self) -> list[dict[str, Any]]:
        """The use of each GPU; None for a value that the GPU does not report, such as one divided by MIG."""
        nvml = self._nvml
        try:
            handles = [nvml.nvmlDeviceGetHandleByIndex(index) for index in range(nvml.nvmlDeviceGetCount())]
        except nvml.NVMLError:
            return []
        return [self._measured(handle) for handle in handles]

    def _measured(self, handle: object) -> dict[str, Any]:
        nvml = self._nvml

        def asked(question: Any) -> Any:  # noqa: ANN401  # any of NVML's functions
            try:
                return question(handle)
            except nvml.NVMLError:
                return None

        name = asked(nvml.nvmlDeviceGetName)
        rates, memory = asked(nvml.nvmlDeviceGetUtilizationRates), asked(nvml.nvmlDeviceGetMemoryInfo)
        return {
            "name": name.decode() if isinstance(name, bytes) else name or "GPU",
            "use": rates.gpu / 100 if rates else None,
            "memory_used": memory.used if memory else None,
            "memory_total": memory.total if memory else None,
        }
