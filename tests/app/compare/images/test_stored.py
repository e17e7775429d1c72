"""Stored predictions: intact files, each read once."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from upath import UPath

from app.compare.images.stored import stored
from app.storage import artifacts
from app.storage.database import Database
from tests.app.states import finished_run, shown
from trainer.files import predictions
from trainer.files.predictions import Predictions

Read = list[Path]


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Read:
    """The files that were read, in order."""
    paths: Read = []

    def load(path: Path) -> Predictions:
        paths.append(path)
        return predictions.load(path)

    monkeypatch.setattr("app.compare.images.stored.load", load)
    return paths


def save(path: Path, *classes: int) -> None:
    """Store these predictions."""
    predictions.save(
        path, Predictions(np.array(classes, np.uint8), np.full(len(classes), 0.5, dtype=np.float16))
    )


def classes(found: dict[int, Predictions]) -> dict[int, list[int]]:
    return {run_id: each.classes.tolist() for run_id, each in found.items()}


def test_missing_and_damaged_files_are_left_out(database: Database, tmp_path: Path) -> None:
    runs = [shown(database, finished_run(database, seed=seed)) for seed in range(3)]
    save(artifacts.of_run(str(tmp_path), runs[0].id).predictions(1), 3, 4)
    save(artifacts.of_run(str(tmp_path), runs[1].id).predictions(1), 3, 4)
    damaged = artifacts.of_run(str(tmp_path), runs[1].id).predictions(1)
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"!")
    assert classes(stored(runs, str(tmp_path))) == {runs[0].id: [3, 4]}
    assert stored([], str(tmp_path)) == {}


def test_a_file_is_read_once_until_it_changes(database: Database, tmp_path: Path, read: Read) -> None:
    run = shown(database, finished_run(database))
    path = artifacts.of_run(str(tmp_path), run.id).predictions(run.attempt)
    save(path, 3, 4)
    for _ in range(3):
        assert classes(stored([run], str(tmp_path))) == {run.id: [3, 4]}
    assert read == [path]
    save(path, 5, 6)
    os.utime(path, ns=(0, 0))
    assert classes(stored([run], str(tmp_path))) == {run.id: [5, 6]}
    assert read == [path, path]
    path.unlink()
    assert stored([run], str(tmp_path)) == {}


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[int], Path]:
    """The folders of runs in a store that is not on this machine."""

    def of_run(_: str, run_id: int) -> artifacts.RunFiles:
        return artifacts.RunFiles(cast("Path", UPath(f"memory://{tmp_path.name}/runs/{run_id}")))

    monkeypatch.setattr(artifacts, "of_run", of_run)
    return lambda run_id: of_run("", run_id).predictions(1)


def test_a_remote_store_is_asked_once_for_each_file(
    database: Database, read: Read, store: Callable[[int], Path]
) -> None:
    one = shown(database, finished_run(database))
    runs = [one.model_copy(update={"id": run_id}) for run_id in range(1, 41)]
    for run in runs[1:]:
        save(store(run.id), run.id % 10)
    for _ in range(2):
        assert classes(stored(runs, "store")) == {run.id: [run.id % 10] for run in runs[1:]}
    assert sorted(path for path in read if path != store(runs[0].id)) == sorted(
        store(run.id) for run in runs[1:]
    )


def test_an_error_of_a_stores_client_leaves_predictions_out(
    database: Database, monkeypatch: pytest.MonkeyPatch, store: Callable[[int], Path]
) -> None:
    run = shown(database, finished_run(database))
    save(store(run.id), 3)

    def load(_: Path) -> Any:
        raise RuntimeError("the endpoint can't be reached")

    monkeypatch.setattr("app.compare.images.stored.load", load)
    assert stored([run], "store") == {}
