"""Copies data sets to the nodes of a cluster, through the location of the artifacts.

<artifacts>/datasets/<digest>/train-images-idx3-ubyte.gz, …
"""

import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.storage import artifacts
from trainer.data.folder import SHIPPED, DataFolder, Stamp, home
from trainer.files import durable


class NotCopied(Exception):
    """A data set could not be copied to a node; the message says why."""


@dataclass(frozen=True, slots=True)
class Published:
    """A data set in the artifacts: the digest of its files, and their SHA-256 by name."""

    name: str
    digest: str
    folder: Path
    files: Mapping[str, str]


class Publisher:
    """Copies data sets from the data folder of this machine into the artifacts, each version once."""

    def __init__(self, data_dir: Path, location: str) -> None:
        self._data_dir = data_dir
        self._location = location
        self._known: dict[str, tuple[Stamp, Published]] = {}

    def publish(self, name: str) -> Published | None:
        """Returns a data set in the artifacts; None if nodes have it themselves, or if it is not complete.

        Raises:
            NotWritten: its files could not be copied.
            OSError: its files could not be read.
        """
        found = DataFolder.of(name, self._data_dir).find()
        if name == SHIPPED or found.missing:
            return None
        stamp = found.stamp
        if name in self._known and self._known[name][0] == stamp:
            return self._known[name][1]
        contents = {path.name: path.read_bytes() for path in found.files.values()}
        files = {file: hashlib.sha256(content).hexdigest() for file, content in contents.items()}
        digest = hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()
        folder = artifacts.of_data_set(self._location, digest)
        for file, content in contents.items():
            if not (folder / file).is_file():
                durable.write(folder / file, content)
        published = Published(name, digest, folder, files)
        self._known[name] = stamp, published
        return published


def node_folder(location: str) -> Path:
    """Returns the data folder of a node, which has copies of data sets from these artifacts."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "depthboard" / hashlib.sha256(location.encode()).hexdigest()[:16]


def fetch(published: Published, data_dir: Path) -> None:
    """Copy a data set into the data folder of this node, unless it is there, and check its digests.

    Raises:
        NotCopied: the files can't be read or written, or differ from the published ones.
    """
    folder = home(data_dir) / published.name
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _locked(folder.with_name(f".{published.name}.lock")):
            if not _is_copy(folder, published):
                _replace(folder, published)
    except NotCopied:
        raise
    except Exception as error:  # drivers of stores raise many kinds
        raise NotCopied(f"it could not be copied to this node: {error}") from error


def _is_copy(folder: Path, published: Published) -> bool:
    if {path.name for path in folder.glob("*")} != set(published.files):
        return False
    return all(_digest(folder / name) == digest for name, digest in published.files.items())


def _replace(folder: Path, published: Published) -> None:
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".copy-") as temporary:
        copied = Path(temporary) / "new"
        copied.mkdir()
        for name, digest in published.files.items():
            (copied / name).write_bytes((published.folder / name).read_bytes())
            if _digest(copied / name) != digest:
                raise NotCopied(f"{name} in the artifacts differs from the file of the dispatcher")
        if folder.exists():
            folder.rename(Path(temporary) / "old")
        copied.rename(folder)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock between the slots of a node."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
