"""What commands print to standard output: text, or JSON with `--json`."""

import sys
from typing import Annotated

import typer

from trainer import streams

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


def say(text: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{text}\n")


def say_json(text: str) -> None:
    """Print JSON; characters that the encoding lacks are escaped."""
    say(streams.as_json(text))
