"""Where a data set lies: four IDX files in one folder, each compressed or plain."""

from collections.abc import Iterator
from dataclasses import dataclass
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

Stamp = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True, slots=True)
class DataFolder:
    """The folder of one data set, of which nothing but the file names is looked at."""

    path: Path

    @classmethod
    def of(cls, dataset: str, data_dir: Path) -> Self:
        """The folder of a data set: with the package for the shipped one, else under `data_dir`."""
        return cls(Path(__file__).parent / SHIPPED if dataset == SHIPPED else home(data_dir) / dataset)

    def file(self, name: str) -> Path | None:
        """The file of this name of `FILES`, compressed if there are both; None if there is neither."""
        candidates = (self.path / f"{name}{COMPRESSED}", self.path / name)
        return next((path for path in candidates if path.is_file()), None)

    @property
    def missing(self) -> list[str]:
        """Which of `FILES` are not there."""
        return [name for name in FILES if self.file(name) is None]

    @property
    def stamp(self) -> Stamp:
        """Path, size and time of change (ns) of each file: another one means that the data may be another."""
        return tuple(self._stamps())

    def _stamps(self) -> Iterator[tuple[str, int, int]]:
        for path in map(self.file, FILES):
            if path is not None:
                status = path.stat()
                yield str(path), status.st_size, status.st_mtime_ns


def home(data_dir: Path) -> Path:
    """The folder under which each data set of one's own has its folder."""
    return data_dir / "datasets"
