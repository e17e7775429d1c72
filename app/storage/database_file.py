"""Checks a SQLite file before anything opens it for writing.

The check changes nothing, in the file or beside it: the log of a killed process stays as it is. It does not
read a large file whole; `app.storage.integrity` does that in the background after an unclean shutdown.
"""

import os
import shutil
import struct
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from sqlite3 import Connection
from stat import S_ISDIR, S_ISREG
from typing import Final

from sqlmodel import SQLModel

import app.storage.tables  # noqa: F401  # fills the metadata
from app.storage import migrations
from app.storage.open_files import INDEX, JOURNAL, LOG, beside
from app.storage.outage import PRIMARY, RESTORE
from app.storage.sqlite import DRIVER, uri

LOOK_SECONDS: Final = 0.25
"""Time limit of reading the file's pages; it suffices for about 250 MB."""

_LOOKS: Final = 3
_PAUSE_SECONDS: Final = 0.2
"""A fault must recur in every look, with a pause between them: another process may be writing."""

_PASSING: Final = (
    DRIVER.SQLITE_BUSY,
    DRIVER.SQLITE_LOCKED,
    DRIVER.SQLITE_NOMEM,
    DRIVER.SQLITE_READONLY,
    DRIVER.SQLITE_CANTOPEN,
    DRIVER.SQLITE_PROTOCOL,
)
_KEEP: Final = "Keep a copy of it with all files beside it, and restore"
_SHOWN: Final = 3
"""How many faults or names are reported."""

_MAGIC: Final = b"SQLite format 3\0"
_HEADER_BYTES: Final = 100
_PAGE_BYTES: Final = [2**power for power in range(9, 17)]
_LOG_FORMAT: Final = 2
_LOG_MAGIC: Final = (0x377F0682, 0x377F0683)
_LOG_HEADER_BYTES: Final = 32
_FRAME_HEADER_BYTES: Final = 24
_SALT: Final = slice(16, 24)
"""Position of the salt in a log's header. Its frames repeat the salt; those of an earlier log differ."""

_NEWEST_RUNS: Final = """
SELECT id, created_at FROM run WHERE length(note) + length(coalesce(traceback, '')) < 1000
ORDER BY id DESC LIMIT 100
"""
"""Short rows only: a long row continues on other pages, which may be from another time."""


class DatabaseUnusable(Exception):
    """The file can't be used as Depthboard's database; the message says why and what to do."""

    def __init__(self, path: Path, why: str, cure: str) -> None:
        super().__init__(
            f"The database {str(path)!r} {why}. Nothing was changed. {cure} your newest backup into a new "
            f"data folder: {RESTORE}"
        )


class _Fault(Exception):
    """A fault of the file, worded as the end of a sentence."""


def check(path: Path) -> None:
    """Check that the file, if it exists, is a sound database of Depthboard; changes nothing.

    Raises:
        DatabaseUnusable: it is not.
        SchemaError: it was written by a newer Depthboard.
    """
    named, path = path, Path(os.path.realpath(path))  # SQLite keeps its other files beside a link's target
    if named.is_symlink() and not path.parent.is_dir():
        raise DatabaseUnusable(
            named,
            f"is a link to {str(path)!r}, whose folder is missing",
            "Make the folder available, for example by mounting its disk, or restore",
        )
    for suffix in ("", LOG, INDEX, JOURNAL):
        _check_access(beside(path, suffix))
    for look in range(_LOOKS):
        try:
            _check_content(path)
        except _Fault as fault:
            if look == _LOOKS - 1:
                raise DatabaseUnusable(path, f"is damaged: {fault}", _KEEP) from fault
            time.sleep(_PAUSE_SECONDS)
        else:
            return


def _check_access(path: Path) -> None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return
    except OSError as error:
        raise _out_of_reach(path, error) from error
    if not S_ISREG(status.st_mode):
        kind = "a folder" if S_ISDIR(status.st_mode) else "not a regular file"
        raise DatabaseUnusable(path, f"is {kind}; expected a file", "Move it elsewhere, or restore")
    try:
        os.close(os.open(path, os.O_RDWR))
    except OSError as error:
        raise _out_of_reach(path, error) from error


def _out_of_reach(path: Path, error: OSError) -> DatabaseUnusable:
    return DatabaseUnusable(
        path,
        f"can't be opened for reading and writing: {error.strerror or error}",
        "Start Depthboard as the user that owns the data folder, or restore",
    )


