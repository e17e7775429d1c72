"""Storage of runs and database, and how often it is measured."""

from app.settings import Settings
from app.storage.database import Database
from app.web.monitoring.storage_use import KEPT_SECONDS, StorageUse

BACKENDS = ("sqlite", "postgresql")


def test_files_of_runs_are_measured_once_a_minute(database: Database, settings: Settings) -> None:
    moment = [0.0]
    storage = StorageUse(database, settings, lambda: moment[0])
    first = storage.read()
    assert first.runs == 0
    assert first.database > 10_000
    assert first.free
    folder = settings.data_dir / "artifacts/runs/1/attempt-1"
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"x" * 1000)
    assert storage.read() is first
    moment[0] += KEPT_SECONDS
    assert storage.read().runs == 1000


def test_an_object_store_is_not_measured(database: Database, settings: Settings) -> None:
    remote = settings.model_copy(update={"artifacts_url": "s3://bucket/here"})
    found = StorageUse(database, remote).read()
    assert (found.runs, found.free) == (None, None)
