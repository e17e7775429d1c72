"""A data set with which a training takes milliseconds: a few images of MNIST."""

from pathlib import Path
from typing import Final

from tests.trainer import idx_files
from trainer.data.folder import FILES, IMAGE_FILES, SHIPPED, DataFolder, home
from trainer.data.idx import IdxFile

FEW: Final = "few"
"""The name of the data set."""


def contents() -> dict[str, bytes]:
    """The first thousand training and three hundred test images of MNIST."""
    shipped = DataFolder.of(SHIPPED, None)  # type: ignore[arg-type]  # the shipped one needs no folder
    found: dict[str, bytes] = {}
    for name in FILES:
        path = shipped.file(name)
        assert path
        count = 1000 if name.startswith("train") else 300
        if name in IMAGE_FILES:
            found[name] = idx_files.of_pixels(IdxFile.images(path).items[:count])
        else:
            found[name] = idx_files.labels(IdxFile.labels(path).items[:count].tolist())
    return found


def link(data_dir: Path, folder: Path) -> None:
    """Link the data set of a folder into the data folder of a dashboard."""
    home(data_dir).mkdir(exist_ok=True)
    (home(data_dir) / FEW).symlink_to(folder)
