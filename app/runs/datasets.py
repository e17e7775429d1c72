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
"""How many folders are remembered as they were when they were looked at."""
_ALLOWED: Final = "at most 64 lower-case letters, digits, dots, hyphens and underscores"
_MOST_FILES: Final = 4
"""How many loose files a message names."""
_PATIENCE_SECONDS: Final = 0.5
"""How long an answer waits for images that are being read: MNIST's take a third of that."""
_one_at_a_time: Final = Lock()


class UnknownDataset(ValueError):
    """A request asks for a data set that is not there, or that does not fit."""

    def __init__(self, name: str, available: Sequence[str], reason: str | None = None) -> None:
        known = ", ".join(available)
        super().__init__(
            f"the data set {name!r} can't be used: {reason.rstrip('.')}; there are {known}"
            if reason
            else f"there is no complete data set {name!r} here, only {known}; to add it, put its four IDX "
            f"files into datasets/{name} in the data folder; the page /workers lists data sets, and why a "
            "folder does not fit"
        )


@dataclass(frozen=True, slots=True)
class Usable:
    """A data set that can be asked for, with what should be known of its folder."""

    name: str
    sizes: Sizes
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All data sets: those that can be asked for, the shipped one first, and why other folders don't fit.

    `loose` says what to do about files that lie beside the folders.
    """

    usable: Sequence[Usable]
    unfit: Mapping[str, str] = field(default_factory=dict)
    loose: str | None = None

    @property
    def names(self) -> list[str]:
        """What can be asked for."""
        return [dataset.name for dataset in self.usable]

    @property
    def sizes(self) -> dict[str, tuple[int, int]]:
        """How many training and test images each has."""
        return {
            dataset.name: (dataset.sizes.train_images, dataset.sizes.test_images) for dataset in self.usable
        }


SHIPPED_ALONE: Final = Catalogue([Usable(SHIPPED, Sizes(TRAIN_IMAGES, TEST_IMAGES))])


def catalogue(data_dir: Path) -> Catalogue:
    """Look at every folder of one's own: file names each time, contents when files have changed.

    Images are read in the background. While that takes longer than an answer waits, a data set counts as
    usable: whoever trains on it reads it again.
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
        f"Beside the folders: {names}{more}. Put the four files of a data set into a folder of its own, "
        "unpack archives, and fix links that lead nowhere."
    )


def exists(name: str, data_dir: Path) -> bool:
    """Whether a data set is there; only its own folder is looked at, and no image."""
    return name == SHIPPED or (
        _can_be_asked_for(name) and isinstance(_look(DataFolder.of(name, data_dir).path), _Look)
    )


def check(wanted: Iterable[str], known: Catalogue) -> None:
    """Do nothing if all data sets that are wanted can be used.

    Raises:
        UnknownDataset: one can't.
    """
    for name in wanted:
        if name not in known.names:
            raise UnknownDataset(name, known.names, known.unfit.get(name))


@dataclass(frozen=True, slots=True)
class _Look:
    """A folder that is a data set by its names, headers and labels, and what is wrong with its images."""

    usable: Usable
    problem: Future[str | None]

    @property
    def outcome(self) -> Usable | str:
        """The data set, or what is wrong with its images as soon as that is known."""
        problem = self.problem.result() if self.problem.done() else None
        return self.usable if problem is None else problem


def _look(path: Path) -> _Look | str:
    """A folder as a data set, or why it is none."""
    if path.name == SHIPPED:
        return f"{SHIPPED} is the name of the shipped data set. Rename the folder."
    if not _can_be_asked_for(path.name):
        return f"A data set's name has {_ALLOWED}. Rename the folder{_suggested(path.name)}."
    folder = DataFolder(path)
    files = folder.find()
    if problem := lacks(folder, files):
        return problem
    sizes = _inspected(path, files.stamp)
    if isinstance(sizes, str):
        return sizes
    return _Look(Usable(path.name, sizes, _note(path, files)), _images_read(path, files.stamp))


def _suggested(name: str) -> str:
    """A name that would do, where the folder's own is near to one."""
    near = "".join(
        letter if letter.isalnum() or letter in "._-" else "-" for letter in name.lower().strip(" .-_")
    )
    return f", for instance to {near}" if _can_be_asked_for(near) else ""


@lru_cache(maxsize=_KNOWN)
def _inspected(path: Path, _stamp: Stamp) -> Sizes | str:
    folder = DataFolder(path)
    try:
        return inspect(folder, folder.find())
    except DataError as error:
        return str(error)


@lru_cache(maxsize=_KNOWN)
def _images_read(path: Path, _stamp: Stamp) -> Future[str | None]:
    """What is wrong with the images of a folder, None if nothing: known once a thread has read them."""
    outcome: Future[str | None] = Future()

    def read() -> None:
        problem = None
        try:
            with _one_at_a_time:
                files = DataFolder(path).find()
                if not files.missing:  # else one was removed just now, and the folder is looked at anew
                    read_images(files)
        except DataError as error:
            problem = str(error)
        finally:
            outcome.set_result(problem)

    Thread(target=read, name=f"images of {path.name}", daemon=True).start()
    return outcome


def _note(path: Path, found: FoundFiles) -> str | None:
    """Where the files come from, if that is not plain, and which others are not read."""
    notes = []
    if inside := sorted({str(file.parent.relative_to(path)) for file in found.files.values()} - {"."}):
        notes.append(f"read from {shown(inside[0])}/")
    if found.unused:
        unread = ", ".join(shown(file.name) for file in found.unused[:_MOST_FILES])
        notes.append(f"not read, since another file has its role: {unread}")
    return "; ".join(notes) or None


def _entries(folder: Path) -> Iterator[Path]:
    """What a folder shows, in the order of names."""
    try:
        paths = sorted(folder.iterdir(), key=lambda path: (natural(path.name), path.name))
    except OSError:  # nobody has added one yet
        return
    yield from (path for path in paths if not path.name.startswith("."))


def _can_be_asked_for(name: str) -> bool:
    try:
        TrainConfig(depth=1, dataset=name)
    except ValidationError:
        return False
    return True
