"""The folder of a data set: four IDX files, each compressed or plain."""

import os
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Final, Self

SHIPPED: Final = "mnist"
"""The data set that comes with the package."""

TRAIN_IMAGES_FILE: Final = "train-images-idx3-ubyte"
TRAIN_LABELS_FILE: Final = "train-labels-idx1-ubyte"
TEST_IMAGES_FILE: Final = "t10k-images-idx3-ubyte"
TEST_LABELS_FILE: Final = "t10k-labels-idx1-ubyte"
FILES: Final = (TRAIN_IMAGES_FILE, TRAIN_LABELS_FILE, TEST_IMAGES_FILE, TEST_LABELS_FILE)
IMAGE_FILES: Final = (TRAIN_IMAGES_FILE, TEST_IMAGES_FILE)
COMPRESSED: Final = ".gz"

Stamp = tuple[tuple[str, int, int, int], ...]

_SPELLING: Final = re.compile(
    r"(?:(?P<set>.+)[-_. ])?(?P<split>train|training|t10k|test)[-_. ]"
    r"(?P<kind>images[-_. ]idx3|labels[-_. ]idx1)[-_. ]ubyte(?P<compressed>\.gz)?",
    re.IGNORECASE | re.DOTALL,
)
"""File names as other tools write them, such as `emnist-digits-test-images-idx3-ubyte.gz`."""
_DEEPEST: Final = 2
"""Levels of subfolders to search: torchvision puts the files into `FashionMNIST/raw`."""
_MOST_ENTRIES: Final = 1000
"""Maximum number of names read in the folder and its subfolders together."""


@dataclass(frozen=True, slots=True)
class FoundFiles:
    """The files of a data set by their names in `FILES`, and the other contents of its folder.

    `unused` are further files with the same role in the same folder, such as the plain one beside a
    compressed one. `others` are files with unrecognised names, and recognised names that are not files.
    `place` is the folder of the files. `missing_as` maps each missing name of `FILES` to the name that it
    would have beside the other files. If the folder contains several complete data sets, `rivals` names them
    and `files` is empty.
    """

    files: Mapping[str, Path]
    unused: Sequence[Path] = ()
    others: Sequence[Path] = ()
    rivals: Sequence[str] = ()
    place: Path | None = None
    missing_as: Mapping[str, str] = field(default_factory=dict)

    @property
    def missing(self) -> list[str]:
        """The names in `FILES` without a file."""
        return [name for name in FILES if name not in self.files]

    @property
    def stamp(self) -> Stamp:
        """Path, size and change times (ns) of each file. A different stamp means that the data may differ."""
        return tuple(_stamps(self.files[name] for name in FILES if name in self.files))


@dataclass(frozen=True, slots=True)
class DataFolder:
    """The folder of one data set. Only file names are read."""

    path: Path

    @classmethod
    def of(cls, dataset: str, data_dir: Path) -> Self:
        """The folder of a data set: in the package for the shipped one, otherwise under `data_dir`."""
        return cls(Path(__file__).parent / SHIPPED if dataset == SHIPPED else home(data_dir) / dataset)

    def find(self) -> FoundFiles:
        """Find the four files under their original names or those of other tools, here or in subfolders.

        Original names have priority, then compressed files. The files of one data set are in one folder and
        have the same prefix before `train` and `t10k`.
        """
        candidates, others = _read(self.path, 0, iter(range(_MOST_ENTRIES)))
        whole = [candidate for candidate in candidates if not candidate.missing]
        if top := [candidate for candidate in whole if candidate.place == self.path]:
            whole = top
        if own := [candidate for candidate in whole if not candidate.prefix]:
            whole = own
        if len(whole) > 1:
            return FoundFiles({}, others=others, rivals=[rival.title(self.path) for rival in whole])
        if not candidates:
            return FoundFiles({}, others=others)
        chosen = whole[0] if whole else max(candidates, key=lambda candidate: len(candidate.spellings))
        return FoundFiles(
            chosen.files, chosen.unused, others, place=chosen.place, missing_as=chosen.missing_as
        )

    def file(self, name: str) -> Path | None:
        """The file with this name in `FILES`, or None."""
        return self.find().files.get(name)

    @property
    def missing(self) -> list[str]:
        """The names in `FILES` without a file."""
        return self.find().missing

    @property
    def stamp(self) -> Stamp:
        """The stamp of the files. A different stamp means that the data may differ."""
        return self.find().stamp


def home(data_dir: Path) -> Path:
    """The folder that contains the folders of all data sets other than MNIST."""
    return data_dir / "datasets"


def is_file(path: Path) -> bool:
    """Whether the path is a file or a link to one; `Path.is_file` raises if the folder can't be searched."""
    return os.path.isfile(path)  # noqa: PTH113


def is_broken_link(path: Path) -> bool:
    """Whether the path is a link without a target."""
    return os.path.islink(path) and not os.path.exists(path)  # noqa: PTH110, PTH114


def is_folder(path: Path) -> bool:
    """Whether the path is a folder or a link to one; `Path.is_dir` raises as `Path.is_file` does."""
    return os.path.isdir(path)  # noqa: PTH112


