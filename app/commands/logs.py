"""The log of a process: one line per record; repeated records become one line."""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

FOLD_SECONDS: Final = 10.0
"""The period in which repeated records are counted instead of written."""

SHOWN: Final = 10
"""How many records of one kind are written before counting starts."""

_REMEMBERED: Final = 200
"""How many kinds of records are tracked at a time."""

_COMPARED: Final = 500
"""How many characters of a message identify its kind."""

_FORMAT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def begin() -> None:
    """Configure the log of this process: warnings of all packages, and information of our own."""
    logging.basicConfig(level=logging.WARNING, handlers=[FoldingHandler()])
    logging.getLogger("app").setLevel(logging.INFO)


class SafeFormatter(logging.Formatter):
    """Escapes control characters, because a terminal would execute them.

    Messages can contain text from requests. A message takes one line; the lines of a traceback are indented.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The record as text without control characters."""
        without = {"exc_info": None, "exc_text": None, "stack_info": None}
        plain = logging.makeLogRecord(record.__dict__ | without)
        lines = [escaped(super().format(plain))]
        if record.exc_info:
            lines += self.formatException(record.exc_info).splitlines()
        if record.stack_info:
            lines += record.stack_info.splitlines()
        return "\n    ".join([lines[0], *map(escaped, lines[1:])])


def escaped(text: str) -> str:
    """The text with every unprintable character escaped."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


@dataclass
class _Burst:
    """Records of one kind: the time of the first, the last record, and the number of counted ones."""

    began: float
    last: logging.LogRecord
    written: int = 0
    folded: int = 0


class FoldingHandler(logging.StreamHandler):  # type: ignore[type-arg]
    """Writes the first records of each kind within ten seconds to standard error, then counts the others.

    Records of one kind have the same logger, level and message (before its arguments are filled in).
    """

    def __init__(self, seconds: float = FOLD_SECONDS) -> None:
        super().__init__()
        self.setFormatter(SafeFormatter(_FORMAT))
        self._seconds = seconds
        self._bursts: dict[tuple[str, int, str], _Burst] = {}
        self._timer: threading.Timer | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Write or count a record; the logging module holds this handler's lock."""
        moment = time.monotonic()
        self._end_bursts(before=moment - self._seconds)
        kind = (record.name, record.levelno, str(record.msg)[:_COMPARED])
        burst = self._bursts.get(kind)
        if burst is None:
            self._forget_beyond(_REMEMBERED - 1)
            burst = self._bursts[kind] = _Burst(moment, record)
        if burst.written < SHOWN:
            burst.written += 1
            super().emit(record)
            return
        burst.folded += 1
        burst.last = record
        if self._timer is None:
            self._timer = threading.Timer(self._seconds, self._look)
            self._timer.daemon = True
            self._timer.start()

    def close(self) -> None:
        """Write the pending counts before closing."""
        with self._locked():
            self._forget_beyond(0)
        super().close()

    def _look(self) -> None:
        """Write the counts that are due, even when no new record arrives."""
        with self._locked():
            self._timer = None
            self._end_bursts(before=time.monotonic() - self._seconds)
            if any(burst.folded for burst in self._bursts.values()):
                self._timer = threading.Timer(self._seconds, self._look)
                self._timer.daemon = True
                self._timer.start()

    def _end_bursts(self, before: float) -> None:
        while self._bursts and next(iter(self._bursts.values())).began <= before:
            self._forget_beyond(len(self._bursts) - 1)

    def _forget_beyond(self, kept: int) -> None:
        """End the oldest bursts until `kept` remain."""
        while len(self._bursts) > kept:
            burst = self._bursts.pop(next(iter(self._bursts)))
            if burst.folded:
                super().emit(_summary(burst, self._seconds))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.acquire()
        try:
            yield
        finally:
            self.release()


def _summary(burst: _Burst, seconds: float) -> logging.LogRecord:
    """A record with the last message of a burst and the number of records counted."""
    summary = logging.makeLogRecord(burst.last.__dict__)
    summary.msg = "%s … repeated %s times in the last %g s"
    summary.args = (burst.last.getMessage(), f"{burst.folded:,}", seconds)
    summary.exc_info = summary.exc_text = summary.stack_info = None
    return summary
