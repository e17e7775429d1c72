"""Settings: environment variables `DEPTHBOARD_…`, their defaults and the paths that follow from them."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

if TYPE_CHECKING:
    from sqlalchemy import URL

_HERE = Path(__file__).parent


def _carried(folder: str) -> Path:
    """Returns the path of a folder: inside the package in a wheel, beside it in a checkout."""
    packaged = _HERE / folder
    return packaged if packaged.is_dir() else _HERE.parent / folder


TEMPLATES = _carried("templates")
STATIC = _carried("static")

ENVIRONMENT: Final = "DEPTHBOARD_"
"""Prefix of every environment variable of Depthboard."""

MOST_SLOTS: Final = 4
"""Default maximum of slots: with more, the cost in memory exceeds the gain in speed."""

_EVERYWHERE: Final = ("", "0.0.0.0", "[::]")  # noqa: S104  # looked up, not bound

_QUOTA: Final = Path("/sys/fs/cgroup/cpu.max")


def cores(quota: Path = _QUOTA) -> int:
    """CPU cores available to this process, limited by its affinity and by its control group's quota."""
    bound = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    try:
        granted, period = quota.read_text().split()
        return min(bound, max(1, int(granted) // int(period)))
    except (OSError, ValueError):  # no control group, or one without a limit ("max")
        return bound


def _absolute(path: object) -> Path:
    """Returns an absolute path; a leading `~` in a text means the home folder.

    As in a shell, `~name` without such a user is an ordinary name.
    """
    if path == "":
        raise ValueError("the path of the folder is empty")
    typed = os.path.expanduser(path) if isinstance(path, str) else str(path)  # noqa: PTH111  # fails on ~name
    return Path(typed).absolute()


def _without_brackets(host: str) -> str:
    """Returns an IPv6 address without the brackets that it has in URLs: `::1` for `[::1]`."""
    return host[1:-1] if host.startswith("[") and host.endswith("]") else host


def is_url(location: str) -> bool:
    """Whether a location for files is a URL and not a path."""
    return "://" in location


def _absolute_unless_url(location: str | None) -> str | None:
    return str(_absolute(location)) if location and not is_url(location) else location


def _web_address(address: str | None) -> str | None:
    """Returns a URL of a web server, without a slash at its end."""
    if not address:
        return address
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("expected a URL that begins with http:// or https://")
    return address.rstrip("/")


def _secret_web_address(address: SecretStr | None) -> SecretStr | None:
    if address and address.get_secret_value():
        _web_address(address.get_secret_value())
    return address


class Settings(BaseSettings):
    """Settings of one installation; every field is also a `DEPTHBOARD_…` environment variable."""

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT, env_ignore_empty=True, frozen=True, extra="forbid", allow_inf_nan=False
    )

    data_dir: Annotated[
        Path,
        BeforeValidator(_absolute),
        Field(validate_default=True, description="Folder for the database, data sets and files of runs."),
    ] = Path("data")
    database_url: Annotated[
        str | None, Field(description="SQLAlchemy URL; by default a SQLite file in the data folder.")
    ] = None
    artifacts_url: Annotated[
        str | None,
        AfterValidator(_absolute_unless_url),
        Field(
            description="Folder or fsspec URL for weights, checkpoints and predictions, shared by web "
            "server and workers; default: artifacts in the data folder."
        ),
    ] = None
    host: Annotated[
        str,
        AfterValidator(_without_brackets),
        Field(
            description="Address the web server listens on; one that other machines can reach requires "
            "--no-login."
        ),
    ] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535, description="Port the web server listens on.")] = 8000
    allowed_hosts: Annotated[
        str,
        Field(description="Host names that the server accepts, separated by commas; * for any."),
    ] = "localhost,127.0.0.1,[::1]"
    no_login: Annotated[
        bool,
        Field(
            description="Allow an address that other machines can reach, without a login: anyone who "
            "reaches the port can use the dashboard."
        ),
    ] = False
    slots: Annotated[
        int | None,
        Field(
            ge=1,
            le=64,
            description="Runs trained at the same time; by default cores / threads, at most 4.",
        ),
    ] = None
    threads: Annotated[
        int | None, Field(ge=1, le=256, description="CPU threads per run; by default cores / slots.")
    ] = None
    device: Annotated[
        str,
        Field(pattern="^(auto|cpu|cuda|mps)$", description="Device that the worker offers; auto offers all."),
    ] = "auto"
    engine: Annotated[
        Literal["local", "ray"],
        Field(description="Where the worker trains: on its own machine, or on the nodes of a Ray cluster."),
    ] = "local"
    ray_address: Annotated[
        str,
        Field(
            description="Address of the Ray cluster: auto finds one on this machine; or HOST:PORT of its "
            "head, or ray://HOST:PORT of its client server."
        ),
    ] = "auto"
    gpus_per_run: Annotated[
        float, Field(gt=0, le=1, description="GPU that Ray reserves for a run on a GPU, or a fraction of it.")
    ] = 1.0
    memory_per_run: Annotated[
        float,
        Field(ge=0.5, le=1024, description="Memory that Ray reserves for a run, in GiB (2^30 bytes)."),
    ] = 1.0
    lease_seconds: Annotated[
        float, Field(gt=0, description="Seconds that a claim remains valid without a heartbeat.")
    ] = 30.0
    heartbeat_seconds: Annotated[
        float, Field(gt=0, description="Seconds between two heartbeats of a worker.")
    ] = 5.0
    checkpoint_seconds: Annotated[
        float, Field(ge=0, description="Minimum training time between two checkpoints, in seconds.")
    ] = 5.0
    stall_seconds: Annotated[
        float,
        Field(
            gt=0,
            description="Seconds without a step after which a run's process is killed if it is idle or "
            "uses far more CPU time than its longest step; this counts as a crash.",
        ),
    ] = 300.0
    queue_limit: Annotated[int, Field(ge=1, description="Maximum number of queued runs.")] = 10_000
    webhook_url: Annotated[
        SecretStr | None,
        AfterValidator(_secret_web_address),
        Field(
            description="URL that gets a message when a study ends or a run fails; by default, nothing is "
            "sent."
        ),
    ] = None
    webhook_format: Annotated[
        str,
        Field(
            pattern="^(auto|json|slack)$",
            description="Format of these messages: json, or slack for an incoming webhook of Slack; auto "
            "recognizes Slack by its host.",
        ),
    ] = "auto"
    webhook_secret: Annotated[
        SecretStr | None,
        Field(description="Secret that signs these messages, so that the receiver can check their origin."),
    ] = None
    public_url: Annotated[
        str | None,
        AfterValidator(_web_address),
        Field(
            description="URL at which people open the dashboard, for links in messages; by default the "
            "listening address."
        ),
    ] = None

    @model_validator(mode="after")
    def _share_the_cores(self) -> Self:
        """Reject more threads than cores: threads that compete for cores are many times slower."""
        is_local = self.engine == "local"
        if is_local and (self.threads or 1) > 1 and self.slot_count * self.thread_count > cores():
            raise ValueError(
                f"{self.slot_count} slots of {self.thread_count} threads exceed the {cores()} CPU cores; "
                "choose fewer slots or threads, or omit one of the two settings"
            )
        return self

    @model_validator(mode="after")
    def _name_a_cluster_only_for_ray(self) -> Self:
        """Reject the address of a cluster that would not be used."""
        if self.engine == "local" and self.ray_address != "auto":
            raise ValueError(
                f"the address of a Ray cluster ({self.ray_address}) is only for the engine ray; add "
                f"--engine ray or {ENVIRONMENT}ENGINE=ray, or omit the address"
            )
        return self

    @property
    def own_database(self) -> Path:
        """The database file that is used without `database_url`."""
        return self.data_dir / "depthboard.sqlite3"

    @property
    def url(self) -> "URL":
        """The SQLAlchemy URL in use.

        Raises:
            sqlalchemy.exc.ArgumentError: `database_url` is not a valid URL.
        """
        from sqlalchemy import URL, make_url  # noqa: PLC0415  # takes 0.3 s, and `up` does not need it

        if not self.database_url:
            return URL.create("sqlite", database=str(self.own_database))
        url = make_url(self.database_url)
        if url.get_backend_name() != "sqlite" or url.database in (None, "", ":memory:") or "uri" in url.query:
            return url
        return url.set(database=str(_absolute(url.database)))

    @property
    def artifacts(self) -> str:
        """The folder or URL in use for the artifacts of runs."""
        return self.artifacts_url or str(self.data_dir / "artifacts")

    @property
    def hosts(self) -> list[str]:
        """The Host names that the server accepts: the allowed ones and the listening address."""
        allowed = [host.strip() for host in self.allowed_hosts.split(",") if host.strip()]
        listened = f"[{self.host}]" if ":" in self.host else self.host
        return allowed if listened in (*allowed, *_EVERYWHERE) else [*allowed, listened]

    @property
    def slot_count(self) -> int:
        """Runs trained at the same time."""
        return self.slots or min(max(1, cores() // (self.threads or 1)), MOST_SLOTS)

    @property
    def thread_count(self) -> int:
        """CPU threads per run; slots x threads exceeds the cores only if there are more slots than cores."""
        return self.threads or max(1, cores() // self.slot_count)


SECRETS: Final = frozenset({"webhook_url", "webhook_secret"})
"""Settings that no page, message or log may show."""
