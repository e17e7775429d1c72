"""`python -m trainer --depth 3 --epochs 20`: the library from a terminal, without the dashboard."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from trainer.config import TrainConfig

FAILED: Final = 1
BAD_VALUE: Final = 2
INTERRUPTED: Final = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Train one network as the arguments ask; answers the exit status."""
    parser = _parser()
    options = vars(parser.parse_args(arguments))
    as_json, threads, data_dir = options.pop("json"), options.pop("threads"), options.pop("data_dir")
    given = {name: text for name, text in options.items() if text is not None}
    try:
        config = TrainConfig.model_validate_strings(given)
    except ValidationError as error:
        for problem in error.errors():
            sys.stderr.write(f"{_told(problem)}\n")
        return BAD_VALUE
    # Threads that spin while they wait starve every neighbour; OpenMP reads this when torch is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # the same bits every time, on CUDA too
    try:
        from trainer.terminal import run  # noqa: PLC0415, it imports torch

        problem_met = run(config, data_dir, threads, as_json=as_json)
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted.\n")
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has gone; the interpreter flushes it once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    if problem_met is not None:
        sys.stderr.write(f"{problem_met}\n")
        return FAILED
    return 0


def _parser() -> argparse.ArgumentParser:
    """A parser with one option for each hyperparameter that `TrainConfig` declares."""
    parser = argparse.ArgumentParser(
        prog="python -m trainer",
        description="Train one network on handwritten digits, or on images of your own.",
    )
    for name, field in TrainConfig.model_fields.items():
        default = "required" if field.is_required() else f"default: {field.default}"
        parser.add_argument(
            _option(name),
            dest=name,
            required=field.is_required(),
            metavar=name.upper(),
            help=f"{field.description} ({default})",
        )
    parser.add_argument(
        "--data-dir",
        type=Path,
        default=Path("data"),
        metavar="DIR",
        help="where datasets/NAME holds the files of a data set of your own (default: data)",
    )
    parser.add_argument(
        "--threads", type=_thread_count, metavar="N", help="CPU threads (default: as many as PyTorch takes)"
    )
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object per epoch, and a last one for the run"
    )
    return parser


def _told(problem: ErrorDetails) -> str:
    """A validation error in one line: the option, its bound and what was given, or what does not fit."""
    if problem["loc"]:
        expected = problem["msg"].removeprefix("Value error, ")
        return f"{_option(str(problem['loc'][0]))}: {expected}, not {problem['input']}"
    return str(problem.get("ctx", {}).get("error") or problem["msg"])


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _thread_count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"input should be an integer of at least 1, not {text}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