def shown(name: object) -> str:
    """A file name with unprintable characters escaped, so that it can be printed and stored."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in str(name))


@dataclass(slots=True)
class _Set:
    """Files in one folder with the same prefix: by their name in `FILES`, in order of preference."""

    place: Path
    prefix: str
    spellings: dict[str, list[Path]] = field(default_factory=lambda: defaultdict(list))

    @property
    def files(self) -> dict[str, Path]:
        return {name: paths[0] for name, paths in self.spellings.items()}

    @property
    def unused(self) -> list[Path]:
        return [path for paths in self.spellings.values() for path in paths[1:]]

    @property
    def missing(self) -> bool:
        return len(self.spellings) < len(FILES)

    @property
    def missing_as(self) -> dict[str, str]:
        """Maps each missing name of `FILES` to the name that it would have in this set."""
        return {name: self._spelt(name) for name in FILES if name not in self.spellings}

    def _spelt(self, name: str) -> str:
        """A name of `FILES` in this set's spelling: with its prefix, and like the other file of the split."""
        if not self.prefix:
            return name
        split = name.partition("-")[0]
        near = max(self.spellings, key=lambda other: other.startswith(split))
        like = self.spellings[near][0].name
        match = _SPELLING.fullmatch(like)
        if match is None:  # can't happen: the pattern put the file into this set
            return name
        part = match["split"]
        if not near.startswith(split):
            part = _cased("train" if split == "train" else "test", part)
        kind = match["kind"]
        wanted, dimensions = ("images", "idx3") if name in IMAGE_FILES else ("labels", "idx1")
        kind = _cased(wanted + kind[len(wanted)] + dimensions, kind)
        after = like[match.end("kind") :].removesuffix(match["compressed"] or "")
        return (
            like[: match.start("split")]
            + part
            + like[match.end("split") : match.start("kind")]
            + kind
            + after
        )

    def title(self, above: Path) -> str:
        inside = "" if self.place == above else f"{self.place.relative_to(above)}/"
        return shown(f"{inside}{self.prefix}" or ".")


def _read(place: Path, depth: int, budget: Iterator[int]) -> tuple[list[_Set], list[Path]]:
    """The sets of files in a folder and its subfolders, and files with other names.

    Each name that is read consumes one item of `budget`.
    """
    own = _own_names(place)
    if not own.missing:
        return [own], []
    by_prefix: dict[str, _Set] = {"": own}
    others, below = [], []
    for path in _entries(place, budget):
        name, prefix = _recognised(path.name)
        if is_folder(path):
            below.append(path)
            others += [path] if name else []
            continue
        if name is None or not is_file(path):  # such as a broken link or a pipe
            others.append(path)
            continue
        paths = by_prefix.setdefault(prefix, _Set(place, prefix)).spellings[name]
        if path not in paths:
            paths.append(path)
    sets = [candidate for candidate in by_prefix.values() if candidate.spellings]
    for paths in chain.from_iterable(candidate.spellings.values() for candidate in sets):
        paths.sort(key=_preference)
    if depth < _DEEPEST and all(candidate.missing for candidate in sets):
        for path in below:
            deeper, more = _read(path, depth + 1, budget)
            sets += deeper
            others += more
    return sets, others


def _own_names(place: Path) -> _Set:
    """Files with exactly the names in `FILES`, compressed before plain, found without listing the folder."""
    own = _Set(place, "")
    for name in FILES:
        for path in (place / f"{name}{COMPRESSED}", place / name):
            if is_file(path):
                own.spellings[name].append(path)
    return own


def _entries(place: Path, budget: Iterator[int]) -> list[Path]:
    """A folder's visible entries in order of their names; empty if the folder can't be read."""
    try:
        with os.scandir(place) as entries:
            names = [entry.name for entry, _ in zip(entries, budget, strict=False)]
    except OSError:
        return []
    return [place / name for name in sorted(names) if not name.startswith(".")]


def _recognised(name: str) -> tuple[str | None, str]:
    """The name in `FILES` that a file name stands for, or None, and the prefix before it."""
    match = _SPELLING.fullmatch(name)
    if match is None:
        return None, ""
    splits = (TRAIN_IMAGES_FILE, TRAIN_LABELS_FILE)
    if match["split"].lower() in ("t10k", "test"):
        splits = (TEST_IMAGES_FILE, TEST_LABELS_FILE)
    return splits[match["kind"].lower().startswith("labels")], (match["set"] or "").lower()


def is_recognised(path: Path, name: str) -> bool:
    """Whether a file with this name is recognised as `name` of `FILES`."""
    return _recognised(path.name)[0] == name


def _cased(word: str, like: str) -> str:
    """A word in the case of another: lower, upper or capitalised."""
    if like.isupper():
        return word.upper()
    return word.capitalize() if like[:1].isupper() else word


def _preference(path: Path) -> tuple[bool, bool, str]:
    compressed = path.suffix.lower() == COMPRESSED
    own = path.name.removesuffix(COMPRESSED) in FILES
    return not own, not compressed, path.name


def _stamps(paths: Iterator[Path]) -> Iterator[tuple[str, int, int, int]]:
    for path in paths:
        try:
            status = path.stat()
        except OSError:  # removed since it was found
            continue
        yield str(path), status.st_size, status.st_mtime_ns, status.st_ctime_ns
