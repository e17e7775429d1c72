"""What is installed from the wheel: made by the Dockerfile's own steps, by a user who may not write here."""

import contextlib
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import sysconfig
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import make_url

from app import cli
from app.client import Client
from app.settings import Settings
from app.storage import migrations
from app.storage.database import Database
from tests.dashboard import ROOT, Dashboard, clean_environment, get, get_bytes, running
from tests.processes import Process
from tests.waiting import eventually

NOBODY = 65534
CARRIED = ("app", "trainer", "templates", "static")
ALONE = (
    "Makefile",
    "pyproject.toml",
    "README.md",
    "LICENSE",
    "requirements.lock",
    "requirements-postgres.lock",
)
DOCKERFILE = (ROOT / "Dockerfile").read_text()


@dataclass
class Installation:
    """An environment made by the Dockerfile's steps, and who made it: another user if that is possible."""

    environment: Path
    checkout: Path
    home: Path
    user: int | None

    @property
    def command(self) -> str:
        """The installed command."""
        return str(self.environment / "bin" / "depthboard")

    def run(self, *command: str, cwd: Path, **environment: str) -> str:
        """Run a command as that user; what it printed."""
        done = subprocess.run(
            command,
            cwd=cwd,
            env=clean_environment(HOME=str(self.home), **environment),
            user=self.user,
            group=self.user,
            extra_groups=None if self.user is None else [],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout


def readable_by_others(path: Path) -> bool:
    """Whether any user may read a file or enter a folder."""
    wanted = stat.S_IROTH | (stat.S_IXOTH if path.is_dir() else 0)
    return path.stat().st_mode & wanted == wanted and all(
        parent.stat().st_mode & stat.S_IXOTH for parent in path.parents
    )


def interpreter(*, for_others: bool) -> Path | None:
    """A Python of this version, outside any environment."""
    name = f"python3.{sys.version_info.minor}"
    candidates = [Path(sys.base_prefix, "bin", name), Path("/usr/bin", name), Path("/usr/local/bin", name)]
    for candidate in candidates:
        if candidate.exists() and (not for_others or readable_by_others(candidate.resolve())):
            return candidate
    return None


@pytest.fixture(scope="module")
def installation() -> Iterator[Installation]:
    """The Dockerfile's make steps, carried out with a read-only checkout.

    The environment sees this one's packages, so that the steps find everything but Depthboard installed
    and need no network; that they are what the lock names is checked by the steps themselves.
    """
    packages = Path(sysconfig.get_path("purelib"))
    python = interpreter(for_others=True) if os.getuid() == 0 and readable_by_others(packages) else None
    user = NOBODY if python else None
    python = python or interpreter(for_others=False)
    assert python
    folder = Path(tempfile.mkdtemp(prefix="depthboard-install-"))
    folder.chmod(0o755)
    made = Installation(folder / "environment", folder / "checkout", folder / "home", user)
    try:
        for path in (made.environment, made.home):
            path.mkdir()
            if user is not None:
                os.chown(path, user, user)
        copy_checkout(made.checkout)
        made.run(str(python), "-m", "venv", "--without-pip", str(made.environment), cwd=made.home)
        own_packages = next(made.environment.glob("lib/python*/site-packages"))
        (own_packages / "borrowed.pth").write_text(f"{packages}\n")
        for step in re.findall(r"^RUN (make .*)$", DOCKERFILE, re.MULTILINE):
            words = step.replace("/opt/depthboard", str(made.environment)).replace("$TORCH_INDEX", "").split()
            made.run(*words, f"PYTHON={python}", cwd=made.checkout)
        yield made
    finally:
        for path in (made.checkout, *made.checkout.rglob("*")):
            if path.is_dir():
                path.chmod(0o755)
        shutil.rmtree(folder)


def copy_checkout(target: Path) -> None:
    """Copy what the wheel is made of, and forbid writing there."""
    target.mkdir()
    for name in ALONE:
        shutil.copy(ROOT / name, target)
    for name in CARRIED:
        shutil.copytree(ROOT / name, target / name, ignore=shutil.ignore_patterns("__pycache__"))
    for path in (*target.rglob("*"), target):
        path.chmod(0o555 if path.is_dir() else 0o444)


def test_the_steps_do_not_change_the_checkout(installation: Installation) -> None:
    found = {path.relative_to(installation.checkout).parts[0] for path in installation.checkout.rglob("*")}
    assert found == {*ALONE, *CARRIED}
    assert not [*installation.checkout.rglob("__pycache__")]


def test_the_build_context_is_what_the_wheel_is_made_of() -> None:
    kept = re.findall(r"^!(.*)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    assert sorted(kept) == sorted([*ALONE, *CARRIED])


def test_the_wheel_carries_pages_data_and_license_and_nothing_else(installation: Installation) -> None:
    record = next(installation.environment.glob("lib/python*/site-packages/depthboard-*.dist-info/RECORD"))
    files = {line.partition(",")[0] for line in record.read_text().splitlines()}
    for folder in ("templates", "static"):
        here = {f"app/{path.relative_to(ROOT)}" for path in (ROOT / folder).rglob("*") if path.is_file()}
        assert here <= files
    for folder in ("app", "trainer"):
        assert {str(path.relative_to(ROOT)) for path in (ROOT / folder).rglob("*.py")} <= files
    shipped = "trainer/data/mnist"
    assert {f"{shipped}/{path.name}" for path in (ROOT / shipped).iterdir()} <= files
    assert any(name.endswith("LICENSE") for name in files)
    tops = {name.split("/")[0] for name in files if not name.startswith("../")}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"app", "trainer"}


MARK = "import os; open(os.environ['MARKS'] + '/' + __name__, 'a').close()\n"
"""A module that leaves a file of its name when it is imported."""

STRANGERS = (
    *("app.py", "app/__init__.py", "trainer.py", "trainer/__init__.py", "random.py", "re.py", "typing.py"),
    *("pathlib.py", "logging.py", "orjson.py", "torch.py", "typer.py", "pydantic.py", "sqlite3.py", "git.py"),
)
LATE = (
    *("sitecustomize.py", "usercustomize.py", "socket.py", "json/__init__.py", "sqlalchemy/__init__.py"),
    *("alembic.py", "multiprocessing/__init__.py", "safetensors.py", "fastapi.py", "plotly.py", "scipy.py"),
)


class Strangers:
    """A folder with modules that are named like Depthboard's and its dependencies', and who imported them."""

    def __init__(self, home: Path, name: str) -> None:
        self.folder = home / name
        self._marks = home / f"{name}-imported"
        for folder in (self.folder, self._marks):
            folder.mkdir()
            folder.chmod(0o777)

    def add(self, *names: str) -> None:
        """Put modules there."""
        for name in names:
            path = self.folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(MARK)

    @property
    def environment(self) -> dict[str, str]:
        """What the modules need to leave their marks; they can't be compiled."""
        return {"MARKS": str(self._marks), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": ""}

    @property
    def imported(self) -> list[str]:
        """The modules that somebody has imported."""
        return sorted(path.name for path in self._marks.iterdir())


@pytest.fixture(scope="module")
def strangers(installation: Installation) -> Strangers:
    """A folder in which no checkout is in reach, with strangers from the start."""
    found = Strangers(installation.home, "strangers")
    found.add(*STRANGERS)
    return found


@pytest.fixture(scope="module")
def dashboard(installation: Installation, strangers: Strangers) -> Iterator[Dashboard]:
    """An installed dashboard in the strangers' folder, which the search path names too."""
    environment = strangers.environment | {"PYTHONPATH": f":.:lib:{strangers.folder}:"}
    with running(
        Path("data"),
        command=[installation.command],
        cwd=strangers.folder,
        user=installation.user,
        environment=environment,
    ) as found:
        yield found


def test_an_installed_dashboard_shows_its_pages_and_is_healthy(
    installation: Installation, dashboard: Dashboard
) -> None:
    for path in ("/runs", "/runs/new", "/studies", "/queue", "/workers", "/docs"):
        status, page = get(dashboard.url, path, accept="text/html")
        assert status == 200, path
        assets = re.findall(r'"(/static/[^"]+)"', page)
        assert assets, path
        for asset in assets:
            assert get_bytes(dashboard.url, asset)[0] == 200, asset
    installation.run(*health_check(installation, dashboard.url), cwd=installation.home)


def test_no_process_imports_from_the_current_folder_after_any_restart(
    strangers: Strangers, dashboard: Dashboard
) -> None:
    """Other strangers appear while it runs."""
    strangers.add(*LATE)
    supervisor = Process(dashboard.process.pid)
    with Client(dashboard.url) as client:

        def trains() -> bool:
            run = client.create_run({"depth": 1, "epochs": 1})
            return eventually(lambda: client.run(run.id).status not in ("queued", "running"), 120) and (
                client.run(run.id).test_accuracy is not None
            )

        assert trains()
        worker, web = supervisor.child("worker"), supervisor.child("serve")
        slot = worker.child("app.worker.slot")
        slot.kill()
        eventually(lambda: slot.pid not in (child.pid for child in worker.children()))
        worker.child("app.worker.slot")
        for victim in (worker, web):
            victim.kill()
        eventually(lambda: not {worker.pid, web.pid} & {child.pid for child in supervisor.children()})
        supervisor.child("worker").child("app.worker.slot")
        eventually(lambda: answers(dashboard.url))
        assert trains()
        assert strangers.imported == []
    assert (strangers.folder / "data" / "depthboard.sqlite3").exists()


def answers(url: str) -> bool:
    """Whether the web process is there."""
    with contextlib.suppress(OSError):
        return get(url, "/health")[0] == 200
    return False


@pytest.mark.parametrize("search_path", [None, ":", ".", "HERE", "/nonesuch::lib"])
def test_the_command_imports_nothing_from_the_current_folder(
    search_path: str | None, installation: Installation
) -> None:
    strangers = Strangers(installation.home, f"with-{str(search_path).strip('/')}")
    strangers.add(*STRANGERS)
    environment = strangers.environment
    if search_path is None:
        strangers.add(*LATE)  # Python itself would look for some of them along the search path
    else:
        environment["PYTHONPATH"] = search_path.replace("HERE", str(strangers.folder))
    shown = installation.run(installation.command, "--version", cwd=strangers.folder, **environment)
    assert shown.startswith("depthboard ")
    assert strangers.imported == []


def test_training_and_backups_import_nothing_from_the_current_folder(installation: Installation) -> None:
    strangers = Strangers(installation.home, "here")
    strangers.add(*STRANGERS, *LATE)
    words = ("train", "--depth", "1", "--epochs", "1", "--json", "--threads", "1")
    shown = installation.run(installation.command, *words, cwd=strangers.folder, **strangers.environment)
    assert json.loads(shown.splitlines()[-1])["epochs_done"] == 1
    data = strangers.folder / "data"
    data.mkdir()
    data.chmod(0o777)
    with closing(Database(f"sqlite:///{data / 'depthboard.sqlite3'}")) as database:
        migrations.upgrade(database)
    for path in data.iterdir():
        path.chmod(0o666)
    saved = installation.run(
        installation.command, "backup", "some.backup", cwd=strangers.folder, **strangers.environment
    )
    assert saved.startswith("Saved 0 runs")
    assert strangers.imported == []


def test_a_module_next_to_the_command_is_not_imported(installation: Installation) -> None:
    strangers = Strangers(installation.home, "beside")
    programs = installation.environment / "bin"
    beside = programs / "app.py"
    beside.write_text(MARK)
    try:
        shown = installation.run("./depthboard", "--version", cwd=programs, **strangers.environment)
    finally:
        beside.unlink()
    assert shown.startswith("depthboard ")
    assert strangers.imported == []


def health_check(installation: Installation, url: str) -> list[str]:
    """The image's health check, put to a server elsewhere."""
    found = re.search(r"HEALTHCHECK .*\\\n\s*CMD (\[.*\])", DOCKERFILE)
    assert found
    program, *arguments = json.loads(found[1].replace("http://127.0.0.1:8000", url))
    assert program == "python"
    return [str(installation.environment / "bin" / program), *arguments]


def test_containers_publish_ports_only_to_this_machine() -> None:
    compose = (ROOT / "compose.yaml").read_text()
    web = compose.partition("  web:")[2].partition("  worker:")[0]
    assert re.findall(r"^ +- (\S+:8000)$", web, re.MULTILINE) == ["127.0.0.1:8000:8000"]
    assert re.search(r'^    DEPTHBOARD_NO_LOGIN: "1"', compose, re.MULTILINE)
    assert "NO_LOGIN" not in re.sub(r"^#.*$", "", DOCKERFILE, flags=re.MULTILINE)
    documented = re.findall(r"docker run .*", DOCKERFILE + (ROOT / "docs/operations.md").read_text())
    assert len(documented) == 2
    for command in documented:
        assert "--publish 127.0.0.1:8000:8000 " in command
        assert "--env DEPTHBOARD_NO_LOGIN=1 " in command


def test_the_image_runs_as_an_unprivileged_user_with_its_data_in_a_volume() -> None:
    assert re.search(r"^USER (?!root)", DOCKERFILE, re.MULTILINE)
    assert re.search(r"^VOLUME /data$", DOCKERFILE, re.MULTILINE)
    assert "DEPTHBOARD_DATA_DIR=/data" in DOCKERFILE


@pytest.mark.parametrize(
    "name",
    ["requirements.lock", "requirements-dev.lock", "requirements-postgres.lock", "requirements-ray.lock"],
)
def test_every_pin_of_a_lock_has_hashes_and_no_location(name: str) -> None:
    text = (ROOT / name).read_text()
    assert "make lock" in text
    assert not re.search(r"://|file:/|find-links|index-url", text)
    pins = re.split(r"\n(?=[a-z])", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE))
    assert len(pins) > 1
    for pin in pins:
        assert re.match(r"[a-z0-9-]+==\S+", pin), pin
        assert "--hash=sha256:" in pin, pin


def test_the_locks_hold_every_declared_dependency_except_torch() -> None:
    """Torch is pinned in the Makefile, because its builds for CPU and CUDA have different hashes."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for declared, name in (
        (project["dependencies"], "requirements.lock"),
        (project["optional-dependencies"]["dev"], "requirements-dev.lock"),
        (project["optional-dependencies"]["postgres"], "requirements-postgres.lock"),
        (project["optional-dependencies"]["ray"], "requirements-ray.lock"),
    ):
        pinned = set(re.findall(r"^([a-z0-9-]+)==", (ROOT / name).read_text(), re.MULTILINE))
        assert {re.split(r"[^a-z0-9-]", need)[0] for need in declared} - pinned <= {"torch"}
    assert re.search(r"^TORCH := \d+\.\d+\.\d+$", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_the_compose_file_names_commands_and_settings_that_exist() -> None:
    compose = (ROOT / "compose.yaml").read_text()
    commands = re.findall(r"command: \[depthboard, (\w+)\]", compose)
    assert sorted(commands) == ["serve", "worker"]
    assert set(commands) <= {
        command.callback.__name__ for command in cli.app.registered_commands if command.callback
    }
    variables = re.findall(r"^ +DEPTHBOARD_(\w+):", compose, re.MULTILINE)
    assert {name.lower() for name in variables} <= set(Settings.model_fields)
    worker = compose.partition("  worker:")[2].partition("  database:")[0]
    assert {"DEPTHBOARD_SLOTS", "DEPTHBOARD_THREADS"} <= set(re.findall(r"DEPTHBOARD_\w+", worker))
    assert make_url(re.findall(r"postgresql\S+", compose)[0]).get_dialect().name == "postgresql"
    assert "requirements-postgres.lock" in DOCKERFILE
