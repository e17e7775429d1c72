"""The log: a line a record, nothing a terminal obeys, and repetitions as a number."""

import io
import logging
import re
from collections.abc import Iterator

import pytest

from app.commands import logs
from tests.waiting import eventually


@pytest.fixture
def written() -> Iterator[tuple[logging.Logger, io.StringIO, logs.FoldingHandler]]:
    """A logger of its own, what it has written, and its handler, which folds for half a second."""
    handler = logs.FoldingHandler(seconds=0.5)
    text = io.StringIO()
    handler.setStream(text)
    logger = logging.getLogger("tests.logs")
    logger.propagate = False
    logger.addHandler(handler)
    yield logger, text, handler
    logger.removeHandler(handler)
    handler.close()


Written = tuple[logging.Logger, io.StringIO, logs.FoldingHandler]


@pytest.mark.parametrize("code", [0x1B, 0x0A, 0x0D, 0, 0x7F, 0x9B, 0x2028, 0x202E, 0xD800])
def test_control_characters_of_a_request_are_escaped_in_the_log(written: Written, code: int) -> None:
    character = chr(code)
    _, text, handler = written
    said = {"name": "app", "levelname": "WARNING", "msg": "GET /%s: no", "args": (f"a{character}[2Jb",)}
    handler.handle(logging.makeLogRecord(said))
    (line,) = text.getvalue().split("\n")[:-1]
    assert line.isprintable()
    assert line.endswith(": no")
    assert character.encode("unicode_escape").decode() in line


def test_a_traceback_keeps_its_lines_and_escapes_others(written: Written) -> None:
    logger, text, _ = written
    try:
        raise ValueError("said\n2026-01-01 ERROR app: \x1b[31mforged")  # noqa: TRY301  # so that there is a traceback
    except ValueError:
        logger.exception("it failed")
    first, *others = text.getvalue().splitlines()
    assert first.endswith("it failed")
    assert any("raise ValueError" in line for line in others)
    assert all(line.startswith("    ") and line.isprintable() for line in others)


def test_repeated_records_are_counted_and_reported_after_a_while(written: Written) -> None:
    logger, text, _ = written
    for number in range(5_000):
        logger.error("no descriptor for %s", number)

    def told() -> int:
        """The records that lines show or count; a slow machine begins a second burst."""
        counts = re.findall(r"… repeated ([\d,]+) times in the last 0\.5 s", text.getvalue())
        shown = len(text.getvalue().splitlines()) - len(counts)
        return shown + sum(int(count.replace(",", "")) for count in counts)

    eventually(lambda: told() == 5_000)
    assert len(text.getvalue().splitlines()) < 500
    assert "no descriptor for 4999 … repeated " in text.getvalue().splitlines()[-1]


def test_closing_writes_the_count_of_repeated_records(written: Written) -> None:
    logger, text, handler = written
    for _ in range(logs.SHOWN + 3):
        logger.error("again")
    handler.close()
    assert "again … repeated 3 times" in text.getvalue()


def test_other_records_are_not_held_back(written: Written) -> None:
    logger, text, _ = written
    for _ in range(100):
        logger.error("again")
    logger.error("something else")
    assert text.getvalue().splitlines()[-1].endswith("something else")


def test_the_memory_for_different_records_is_limited(written: Written) -> None:
    logger, text, handler = written
    for number in range(2_000):
        logger.error(f"request {number} failed")  # noqa: G004  # as libraries do
    assert len(handler._bursts) <= logs._REMEMBERED  # noqa: SLF001
    assert len(text.getvalue().splitlines()) == 2_000
