"""Stored predictions of runs: each file is read once."""

from collections.abc import Hashable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from app.compare.images.kept import Kept
from app.schemas.runs import RunOut
from app.storage import artifacts
from trainer.files.durable import is_local
from trainer.files.predictions import Predictions, load
from trainer.files.raw_tensors import TensorFileError

_MOST_BYTES: Final = 1 << 27
"""Memory for cached predictions; those for 10,000 images take 30 KB."""

_CONNECTIONS: Final = 16
"""Files that are read from a remote store at a time."""

_kept: Final = Kept[Predictions](_MOST_BYTES)


def stored(runs: Iterable[RunOut], location: str) -> dict[int, Predictions]:
    """The predictions of these finished runs by their ids, without those that are missing or damaged.

    Raises:
        StoreUnusable: `location` is a URL that can't be used here.
    """
    files = [(run, artifacts.of_run(location, run.id).predictions(run.attempt)) for run in runs]
    if all(is_local(path) for _, path in files):
        found = [_local(path) for _, path in files]
    else:
        with ThreadPoolExecutor(_CONNECTIONS) as connections:
            found = list(connections.map(_remote, *zip(*files, strict=True)))
    return {run.id: each for (run, _), each in zip(files, found, strict=True) if each is not None}


def _local(path: Path) -> Predictions | None:
    try:
        status = path.stat()
        return _read(path, (str(path), status.st_size, status.st_mtime_ns, status.st_ctime_ns))
    except (OSError, TensorFileError):
        return None


def _remote(run: RunOut, path: Path) -> Predictions | None:
    """Asks the store only for files that are not cached: an attempt writes its file once."""
    try:
        return _read(path, (str(path), run.finished_at))
    except Exception:  # noqa: BLE001  # clients of stores raise errors of their own
        return None


def _read(path: Path, key: Hashable) -> Predictions:
    found = _kept.get(key)
    if found is None:
        found = load(path)
        _kept.put(key, found, found.classes.nbytes + found.confidence.nbytes)
    return found
