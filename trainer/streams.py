"""Standard output and error, which show what their encoding can and end quietly when nobody reads them."""

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
"""Exit code where output was not written, because its reader went away or its disk is full."""

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
"""What stands for signs that an encoding lacks; other letters lose their accents, and the rest is escaped."""

_ERRORS: Final = "depthboard.plain"
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


def plain(text: str) -> str:
    r"""A text in ASCII: 98.5 % ± 0.1 is 98.5 % +/- 0.1, José is Jose, and 猫 is \u732b."""
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
    """Let both streams write whatever text they get, each in its own encoding."""
    codecs.register_error(_ERRORS, _replace)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed when the process began
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115  # stays open
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=_ERRORS)


def as_json(text: str) -> str:
    """JSON for standard output: what its encoding lacks is escaped as JSON does, and means the same."""
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return re.sub(r"[^\x00-\x7f]", lambda letter: json.dumps(letter[0])[1:-1], text)
    return text


def written(run: Callable[[], int]) -> int:
    """Run a command that answers its exit code, and see that all its output is written.

    Where the reader has gone, as with `| head`, it ends quietly with `UNWRITTEN`; where output can't be
    written for another reason, it says so.
    """
    try:
        code = run()
        sys.stdout.flush()
    except BrokenPipeError:
        _let_go()
        return UNWRITTEN
    except OSError as error:
        if error.filename is not None or error.errno not in _FULL:  # a file of the command's own
            raise
        _let_go()
        sys.stderr.write(f"The output can't be written: {error.strerror}.\n")
        return UNWRITTEN
    return code


def _let_go() -> None:
    """Point standard output to nowhere: the interpreter flushes it once more when it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
