"""Files of runs: where they are, which checkpoints are usable and which can be removed.

<artifacts>/runs/<id>/attempt-2/model.safetensors
                      attempt-2/predictions.safetensors
                      checkpoints/attempt-2-epoch-17.safetensors
<artifacts>/datasets/<digest>: data sets for the nodes of a cluster
<artifacts>/mark: an id, by which nodes recognize the location

<artifacts> is a folder, or a URL that fsspec supports, such as s3://bucket/depthboard. Names contain the
attempt, so that an attempt that has lost its run never overwrites the files of a later one.
"""

import logging
import os
import re
import secrets
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast
from urllib.parse import unquote_to_bytes, urlsplit

from app.settings import is_url
from trainer.files import durable
from trainer.files.durable import is_local

log = logging.getLogger(__name__)

_CHECKPOINT: Final = re.compile(r"attempt-(\d+)-epoch-(\d+)\.safetensors(\..*)?")
"""A checkpoint; a name with a further suffix is an incomplete one."""

_ATTEMPT: Final = re.compile(r"attempt-(\d+)")
"""The folder of an attempt's results."""


_FOLDERS: Final = ("file", "local")
"""URL schemes that name a local folder."""


class StoreUnusable(Exception):
    """The location of the artifacts can't be used; the message says why and what to do."""


@dataclass(frozen=True, slots=True, order=True)
class Checkpoint:
    """The attempt and epoch of a checkpoint; a later attempt's checkpoint is newer."""

    attempt: int
    epoch: int


@dataclass(frozen=True, slots=True)
class RunFiles:
    """The files of one run, all in its folder, on a disk or in an object store."""

    folder: Path

    @property
    def base(self) -> Path:
        """The folder around all artifacts. While it is missing, training must not create another one.

        By default it is the data folder, which may be moved or on a disk that is unmounted.
        """
        return self.folder.parent.parent.parent

    def model(self, attempt: int) -> Path:
        """The final weights of the attempt that finished the run."""
        return self.folder / f"attempt-{attempt}" / "model.safetensors"

    def predictions(self, attempt: int) -> Path:
        """The predictions of these weights for the test set."""
        return self.folder / f"attempt-{attempt}" / "predictions.safetensors"

    @property
    def checkpoints(self) -> Path:
        """The folder of the checkpoints."""
        return self.folder / "checkpoints"

    def path_of(self, checkpoint: Checkpoint) -> Path:
        """The path of a checkpoint."""
        return self.checkpoints / f"attempt-{checkpoint.attempt}-epoch-{checkpoint.epoch}.safetensors"

    def usable(self, recorded: int) -> list[Checkpoint]:
        """Complete checkpoints of at most `recorded` epochs, newest first."""
        complete = [checkpoint for checkpoint, path in self._found() if path == self.path_of(checkpoint)]
        return sorted((checkpoint for checkpoint in complete if checkpoint.epoch <= recorded), reverse=True)

    def remove_older(self, than: Checkpoint) -> None:
        """Remove the checkpoints, complete or not, that are older than this one."""
        for checkpoint, path in self._found():
            if checkpoint < than:
                _remove_file(path)

    def keep_only(self, attempt: int) -> bool:
        """Remove every checkpoint, and the files of all attempts except the one that finished the run.

        Returns False if something could not be removed.
        """
        stuck = [path for path in self._left_by_others(attempt) if not _remove_folder(path)]
        return not stuck

    def remove(self) -> bool:
        """Remove all files; returns False if something could not be removed."""
        return _remove_folder(self.folder)

    def _left_by_others(self, attempt: int) -> Iterator[Path]:
        for path in _inside(self.folder):
            of_attempt = _ATTEMPT.fullmatch(path.name)
            if path == self.checkpoints or (of_attempt and int(of_attempt[1]) != attempt):
                yield path

    def _found(self) -> Iterable[tuple[Checkpoint, Path]]:
        matches = [(path, _CHECKPOINT.fullmatch(path.name)) for path in _inside(self.checkpoints)]
        return [(Checkpoint(int(match[1]), int(match[2])), path) for path, match in matches if match]


