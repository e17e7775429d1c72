"""A child for the supervisor's tests: writes down that it lives, and behaves as its first words say."""

import argparse
import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

from app import lifeline


def main() -> None:
    """Run until SIGTERM and log input; `--dies CODE` exits immediately, `--stubborn` ignores SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--dies", type=int)
    parser.add_argument("--stubborn", action="store_true")
    parser.add_argument("--parent", type=int)
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--id")
    parser.add_argument("--replaces")
    arguments = parser.parse_args()
    ended = threading.Event()

    def end(_signal: int, _frame: FrameType | None) -> None:
        with (arguments.folder / "signals").open("a") as file:
            file.write(f"{os.getpid()} {_signal}\n")
        if not arguments.stubborn:
            ended.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    with (arguments.folder / "births").open("a") as file:
        file.write(f"{os.getpid()} {arguments.id} {arguments.replaces}\n")
    if arguments.dies is not None:
        sys.exit(arguments.dies)
    threading.Thread(target=listen, args=(arguments.folder,), daemon=True).start()
    lifeline.watch(arguments.parent, lambda: os.kill(os.getpid(), signal.SIGTERM))
    ended.wait()


def listen(folder: Path) -> None:
    """Log each line of standard input."""
    with os.fdopen(0, "rb", buffering=0, closefd=False) as lines:
        for line in lines:
            with (folder / "told").open("ab") as file:
                file.write(line)


if __name__ == "__main__":
    main()
