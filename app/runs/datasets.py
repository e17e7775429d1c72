"""The available data sets, and what is wrong with unusable ones."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from threading import Lock, Thread
from typing import Final

from pydantic import ValidationError

from app.text_keys import natural
from trainer.config import TEST_IMAGES, TRAIN_IMAGES, TrainConfig
from trainer.data.folder import SHIPPED, DataFolder, FoundFiles, Stamp, home, is_folder, shown
from trainer.data.inspection import DataError, Sizes, inspect, lacks, read_images

_KNOWN: Final = 1000
"""Maximum number of folders whose last inspection is cached."""
_ALLOWED: Final = "at most 64 lower-case letters, digits, dots, hyphens and underscores"
_MOST_FILES: Final = 4
"""Maximum number of loose files to name in a message."""
_PATIENCE_SECONDS: Final = 0.5
"""Maximum time that a response waits while images are read; MNIST takes a third of it."""
_one_at_a_time: Final = Lock()


class UnknownDataset(ValueError):
    """A request names a data set that does not exist or is unusable."""

    def __init__(self, name: str, available: Sequence[str], reason: str | None = None) -> None:
        known = ", ".join(available)
        super().__init__(
            f"the data set {name!r} can't be used: {reason.rstrip('.')}. Available data sets: {known}"
            if reason
            else f"there is no data set {name!r}; expected one of {known}. To add it, put its four IDX files "
            f"into datasets/{name} in the data folder. The page /workers shows which folders are unusable "
            "and why"
        )


@dataclass(frozen=True, slots=True)
class Usable:
    """A usable data set, with a note on its folder."""

    name: str
    sizes: Sizes
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All data sets: the usable ones, the included one first, and the reasons why other folders are unusable.

    `loose` says what to do about files beside the folders.
    """

    usable: Sequence[Usable]
    unfit: Mapping[str, str] = field(default_factory=dict)
    loose: str | None = None

    @property
    def names(self) -> list[str]:
        """The names of the usable data sets."""
        return [dataset.name for dataset in self.usable]

    @property
    def sizes(self) -> dict[str, tuple[int, int]]:
        """The numbers of training and test images of each usable data set."""
        return {
            dataset.name: (dataset.sizes.train_images, dataset.sizes.test_images) for dataset in self.usable
        }


SHIPPED_ALONE: Final = Catalogue([Usable(SHIPPED, Sizes(TRAIN_IMAGES, TEST_IMAGES))])


def catalogue(data_dir: Path) -> Catalogue:
    """Inspect all folders of added data sets: file names each time, contents if files have changed.

    Images are read in the background. A data set counts as usable if this takes longer than a response waits;
    training reads the images again.
    """
    entries = list(_entries(home(data_dir)))
    folders = [path for path in entries if is_folder(path)]
    files = [path for path in entries if path not in folders]
    looks = {path: _look(path) for path in folders}
    wait([look.problem for look in looks.values() if isinstance(look, _Look)], _PATIENCE_SECONDS)
    usable = [*SHIPPED_ALONE.usable]
    unfit = {}
    for path, look in looks.items():
        outcome = look.outcome if isinstance(look, _Look) else look
        if isinstance(outcome, Usable):
            usable.append(outcome)
        else:
            unfit[shown(path.name)] = outcome
    return Catalogue(usable, unfit, _loose(files) if files else None)


def _loose(files: Sequence[Path]) -> str:
    names = ", ".join(shown(path.name) for path in files[:_MOST_FILES])
    more = ", …" if len(files) > _MOST_FILES else ""
    return (
        f"Files outside a data set folder: {names}{more}. Put the four files of each data set into a "
        "separate folder, unpack archives, and repair broken links."
    )


def exists(name: str, data_dir: Path) -> bool:
    """Whether a data set exists; only its own folder is inspected, and no images."""
    return name == SHIPPED or (
        _can_be_asked_for(name) and isinstance(_look(DataFolder.of(name, data_dir).path), _Look)
    )


def check(wanted: Iterable[str], known: Catalogue) -> None:
    """Check that all wanted data sets are usable.

    Raises:
        UnknownDataset: one of them is not.
    """
    for name in wanted:
        if name not in known.names:
            raise UnknownDataset(name, known.names, known.unfit.get(name))


@dataclass(frozen=True, slots=True)
class _Look:
    """A folder with valid names, headers and labels, and the pending check of its images."""

    usable: Usable
    problem: Future[str | None]

    @property
    def outcome(self) -> Usable | str:
        """The data set, or the fault in its images once that is known."""
        problem = self.problem.result() if self.problem.done() else None
        return self.usable if problem is None else problem


def _look(path: Path) -> _Look | str:
    """Inspect a folder; a text says why it is not a data set."""
    if path.name == SHIPPED:
        return f"{SHIPPED} is the name of the included data set. Rename the folder."
    if not _can_be_asked_for(path.name):
        return f"A data set's name can have {_ALLOWED}. Rename the folder{_suggested(path.name)}."
    folder = DataFolder(path)
    files = folder.find()
    if problem := lacks(folder, files):
        return problem
    sizes = _inspected(path, files.stamp)
    if isinstance(sizes, str):
        return sizes
    return _Look(Usable(path.name, sizes, _note(path, files)), _images_read(path, files.stamp))


def _suggested(name: str) -> str:
    """Suggest a valid name similar to the folder's, if there is one."""
    near = "".join(
        letter if letter.isalnum() or letter in "._-" else "-" for letter in name.lower().strip(" .-_")
    )
    return f", for example to {near}" if _can_be_asked_for(near) else ""


@lru_cache(maxsize=_KNOWN)
def _inspected(path: Path, _stamp: Stamp) -> Sizes | str:
    folder = DataFolder(path)
    try:
        return inspect(folder, folder.find())
    except DataError as error:
        return str(error)


@lru_cache(maxsize=_KNOWN)
def _images_read(path: Path, _stamp: Stamp) -> Future[str | None]:
    """The fault in a folder's images, or None, once a thread has read them."""
    outcome: Future[str | None] = Future()

    def read() -> None:
        problem = None
        try:
            with _one_at_a_time:
                files = DataFolder(path).find()
                if not files.missing:  # otherwise a file was just removed, and the next inspection reports it
                    read_images(files)
        except DataError as error:
            problem = str(error)
        finally:
            outcome.set_result(problem)

    Thread(target=read, name=f"images of {path.name}", daemon=True).start()
    return outcome


def _note(path: Path, found: FoundFiles) -> str | None:
    """A note on files in a subfolder, and on files that are not read."""
    notes = []
    if inside := sorted({str(file.parent.relative_to(path)) for file in found.files.values()} - {"."}):
        notes.append(f"read from {shown(inside[0])}/")
    if found.unused:
        unread = ", ".join(shown(file.name) for file in found.unused[:_MOST_FILES])
        notes.append(f"ignored because another file is used instead: {unread}")
    return "; ".join(notes) or None


def _entries(folder: Path) -> Iterator[Path]:
    """The visible entries of a folder, ordered by name."""
    try:
        paths = sorted(folder.iterdir(), key=lambda path: (natural(path.name), path.name))
    except OSError:  # no data set has been added yet
        return
    yield from (path for path in paths if not path.name.startswith("."))


def _can_be_asked_for(name: str) -> bool:
    try:
        TrainConfig(depth=1, dataset=name)
    except ValidationError:
        return False
    return True