def of_run(location: str, run_id: int) -> RunFiles:
    """Returns the files of the run with this id.

    Raises:
        StoreUnusable: `location` is a URL that can't be used here.
    """
    return RunFiles(_place(location) / "runs" / str(run_id))


def of_data_set(location: str, digest: str) -> Path:
    """Returns the folder of the data set with this digest. Raises `StoreUnusable`."""
    return _place(location) / "datasets" / digest


def mark(location: str, *, create: bool) -> str:
    """Returns the id of a location, which is the same on every machine that shares it.

    Raises:
        FileNotFoundError: it has none, and `create` is False.
        OSError: it can't be read.
        NotWritten: it can't be written.
        StoreUnusable: the location can't be used here.
    """
    path = _place(location) / "mark"
    if create and not path.is_file():
        durable.write(path, secrets.token_hex(16).encode())
    return path.read_bytes().decode()


def check(location: str) -> None:
    """Check that a location can be used here. Raises `StoreUnusable`."""
    _place(location)


def prepare(location: str) -> None:
    """Create the folder of the artifacts if it is missing; an object store needs none. Raises `OSError`."""
    place = _place(location)
    if is_local(place):
        place.mkdir(parents=True, exist_ok=True)


def _place(location: str) -> Path:
    if not is_url(location):
        return Path(location)
    links = location.split("::")  # fsspec chains stores: simplecache::s3://bucket
    for url in links:
        _refuse_unless_shared(url)
    if _kind(links[0]) in _FOLDERS:
        return Path(os.fsdecode(unquote_to_bytes(urlsplit(location).path)))
    try:
        from upath import UPath  # noqa: PLC0415  # takes 0.2 s; only URLs need it

        store = UPath(location, use_listings_cache=False)  # other processes write there, too
        _ = store.fs
    except (ImportError, ValueError) as error:
        raise StoreUnusable(
            f"{location!r} can't be reached: {error}; expected a folder, or an fsspec URL whose package is "
            "installed"
        ) from error
    return cast("Path", store)  # not a subclass, but it has the methods


def _refuse_unless_shared(url: str) -> None:
    """Reject a location that other processes can't reach, or would find elsewhere."""
    parts = urlsplit(url)
    if _kind(url) == "memory":
        raise StoreUnusable(
            f"{url!r} is in-memory storage of one process, which other processes can't read; expected a "
            "folder, or the URL of a store that all processes can reach"
        )
    if _kind(url) in _FOLDERS and (parts.netloc or parts.query or parts.fragment or not parts.path):
        raise StoreUnusable(
            f"{url!r} does not contain an absolute path; write three slashes, as in file:///srv/depthboard, "
            "or the path without file://"
        )


def _kind(url: str) -> str:
    return url.partition(":")[0].lower()


def run_ids(location: str) -> Iterator[int]:
    """Returns the ids of the runs that have a folder."""
    return (int(path.name) for path in _inside(_place(location) / "runs") if path.name.isdecimal())


def withdraw(paths: Iterable[Path]) -> None:
    """Remove these files of runs, and folders that are empty afterwards."""
    for path in paths:
        _remove_file(path)
        for folder in (path.parent, path.parent.parent):
            if folder.is_dir() and not _inside(folder):
                _remove_folder(folder)


def _inside(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir()) if folder.is_dir() else []
    except (FileNotFoundError, NotADirectoryError):  # it was removed meanwhile
        return []


def _remove_file(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        log.warning("could not remove %s: %s", path, error.strerror or error)


def _remove_folder(folder: Path) -> bool:
    """Remove a folder and its contents. Logs a failure and returns False."""
    try:
        if is_local(folder):
            shutil.rmtree(folder)
        elif folder.is_dir():
            folder.rmdir(recursive=True)  # type: ignore[call-arg]  # a store's method
    except FileNotFoundError:
        pass
    except OSError as error:
        log.warning("could not remove %s: %s", folder, error.strerror or error)
        return False
    return True
