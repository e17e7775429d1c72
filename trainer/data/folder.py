"""Where a data set lies: four IDX files in one folder, each compressed or plain."""

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
"""The names that other tools give the four files: `emnist-digits-test-images-idx3-ubyte.gz`."""
_DEEPEST: Final = 2
"""How far below the folder the files may lie: torchvision puts them into `FashionMNIST/raw`."""
_MOST_ENTRIES: Final = 1000
"""How many names are looked at, in the folder and below it together."""


@dataclass(frozen=True, slots=True)
class FoundFiles:
    """The files of a data set, by the names in `FILES`, and what else its folder holds.

    `unused` are further files of the same role in the same place, such as the plain one beside a compressed
    one; `others` are files whose names are not recognised, and what has a recognised name and is no file.
    `place` is where the files lie, and `missing_as` what those of `FILES` that are not there would be called
    beside them. Where the folder holds several whole data sets, `rivals` names them and there are no files.
    """

    files: Mapping[str, Path]
    unused: Sequence[Path] = ()
    others: Sequence[Path] = ()
    rivals: Sequence[str] = ()
    place: Path | None = None
    missing_as: Mapping[str, str] = field(default_factory=dict)

    @property
    def missing(self) -> list[str]:
        """Which of `FILES` are not there."""
        return [name for name in FILES if name not in self.files]

    @property
    def stamp(self) -> Stamp:
        """Path, size and times of change (ns) of each file: another stamp means that the data may differ."""
        return tuple(_stamps(self.files[name] for name in FILES if name in self.files))


@dataclass(frozen=True, slots=True)
class DataFolder:
    """The folder of one data set, of which nothing but the file names is looked at."""

    path: Path

    @classmethod
    def of(cls, dataset: str, data_dir: Path) -> Self:
        """The folder of a data set: with the package for the shipped one, else under `data_dir`."""
        return cls(Path(__file__).parent / SHIPPED if dataset == SHIPPED else home(data_dir) / dataset)

    def find(self) -> FoundFiles:
        """The four files under their own names or those that other tools give them, here or in subfolders.

        Their own names come first, then compressed files. Files of one data set lie in one folder and agree
        in what precedes `train` and `t10k` in their names.
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
        """The file of this name of `FILES`, None if there is none."""
        return self.find().files.get(name)

    @property
    def missing(self) -> list[str]:
        """Which of `FILES` are not there."""
        return self.find().missing

    @property
    def stamp(self) -> Stamp:
        """Another one means that the data may be another."""
        return self.find().stamp


def home(data_dir: Path) -> Path:
    """The folder under which each data set of one's own has its folder."""
    return data_dir / "datasets"


def is_file(path: Path) -> bool:
    """Whether a file or a link to one is there; `Path.is_file` raises where the folder can't be searched."""
    return os.path.isfile(path)  # noqa: PTH113


def is_broken_link(path: Path) -> bool:
    """Whether a link is there that leads nowhere."""
    return os.path.islink(path) and not os.path.exists(path)  # noqa: PTH110, PTH114


def is_folder(path: Path) -> bool:
    """Whether a folder or a link to one is there; `Path.is_dir` raises as `Path.is_file` does."""
    return os.path.isdir(path)  # noqa: PTH112


def shown(name: object) -> str:
    """A file name that can be printed and stored, whatever bytes it is made of."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in str(name))


@dataclass(slots=True)
class _Set:
    """Files in one place that agree in the prefix of their names: by name of `FILES`, in order of choice."""

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
        """What each of `FILES` that is not there would be called in this set."""
        return {name: self._spelt(name) for name in FILES if name not in self.spellings}

    def _spelt(self, name: str) -> str:
        """A name of `FILES` as the set spells its own: with its prefix, like the other file of the split."""
        if not self.prefix:
            return name
        split = name.partition("-")[0]
        near = max(self.spellings, key=lambda other: other.startswith(split))
        like = self.spellings[near][0].name
        match = _SPELLING.fullmatch(like)
        if match is None:  # it is what made it one of the set
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
    """The sets of files in a folder and below it, and its files of other names.

    One of `budget` is used up by each name that is looked at.
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
        if name is None or not is_file(path):  # a link that leads nowhere, a pipe
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
    """The files that have exactly the names in `FILES`, compressed before plain: no listing is needed."""
    own = _Set(place, "")
    for name in FILES:
        for path in (place / f"{name}{COMPRESSED}", place / name):
            if is_file(path):
                own.spellings[name].append(path)
    return own


def _entries(place: Path, budget: Iterator[int]) -> list[Path]:
    """What a folder shows, in the order of names; nothing if it can't be read."""
    try:
        with os.scandir(place) as entries:
            names = [entry.name for entry, _ in zip(entries, budget, strict=False)]
    except OSError:
        return []
    return [place / name for name in sorted(names) if not name.startswith(".")]


def _recognised(name: str) -> tuple[str | None, str]:
    """Which of `FILES` a file name means, None if none, and what precedes that in it."""
    match = _SPELLING.fullmatch(name)
    if match is None:
        return None, ""
    splits = (TRAIN_IMAGES_FILE, TRAIN_LABELS_FILE)
    if match["split"].lower() in ("t10k", "test"):
        splits = (TEST_IMAGES_FILE, TEST_LABELS_FILE)
    return splits[match["kind"].lower().startswith("labels")], (match["set"] or "").lower()


def is_recognised(path: Path, name: str) -> bool:
    """Whether a file of this name would be the one of `FILES`."""
    return _recognised(path.name)[0] == name


def _cased(word: str, like: str) -> str:
    """A word in upper or lower case, or with a capital, as another one is."""
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
        except OSError:  # it was removed just now
            continue
        yield str(path), status.st_size, status.st_mtime_ns, status.st_ctime_ns
