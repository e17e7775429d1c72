"""Standard output and error for any encoding; a closed pipe ends the command silently."""

import codecs
import errno
import json
import os
import re
import sys
import unicodedata
from collections.abc import Callable
from types import MappingProxyType
from typing import Final

UNWRITTEN: Final = 1
"""Exit code if output was not written because the reader closed the pipe or the disk is full."""

_PLAIN: Final = MappingProxyType(
    {
        "…": "...",
        "–": "-",
        "—": "--",
        "−": "-",
        "·": "-",
        "•": "*",
        "±": "+/-",
        "×": "x",
        "≤": "<=",
        "≥": ">=",
        "≈": "~",
        "→": "->",
        "←": "<-",
        "✓": "yes",
        "✗": "no",
        "\N{LEFT SINGLE QUOTATION MARK}": "'",
        "’": "'",
        "“": '"',
        "”": '"',
        "ß": "ss",
        "æ": "ae",
        "ø": "o",
        "━": "-",
        "╸": "-",
        "╺": "-",
    }
)
"""Replacements for characters that an encoding lacks. Other letters lose accents; the rest is escaped."""

_ERRORS: Final = "depthboard.plain"
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


def plain(text: str) -> str:
    r"""A text in ASCII: 98.5 % ± 0.1 becomes 98.5 % +/- 0.1, José becomes Jose, and 猫 becomes \u732b."""
    return "".join(map(_plain_letter, text))


def _plain_letter(letter: str) -> str:
    if letter.isascii():
        return letter
    if letter in _PLAIN:
        return _PLAIN[letter]
    bare = "".join(part for part in unicodedata.normalize("NFKD", letter) if part.isascii())
    return bare or letter.encode("ascii", "backslashreplace").decode()


def _replace(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return plain(error.object[error.start : error.end]), error.end


def prepare() -> None:
    """Let both streams write any text, each in its own encoding."""
    codecs.register_error(_ERRORS, _replace)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed before the process started
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115  # stays open
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=_ERRORS)


def as_json(text: str) -> str:
    """JSON for standard output: characters that its encoding lacks become JSON escapes."""
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return re.sub(r"[^\x00-\x7f]", lambda letter: json.dumps(letter[0])[1:-1], text)
    return text


def written(run: Callable[[], int]) -> int:
    """Run a command, flush its output and return its exit code.

    Returns `UNWRITTEN` silently if the reader closed the pipe, as `| head` does, and with a message on
    standard error if the output can't be written for another reason.
    """
    try:
        code = run()
        sys.stdout.flush()
    except BrokenPipeError:
        _let_go()
        return UNWRITTEN
    except OSError as error:
        if error.filename is not None or error.errno not in _FULL:  # not an error of standard output
            raise
        _let_go()
        sys.stderr.write(f"The output can't be written: {error.strerror}.\n")
        return UNWRITTEN
    return code


def _let_go() -> None:
    """Redirect standard output to the null device: the interpreter flushes it again at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
