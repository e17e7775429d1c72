#!python
"""Starts Python so that it never imports from the current folder.

The wheel installs this file as the command `depthboard`, too. Then it is a script that nothing has prepared:
everything except `os` and `sys`, which Python has loaded by itself, could come from a stranger's folder.
"""

import os
import sys

_OWN = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
"""The folder that `app` lies in."""

_SEARCHED = "PYTHONPATH"


def command(module: str, *arguments: str) -> list[str]:
    """The words that run a module of Depthboard, to be started in `environment()`."""
    return [sys.executable, "-P", "-m", module, *arguments]


def environment(**defaults: str) -> dict[str, str]:
    """The environment of a child process, and of what it starts; `defaults` stand behind what is set."""
    found = {**defaults, **os.environ, "PYTHONSAFEPATH": "1"}
    if _SEARCHED in found:
        found[_SEARCHED] = without_current_folder(found[_SEARCHED])
    return found


def without_current_folder(search_path: str) -> str:
    """A search path without its relative entries, the empty one among them, and without the current folder.

    Where Depthboard itself lies in the current folder, as in a checkout, an absolute entry for it stays.
    """
    return os.pathsep.join(filter(_elsewhere, search_path.split(os.pathsep)))


def _elsewhere(entry: str) -> bool:
    return os.path.isabs(entry) and (not _same(entry, os.curdir) or _same(entry, _OWN))


def _same(one: str, other: str) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:  # one of them is gone
        return False


def main() -> None:
    """Run the command line, with what it imports taken from the installation alone."""
    searched = os.environ.get(_SEARCHED, "")
    safe = without_current_folder(searched)
    if safe != searched:  # too late for this process, whose search path is made of it
        os.environ[_SEARCHED] = safe
        os.execv(sys.executable, [sys.executable, *sys.argv])  # noqa: S606
    if not sys.flags.safe_path:
        del sys.path[0]  # the folder of the command, which may be the current one
    from app.cli import main as run  # noqa: PLC0415

    run()


if __name__ == "__main__":
    main()
