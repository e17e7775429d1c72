"""The settings in use, without passwords and tokens, and where each comes from."""

import re
from collections.abc import Callable
from typing import Final

from sqlalchemy import URL

from app.formats import as_utf8
from app.schemas.monitoring import SettingOut
from app.settings import ENVIRONMENT, SECRETS, Settings, is_url

HIDDEN: Final = "***"

_PASSWORD: Final = re.compile(r"(://[^:/@]*):[^@]*@")


def listed(settings: Settings) -> list[SettingOut]:
    """Every setting with its value in use."""
    return [_setting(settings, name) for name in Settings.model_fields]


def _setting(settings: Settings, name: str) -> SettingOut:
    value = getattr(settings, name)
    is_default = name not in settings.model_fields_set or value == _default(name)
    return SettingOut(
        name=ENVIRONMENT + name.upper(),
        value=_told(name, _in_use(settings, name, value)),
        source="default" if is_default else "environment",
    )


def _default(name: str) -> object:
    field = Settings.model_fields[name]
    return field.default.absolute() if name == "data_dir" else field.default


def _in_use(settings: Settings, name: str, value: object) -> object:
    """The value that an omitted setting gets."""
    computed: dict[str, Callable[[], object]] = {
        "database_url": lambda: _database_url(settings.url),
        "artifacts_url": lambda: settings.artifacts,
        "slots": lambda: settings.slot_count,
        "threads": lambda: settings.thread_count,
    }
    return computed[name]() if name in computed else value


def _database_url(url: URL) -> str:
    """A URL without its password; bytes of a file's name that are not UTF-8 can't be in one."""
    return url.set(database=url.database and as_utf8(url.database)).render_as_string(hide_password=True)


def _told(name: str, value: object) -> str | None:
    if value is None:
        return None
    if name in SECRETS:
        return HIDDEN
    text = f"{value:g}" if isinstance(value, bool | float) else as_utf8(str(value))
    return _without_password(text) if is_url(text) else text


def _without_password(url: str) -> str:
    """A URL without its password, and without the values of its parameters, which may be keys."""
    address, mark, query = url.partition("?")
    hidden = _PASSWORD.sub(rf"\1:{HIDDEN}@", address)
    return hidden + mark + re.sub(r"=[^&]*", f"={HIDDEN}", query)
