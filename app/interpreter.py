#!python
"""Starts Python so that it never imports from the current folder.

The wheel also installs this file as the command `depthboard`. That script starts without protection: every
import except `os` and `sys`, which Python has already loaded, could come from the current folder.
"""

import os
import sys

_OWN = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
"""The folder that contains `app`."""

_SEARCHED = "PYTHONPATH"


def command(module: str, *arguments: str) -> list[str]:
    """Returns the command line that runs a module of Depthboard; use it with `environment()`."""
    return [sys.executable, "-P", "-m", module, *arguments]


def environment(**defaults: str) -> dict[str, str]:
    """Returns the environment of a child process; variables that are set override `defaults`."""
    found = {**defaults, **os.environ, "PYTHONSAFEPATH": "1"}
    if _SEARCHED in found:
        found[_SEARCHED] = without_current_folder(found[_SEARCHED])
    return found


def without_current_folder(search_path: str) -> str:
    """Returns a search path without relative or empty entries and without the current folder.

    If Depthboard is in the current folder, as in a checkout, an absolute entry for it stays.
    """
    return os.pathsep.join(filter(_elsewhere, search_path.split(os.pathsep)))


def _elsewhere(entry: str) -> bool:
    return os.path.isabs(entry) and (not _same(entry, os.curdir) or _same(entry, _OWN))


def _same(one: str, other: str) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:  # one of them does not exist
        return False


def main() -> None:
    """Run the command line with imports from the installation only."""
    searched = os.environ.get(_SEARCHED, "")
    safe = without_current_folder(searched)
    if safe != searched:  # this process has already read it
        os.environ[_SEARCHED] = safe
        os.execv(sys.executable, [sys.executable, *sys.argv])  # noqa: S606
    if not sys.flags.safe_path:
        del sys.path[0]  # the folder of the command, which may be the current folder
    from app.cli import main as run  # noqa: PLC0415

    run()


if __name__ == "__main__":
    main()
