"""Training as a command: from options as texts to the exit code. Imports torch only to train."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from trainer.config import TrainConfig

FAILED: Final = 1
BAD_VALUE: Final = 2
INTERRUPTED: Final = 130


def train(given: Mapping[str, str], data_dir: Path, threads: int | None, *, as_json: bool) -> int:
    """Train one network with hyperparameters given as texts, and print its results.

    Returns the exit code. Errors go to standard error. Data sets other than MNIST are read from
    `datasets/NAME` in `data_dir`. Without `threads`, PyTorch chooses the number of CPU threads.
    """
    try:
        config = TrainConfig.model_validate_strings(given)
    except ValidationError as error:
        for problem in error.errors():
            sys.stderr.write(f"{_told(problem)}\n")
        return BAD_VALUE
    # Threads that spin while they wait take CPU time from other processes. OpenMP reads this when torch is
    # imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # makes cuBLAS deterministic
    try:
        from trainer.terminal import run  # noqa: PLC0415, it imports torch

        problem_met = run(config, data_dir, threads, as_json=as_json)
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted.\n")
        return INTERRUPTED
    if problem_met is not None:
        sys.stderr.write(f"{problem_met}\n")
        return FAILED
    return 0


def option(name: str) -> str:
    """The command-line option of a hyperparameter."""
    return f"--{name.replace('_', '-')}"


def _told(problem: ErrorDetails) -> str:
    """A validation error in one line: option, bound and given value, or the conflict between values."""
    if problem["loc"]:
        expected = problem["msg"].removeprefix("Value error, ")
        return f"{option(str(problem['loc'][0]))}: {expected}, not {problem['input']}"
    return str(problem.get("ctx", {}).get("error") or problem["msg"])
