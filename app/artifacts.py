"""Where the files of runs lie, and which of their checkpoints may be used or can go.

<data folder>/artifacts/runs/<id>/model.safetensors
                                  predictions.safetensors
                                  checkpoints/attempt-2-epoch-17.safetensors
"""

import logging
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

log = logging.getLogger(__name__)

_CHECKPOINT: Final = re.compile(r"attempt-(\d+)-epoch-(\d+)\.safetensors(\..*)?")
"""A checkpoint, or with more behind it one that was never completed."""


@dataclass(frozen=True, slots=True, order=True)
class Checkpoint:
    """Which attempt saved it after which epoch; a later attempt's is the newer one."""

    attempt: int
    epoch: int


@dataclass(frozen=True, slots=True)
class RunFiles:
    """The files of one run, which all lie in its folder."""

    folder: Path

    @property
    def model(self) -> Path:
        """The final weights."""
        return self.folder / "model.safetensors"

    @property
    def predictions(self) -> Path:
        """What the final weights say of the test set."""
        return self.folder / "predictions.safetensors"

    @property
    def checkpoints(self) -> Path:
        """The folder of the checkpoints."""
        return self.folder / "checkpoints"

    def path_of(self, checkpoint: Checkpoint) -> Path:
        """Where a checkpoint lies."""
        return self.checkpoints / f"attempt-{checkpoint.attempt}-epoch-{checkpoint.epoch}.safetensors"

    def usable(self, recorded: int) -> list[Checkpoint]:
        """Complete checkpoints, newest first, that know no more than `recorded` epochs."""
        complete = [checkpoint for checkpoint, path in self._found() if path == self.path_of(checkpoint)]
        return sorted((each for each in complete if each.epoch <= recorded), reverse=True)

    def remove_older(self, than: Checkpoint) -> None:
        """Remove the checkpoints, complete or not, that are older than this one."""
        for checkpoint, path in self._found():
            if checkpoint < than:
                _remove_file(path)

    def remove_checkpoints(self) -> None:
        """Remove every checkpoint: the run needs none any more."""
        _remove_folder(self.checkpoints)

    def remove(self) -> None:
        """Remove everything."""
        _remove_folder(self.folder)

    def _found(self) -> Iterable[tuple[Checkpoint, Path]]:
        if not self.checkpoints.is_dir():
            return []
        matches = [(path, _CHECKPOINT.fullmatch(path.name)) for path in self.checkpoints.iterdir()]
        return [(Checkpoint(int(found[1]), int(found[2])), path) for path, found in matches if found]


def of_run(data_dir: Path, run_id: int) -> RunFiles:
    """The files of the run with this id."""
    return RunFiles(data_dir / "artifacts" / "runs" / str(run_id))


def _remove_file(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        log.warning("could not remove %s: %s", path, error.strerror)


def _remove_folder(folder: Path) -> None:
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        pass
    except OSError as error:
        log.warning("could not remove %s: %s", folder, error.strerror)
