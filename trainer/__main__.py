"""`python -m trainer --depth 3 --epochs 20`: the library from a terminal, without the dashboard."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from trainer import streams
from trainer.command import option, train
from trainer.config import TrainConfig


def main(arguments: Sequence[str] | None = None) -> int:
    """Train one network with the hyperparameters in `arguments` and return the exit code."""
    streams.prepare()
    return streams.written(lambda: _train(arguments))


def _train(arguments: Sequence[str] | None) -> int:
    parser = _parser()
    options = vars(parser.parse_args(arguments))
    as_json, threads, data_dir = options.pop("json"), options.pop("threads"), options.pop("data_dir")
    given = {name: text for name, text in options.items() if text is not None}
    return train(given, data_dir, threads, as_json=as_json)


def _parser() -> argparse.ArgumentParser:
    """A parser with one option for each hyperparameter that `TrainConfig` declares."""
    parser = argparse.ArgumentParser(
        prog="python -m trainer",
        description="Train one network on handwritten digits, or on images of your own.",
        epilog="Exit codes: 0 success; 1 training failed, or its output was not written; 2 invalid value or "
        "option; 130 interrupted by Ctrl-C.",
    )
    for name, field in TrainConfig.model_fields.items():
        default = "required" if field.is_required() else f"default: {field.default}"
        parser.add_argument(
            option(name),
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
        help="folder with your data sets in datasets/NAME (default: data)",
    )
    parser.add_argument(
        "--threads", type=_thread_count, metavar="N", help="CPU threads (default: chosen by PyTorch)"
    )
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object per epoch, then one for the run"
    )
    return parser


def _thread_count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"input should be an integer of at least 1, not {text}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
