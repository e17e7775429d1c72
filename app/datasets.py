"""The data sets that can be asked for: which are there, and what to do about one that is not."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from trainer.config import TrainConfig
from trainer.folder import SHIPPED, DataFolder, home


class UnknownDataset(ValueError):
    """A request asks for a data set that is not there."""

    def __init__(self, name: str, available: Sequence[str]) -> None:
        super().__init__(
            f"there is no complete data set {name!r} here, only {', '.join(available)}; to add it, put its "
            f"four IDX files into datasets/{name} in the data folder; the page /workers names both"
        )


def names(data_dir: Path) -> list[str]:
    """The shipped data set, and every complete folder of one's own whose name can be asked for."""
    return [SHIPPED, *(folder.path.name for folder in _folders(data_dir) if not folder.missing)]


def incomplete(data_dir: Path) -> Mapping[str, Sequence[str]]:
    """The folders that lack files, each with the names of those."""
    return {folder.path.name: folder.missing for folder in _folders(data_dir) if folder.missing}


def check(wanted: Iterable[str], available: Sequence[str]) -> None:
    """Do nothing if all data sets that are wanted are available.

    Raises:
        UnknownDataset: one is not.
    """
    for name in wanted:
        if name not in available:
            raise UnknownDataset(name, available)


def _folders(data_dir: Path) -> Iterator[DataFolder]:
    """The folders of one's own in the order of their names."""
    try:
        paths = sorted(home(data_dir).iterdir())
    except OSError:  # nobody has added one yet
        return
    for path in paths:
        if path.is_dir() and path.name != SHIPPED and _can_be_asked_for(path.name):
            yield DataFolder(path)


def _can_be_asked_for(name: str) -> bool:
    try:
        TrainConfig(depth=1, dataset=name)
    except ValidationError:
        return False
    return True