def _check_content(path: Path) -> None:
    if not path.exists():
        log = beside(path, LOG)
        if _size(log):
            raise _Fault(f"the file is missing, and only its write-ahead log {log.name} remains")
        return
    header = _Header(path)
    if _size(beside(path, JOURNAL)):  # SQLite rolls back the interrupted transaction before it reads
        return
    if header.logged:
        _check_log(path, header)
        _check_presence(path, header)
    else:
        _check_length(path, header)
    try:
        with _view(path, header) as view:
            _check_schema(path, view)
            if header.logged:
                _check_descent(path, view)
            _look_through(view)
    except DRIVER.DatabaseError as error:
        if error.sqlite_errorcode & PRIMARY not in _PASSING:  # opening it reports the passing ones
            raise _Fault(_told(str(error))) from error
    except OSError:  # the log can't be read separately, as on a file system without links
        return


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


class _Header:
    """The first bytes of a database file."""

    def __init__(self, path: Path) -> None:
        size = _size(path)
        with path.open("rb") as file:
            header = file.read(_HEADER_BYTES)
        if not size:
            raise _Fault("it is empty (0 bytes); if it never contained data, delete it")
        if not any(header):
            raise _Fault("it begins with zeros instead of the header of a SQLite file")
        if not header.startswith(_MAGIC):
            raise _Fault("it is not a SQLite file, or its header was overwritten")
        if size < _HEADER_BYTES:
            raise _Fault(f"it has only {size} bytes")
        (stored,) = struct.unpack(">H", header[16:18])
        self.page_bytes = 65536 if stored == 1 else stored
        if self.page_bytes not in _PAGE_BYTES or max(header[18:20]) > _LOG_FORMAT:
            raise _Fault("its header was overwritten")
        changed, pages, counted_at = (struct.unpack(">I", header[at : at + 4])[0] for at in (24, 28, 92))
        self.pages = pages if changed == counted_at else 0
        """Number of pages; 0 if the header does not state it."""

        self.keeps_log = header[18] == _LOG_FORMAT
        """Whether the database uses a write-ahead log."""

        self.logged = _size(beside(path, LOG)) not in (0, _LOG_HEADER_BYTES)
        """Whether the log has frames, and so may have newer pages than the file.

        A log that ends with its header has none. SQLite waits 10 s for the index to match such a log.
        """


def _check_length(path: Path, header: _Header) -> None:
    size = _size(path)
    if size % header.page_bytes:
        raise _Fault(
            f"its length of {size:,} bytes is not a whole number of pages of {header.page_bytes:,} bytes"
        )
    if size < (expected := header.pages * header.page_bytes):
        raise _Fault(f"it has {size:,} bytes, but its header states {expected:,}")


def _check_log(path: Path, header: _Header) -> None:
    """Check that the write-ahead log is a log and has the page size of the file."""
    log = beside(path, LOG)
    with log.open("rb") as file:
        head = file.read(_LOG_HEADER_BYTES)
    if not any(head):  # the machine stopped before the log was written
        return
    if len(head) < _LOG_HEADER_BYTES or not _is_log(head):
        raise _Fault(f"its log {log.name} is not a SQLite write-ahead log, or its header was overwritten")
    (page_bytes,) = struct.unpack(">I", head[8:12])
    if page_bytes != header.page_bytes:
        raise _Fault(
            f"its write-ahead log {log.name} has pages of {page_bytes:,} bytes instead of "
            f"{header.page_bytes:,}: the log belongs to another database"
        )


