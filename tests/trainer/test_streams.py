"""Text on standard output and error in any encoding."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from trainer.streams import plain

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("as it is", "as it is"),
        ("98.5\N{NO-BREAK SPACE}% ± 0.1 · 3 × 4 – …", "98.5 % +/- 0.1 - 3 x 4 - ..."),
        ("\N{MINUS SIGN}1", "-1"),
        ("José’s Zürich, Ærø", "Jose's Zurich, \\xc6ro"),
        ("ﬁne ½", "fine 12"),
        ("猫 🐈", "\\u732b \\U0001f408"),
        ("\udcff", "\\udcff"),
        ("e\u0301", "e\\u0301"),
    ],
)
def test_signs_become_plain_ones_and_the_rest_is_escaped(text: str, shown: str) -> None:
    assert plain(text) == shown


def said(code: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """What a process writes that has prepared its streams."""
    return subprocess.run(
        [sys.executable, "-c", f"import sys\nfrom trainer import streams\nstreams.prepare()\n{code}"],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("utf-8", "é … 猫".encode()),
        ("latin-1", b"\xe9 ... \\u732b"),
        ("cp1252", b"\xe9 \x85 \\u732b"),
        ("ascii", b"e ... \\u732b"),
        ("ascii:strict", b"e ... \\u732b"),
    ],
)
def test_each_encoding_prints_or_escapes_characters(encoding: str, shown: bytes) -> None:
    for stream in ("stdout", "stderr"):
        done = said(f"sys.{stream}.write('é … 猫')", PYTHONIOENCODING=encoding)
        assert (done.returncode, getattr(done, stream)) == (0, shown)


def test_json_means_the_same_in_every_encoding() -> None:
    for encoding in ("utf-8", "latin-1", "ascii"):
        done = said(
            "sys.stdout.write(streams.as_json(chr(34) + 'é … 🐈' + chr(34)))", PYTHONIOENCODING=encoding
        )
        assert json.loads(done.stdout.decode(encoding)) == "é … 🐈"


def test_a_full_disk_is_reported_and_other_errors_are_raised() -> None:
    code = "sys.exit(streams.written(lambda: print('a') or 0))"
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-c", f"import sys\nfrom trainer import streams\n{code}"],
            cwd=ROOT,
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == b"The output can't be written: No space left on device.\n"
    own = said("streams.written(lambda: open('/nowhere/at/all'))")
    assert b"FileNotFoundError" in own.stderr


def test_closed_streams_are_not_an_error() -> None:
    code = "import sys\nfrom trainer import streams\nstreams.prepare()\nprint(1)\nprint(2, file=sys.stderr)"
    closed = f'exec {sys.executable} -c "$0" >&- 2>&-'
    done = subprocess.run(["sh", "-c", closed, code], cwd=ROOT, check=False)
    assert done.returncode == 0
