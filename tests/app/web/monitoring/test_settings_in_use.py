"""Settings in use: every one of them, its source, and no secrets."""

from pathlib import Path

import pytest

from app.settings import Settings
from app.web.monitoring.settings_in_use import listed


def values(settings: Settings) -> dict[str, tuple[str | None, str]]:
    return {
        setting.name.removeprefix("DEPTHBOARD_"): (setting.value, setting.source)
        for setting in listed(settings)
    }


def test_every_setting_has_its_value_and_source(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DEPTHBOARD_SLOTS", "1")
    monkeypatch.setenv("DEPTHBOARD_DATA_DIR", str(tmp_path))
    found = values(Settings())
    assert found.keys() == {name.upper() for name in Settings.model_fields}
    assert found["SLOTS"] == ("1", "environment")
    assert found["DATA_DIR"] == (str(tmp_path), "environment")
    assert found["ARTIFACTS_URL"] == (f"{tmp_path}/artifacts", "default")
    assert found["DATABASE_URL"] == (f"sqlite:///{tmp_path}/depthboard.sqlite3", "default")
    assert found["NO_LOGIN"] == ("0", "default")


def test_the_default_data_folder_is_a_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPTHBOARD_DATA_DIR", str(Path("data").absolute()))
    assert values(Settings())["DATA_DIR"][1] == "default"


@pytest.mark.parametrize(
    ("name", "url", "shown"),
    [
        ("database_url", "postgresql+psycopg://me:pass@host/db", "postgresql+psycopg://me:***@host/db"),
        (
            "artifacts_url",
            "s3://key:pass@bucket/here?secret=pass&b=1",
            "s3://key:***@bucket/here?secret=***&b=***",
        ),
        ("artifacts_url", "s3://bucket/here", "s3://bucket/here"),
    ],
)
def test_passwords_are_hidden(tmp_path: Path, name: str, url: str, shown: str) -> None:
    settings = Settings.model_validate({"data_dir": tmp_path, name: url})
    assert values(settings)[name.upper()] == (shown, "environment")


def test_of_the_webhook_only_its_format_is_shown(tmp_path: Path) -> None:
    secrets = {"webhook_url": "https://hooks.example.org/key", "webhook_secret": "a key of 16 characters"}
    settings = Settings.model_validate({"data_dir": tmp_path, **secrets})
    shown = values(settings)
    assert shown["WEBHOOK_URL"] == shown["WEBHOOK_SECRET"] == ("***", "environment")
    assert shown["WEBHOOK_FORMAT"] == ("auto", "default")