def _check_presence(path: Path, header: _Header) -> None:
    """Check that all pages beyond the end of the file are in its log."""
    pages, logged = 0, set()
    with beside(path, LOG).open("rb") as log:
        salt = log.read(_LOG_HEADER_BYTES)[_SALT]
        place = _LOG_HEADER_BYTES
        while len(frame := log.read(_FRAME_HEADER_BYTES)) == _FRAME_HEADER_BYTES:
            if frame[8:16] == salt:
                page, committed = struct.unpack(">2I", frame[:8])
                logged.add(page)
                pages = committed or pages
            place += _FRAME_HEADER_BYTES + header.page_bytes
            log.seek(place)
    absent = set(range(_size(path) // header.page_bytes + 1, pages + 1)) - logged
    if absent:
        raise _Fault(f"{len(absent):,} of its {pages:,} pages are neither in the file nor in its log")


def _is_log(head: bytes) -> bool:
    """Whether the checksum of a log's header is correct; its magic number gives the byte order."""
    (magic,) = struct.unpack(">I", head[:4])
    if magic not in _LOG_MAGIC:
        return False
    order = ">" if magic & 1 else "<"
    first = second = 0
    words = struct.unpack(f"{order}6I", head[:24])
    for even, odd in zip(words[::2], words[1::2], strict=True):
        first = (first + even + second) & 0xFFFFFFFF
        second = (second + odd + first) & 0xFFFFFFFF
    return struct.unpack(">2I", head[24:]) == (first, second)


@contextmanager
def _view(path: Path, header: _Header) -> Iterator[Connection]:
    """Opens the database with its log, without changing the files or their folder."""
    if not header.logged:
        with _opened(path, "immutable=1" if header.keeps_log else "mode=ro") as view:
            yield view
    elif beside(path, INDEX).exists():
        with _opened(path, "mode=ro&readonly_shm=1") as view:
            yield view
    else:  # SQLite would create the missing index, so open a link with a copy of the log
        with tempfile.TemporaryDirectory(prefix=".check-", dir=path.parent) as folder:
            twin = Path(folder) / path.name
            os.link(path, twin)
            shutil.copyfile(beside(path, LOG), beside(twin, LOG))
            with _opened(twin, "mode=ro") as view:
                yield view


@contextmanager
def _opened(path: Path, how: str) -> Iterator[Connection]:
    with closing(DRIVER.connect(uri(path, how), uri=True, isolation_level=None)) as connection:
        yield connection


def _check_schema(path: Path, view: Connection) -> None:
    """Check that the tables match the stored schema version, or that there are none yet."""
    columns = {
        table: {name for _, name, *_ in view.execute(f'PRAGMA table_info("{table}")')}
        for (table,) in view.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        if table.replace("_", "").isalnum() and not table.startswith("sqlite_")
    }
    ((changes,),) = view.execute("PRAGMA schema_version")
    expected = SQLModel.metadata.tables
    if not columns and not changes:
        return  # it was just created
    if not columns.keys() & {"run", "epoch", migrations.TABLE} and columns:
        raise DatabaseUnusable(
            path,
            f"belongs to another program: its tables are {_listed(columns)}",
            "Use another data folder with --data-dir, or restore",
        )
    if migrations.TABLE not in columns:
        raise _Fault(f"its table {migrations.TABLE} is missing")
    versions = [version for (version,) in view.execute("SELECT version_num FROM alembic_version")]
    if len(versions) != 1:
        raise _Fault(f"its table {migrations.TABLE} contains {len(versions)} versions instead of one")
    current = migrations.judged(versions[0], str(path)) == migrations.HEAD
    if missing := (expected if current else {"run": None, "epoch": None, "counter": None}).keys() - columns:
        raise _Fault(f"tables are missing: {_listed(missing)}")
    if current:
        for table in expected.values():
            if lacking := {column.name for column in table.columns} - columns[table.name]:
                raise _Fault(f"its table {table.name} has no column {_listed(lacking)}")
    ((counters,),) = view.execute("SELECT count(*) FROM counter")
    if counters != 1:
        raise _Fault(f"its table counter has {counters} rows instead of one")


def _listed(names: Iterable[str]) -> str:
    ordered = sorted(names)
    return ", ".join(ordered[:_SHOWN]) + (", …" if len(ordered) > _SHOWN else "")


def _check_descent(path: Path, view: Connection) -> None:
    """Check that the log belongs to this file: SQLite would accept any log.

    Without its log, the file is an earlier state of the same database: it has fewer changes, and each of its
    runs still exists or was deleted since. It may be larger, as before a VACUUM. If a process was killed
    while it merged the log, the file alone may be inconsistent; then nothing is compared.
    """
    log = beside(path, LOG).name
    strange = _Fault(
        f"its log {log} seems to belong to another database; copy both files, then remove the log or restore "
        "the right one"
    )
    try:
        with _opened(path, "immutable=1") as past:
            if [line for (line,) in past.execute("PRAGMA quick_check('run')")] != ["ok"]:
                return
            ((before,),) = past.execute("SELECT value FROM counter")
            runs = past.execute(_NEWEST_RUNS).fetchall()
    except (DRIVER.DatabaseError, ValueError):
        return
    ((now,),) = view.execute("SELECT value FROM counter")
    if before > now or not all(_is_known(view, *run) for run in runs):
        raise strange


def _is_known(view: Connection, run_id: int, created_at: float) -> bool:
    known = view.execute("SELECT created_at FROM run WHERE id = ?", (run_id,)).fetchall()
    known = known or view.execute("SELECT ? FROM deletion WHERE run_id = ?", (created_at, run_id)).fetchall()
    return known == [(created_at,)]


def _look_through(view: Connection) -> None:
    """Check as many pages as `LOOK_SECONDS` allows."""
    deadline = time.monotonic() + LOOK_SECONDS
    view.set_progress_handler(lambda: time.monotonic() > deadline, 1000)
    try:
        lines = [line for (line,) in view.execute(f"PRAGMA quick_check({_SHOWN})")]
    except DRIVER.OperationalError as error:
        if error.sqlite_errorcode != DRIVER.SQLITE_INTERRUPT:
            raise
    else:
        if lines != ["ok"]:
            raise _Fault("; ".join(map(_told, lines)))


def _told(line: str) -> str:
    """SQLite's message in one line."""
    return " ".join(line.removeprefix("*** in database main ***").split())
