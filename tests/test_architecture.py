"""The rules of the house: which room may import what, and what no process may load."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
WEB = ("fastapi", "starlette", "uvicorn")
TORCHLESS = {
    "trainer.command",
    "trainer.config",
    "trainer.files.durable",
    "trainer.training.epoch_record",
    "trainer.data.folder",
    "trainer.data.idx",
    "trainer.data.idx_stream",
    "trainer.data.inspection",
    "trainer.files.predictions",
    "trainer.files.raw_tensors",
    "trainer.streams",
    "trainer.files.tensor_file",
    "trainer.memory",
}
DATABASE = ("sqlalchemy", "sqlmodel", "alembic", "app.storage.database", "app.storage.tables")


def name_of(path: Path) -> str:
    """A source file as a module."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


FILES = {
    name_of(path): path
    for room in ("app", "trainer")
    for path in sorted((ROOT / room).rglob("*.py"))
    if "versions" not in path.parts
}
APP = [name for name in FILES if name.split(".")[0] == "app"]
ROUTES = ("app.main", *(name for name in APP if name.startswith("app.web.")))
TRAINER = [name for name in FILES if name.split(".")[0] == "trainer"]


NOT_TESTED_ALONE = {"app", "trainer", "trainer.__main__", "app.storage.migrations.env"}
"""Packages, and what only starts others."""
ABOUT_SEVERAL = {
    "app.test_cli_output",
    "app.test_data_folder",
    "app.test_exact_numbers",
    "app.compare.inference.test_published",
    "app.compare.inference.test_simulated_studies",
    "app.compare.test_one_voice",
    "app.web.test_one_voice",
    "trainer.training.test_gpu",
}
"""Test files that stand for no single module."""


def has_code(module: str) -> bool:
    """Whether a module does something; most packages are a docstring."""
    return any(not isinstance(statement, ast.Expr) for statement in ast.parse(FILES[module].read_text()).body)


def mirrored(module: str) -> str:
    """The module that holds a module's tests, within the folder of tests."""
    package, _, name = module.rpartition(".")
    return f"{package}.test_{name}"


def statements(body: list[ast.stmt], *, lazy: bool) -> Iterator[ast.stmt]:
    """Statements that run when a module is imported; those inside its functions too if `lazy`."""
    for statement in body:
        yield statement
        inner = [part for part in ast.iter_child_nodes(statement) if isinstance(part, ast.stmt)]
        inner += [line for handler in getattr(statement, "handlers", []) for line in handler.body]
        if isinstance(statement, ast.If) and ast.unparse(statement.test) == "TYPE_CHECKING":
            inner = [] if not lazy else inner
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef) and not lazy:
            inner = []
        yield from statements(inner, lazy=lazy)


@cache
def imports(module: str, *, lazy: bool) -> frozenset[str]:
    """What a module imports, as module names."""
    found: set[str] = set()
    for statement in statements(ast.parse(FILES[module].read_text()).body, lazy=lazy):
        if isinstance(statement, ast.Import):
            found.update(alias.name for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom):
            assert statement.level == 0, f"{module} imports by a relative name"
            assert statement.module
            names = {f"{statement.module}.{alias.name}" for alias in statement.names}
            found.update(names & FILES.keys() or {statement.module})
    return frozenset(found)


def reached(module: str) -> dict[str, str]:
    """Everything that importing a module imports, each with the module that does so."""
    found: dict[str, str] = {}
    waiting = [module]
    while waiting:
        current = waiting.pop()
        for name in imports(current, lazy=False):
            parts = name.split(".")
            for parent in (".".join(parts[:length]) for length in range(1, len(parts) + 1)):
                if parent not in found:
                    found[parent] = current
                    if parent in FILES:
                        waiting.append(parent)
    return found


ROOMS = ("schemas", "storage", "queue", "runs", "compare", "web")
"""The packages of `app` in which the web process lives: each may import those before it."""
MAY_IMPORT = {
    **{room: {*ROOMS[: number + 1]} for number, room in enumerate(ROOMS)},
    "worker": {"worker", "schemas", "storage", "queue"},
    "commands": {"commands", "schemas", "storage", "queue"},
    "": {"schemas"},  # what stands beside the packages, for all of them
}
PUT_TOGETHER = ("app.main", "app.cli")
"""They may import everything, and nothing imports them, save the script that starts the command line."""
MOST_MODULES = 15
"""A folder with more than these is no room that a reader can keep in mind."""


def room(module: str) -> str:
    """The package of `app` that a module is in; empty for those beside the packages."""
    inside = module.split(".")[1:]
    return inside[0] if inside and (ROOT / "app" / inside[0]).is_dir() else ""


@pytest.mark.parametrize("module", [name for name in APP if name not in PUT_TOGETHER])
def test_imports_follow_the_order_of_packages(module: str) -> None:
    found = {name for name in imports(module, lazy=True) if name.split(".")[0] == "app"}
    assert {name for name in found if room(name) not in {"", *MAY_IMPORT[room(module)]}} == set()
    assert found.isdisjoint(PUT_TOGETHER) or module == "app.interpreter"


def test_only_the_engine_of_a_cluster_imports_ray() -> None:
    importers = {
        name for name in FILES if any(each.split(".")[0] == "ray" for each in imports(name, lazy=True))
    }
    assert importers == {"app.worker.cluster.ray_engine", "app.worker.cluster.ray_slot"}
    for process in ("app.cli", "app.main", "app.worker.program", "app.worker.slot"):
        assert reached(process).keys().isdisjoint({"ray", *importers})


def test_imports_have_no_cycles() -> None:
    started = {"app.interpreter"}  # it starts the command line, which starts others by its means
    TopologicalSorter(
        {name: imports(name, lazy=True) & FILES.keys() for name in FILES.keys() - started}
    ).prepare()


def test_tests_mirror_the_modules_file_by_file() -> None:
    modules = {name for name in FILES.keys() - NOT_TESTED_ALONE if has_code(name)}
    wanted = {mirrored(name) for name in modules}
    folder = ROOT / "tests"
    found = {
        ".".join(path.relative_to(folder).with_suffix("").parts)
        for room in ("app", "trainer")
        for path in (folder / room).rglob("test_*.py")
    }
    assert wanted - found == set(), "modules without tests"
    assert found - wanted == ABOUT_SEVERAL, "tests of no module"
    for name in found:
        assert "\ndef test_" in (folder / f"{name.replace('.', '/')}.py").read_text(), f"{name} tests nothing"


@pytest.mark.parametrize("script", sorted((ROOT / "static/js").rglob("*.js")), ids=lambda path: path.name)
def test_imports_of_scripts_have_no_cycles(script: Path) -> None:
    folders = ("js", "plot", "live", "parts", "table", "charts", "shell", "pages")
    before = folders[: folders.index(script.parent.name) + 1]
    for address in re.findall(r'\bfrom "([^"]+)"', script.read_text()):
        imported = (script.parent / address).resolve()
        assert imported.is_file()
        assert imported.parent.name in before


@pytest.mark.parametrize(
    ("folder", "suffix"), [("app", ".py"), ("trainer", ".py"), ("static/js", ".js"), ("templates", ".html")]
)
def test_no_folder_has_too_many_modules(folder: str, suffix: str) -> None:
    folders = [ROOT / folder, *(path for path in (ROOT / folder).rglob("*") if path.is_dir())]
    counts = {
        str(path): sum(each.suffix == suffix and each.name != "__init__.py" for each in path.iterdir())
        for path in folders
    }
    assert {path: count for path, count in counts.items() if count > MOST_MODULES} == {}


def test_the_packages_are_found() -> None:
    assert {"app.web.routes.runs", "app.web.pages.shared", "app.web.pages.runs", "app.web.pages.new_run"} <= {
        *ROUTES
    }
    assert {
        "app",
        "app.queue.claims",
        "app.storage.migrations.env",
        "trainer",
        "trainer.config",
    } <= FILES.keys()
    assert "app.queue.claims" in imports("app.worker.loop", lazy=False)
    assert "scipy.special" in imports("app.statistics", lazy=True) - imports("app.statistics", lazy=False)
    assert reached("app.worker.loop")["sqlmodel"]


@pytest.mark.parametrize("module", TRAINER)
def test_imports_of_the_trainer_follow_the_order_of_packages(module: str) -> None:
    """First what stands for all parts, then the packages in turn, and last what a terminal needs."""
    rooms = ("config device memory streams", "data", "training", "files", "terminal command __main__")
    places = {name: place for place, names in enumerate(rooms) for name in names.split()}

    def place(name: str) -> int:
        return places[name.split(".")[1]] if "." in name else 0

    found = {name for name in imports(module, lazy=True) if name.split(".")[0] == "trainer"}
    assert {name for name in found if place(name) > place(module)} == set()


@pytest.mark.parametrize("module", TRAINER)
def test_the_trainer_never_imports_the_app(module: str) -> None:
    assert not [name for name in imports(module, lazy=True) if name.split(".")[0] == "app"]


@pytest.mark.parametrize("module", [name for name in APP if name != "app.worker.slot"])
def test_only_the_slot_imports_torch(module: str) -> None:
    found = imports(module, lazy=True)
    assert not [name for name in found if name.split(".")[0] == "torch"]
    assert {name for name in found if name.split(".")[0] == "trainer"} <= TORCHLESS


@pytest.mark.parametrize(
    ("module", "forbidden"),
    [
        ("trainer", ("torch", "numpy", "pydantic")),
        ("trainer.config", ("torch", "numpy")),
        ("trainer.memory", ("torch", "numpy")),
        ("trainer.command", ("torch", "numpy", "rich")),
        ("trainer.data.folder", ("torch", "numpy", "pydantic")),
        ("trainer.data.inspection", ("torch", "numpy")),
        ("trainer.training.loop", ("sqlmodel", "rich", "safetensors")),
        ("app.runs.datasets", ("torch", "numpy", *WEB, *DATABASE)),
        ("trainer.files.predictions", ("torch", "pydantic")),
        ("trainer.files.raw_tensors", ("torch", "numpy", "pydantic")),
        ("app.runs.predictions", ("torch", "numpy", *WEB)),
        ("app.runs.verification", ("torch", "numpy", *WEB)),
        ("trainer.data.idx", ("torch",)),
        ("trainer.files.durable", ("torch", "numpy", "pydantic")),
        ("app.storage.artifacts", ("torch", "numpy", *WEB, *DATABASE)),
        ("app.settings", ("torch", *WEB, *DATABASE)),
        ("app.storage.tables", ("torch", *WEB, *ROUTES)),
        ("app.storage.database", ("torch", *WEB, *ROUTES)),
        ("app.storage.migrations", ("torch", *WEB, *ROUTES)),
        ("app.queue.admission", ("torch", *WEB, *ROUTES)),
        ("app.queue.endings", ("torch", *WEB, *ROUTES)),
        ("app.worker.loop", ("torch", *WEB, *ROUTES)),
        ("app.worker.slot", (*WEB, *ROUTES, *DATABASE)),
        ("app.worker.messages", ("torch", *WEB, *ROUTES, *DATABASE)),
        ("app.commands.supervisor", ("torch", "pydantic", *WEB, *ROUTES, *DATABASE)),
        ("app.cli", ("torch", *WEB, *ROUTES, *DATABASE)),
        ("app.client", ("torch", *WEB, *ROUTES, *DATABASE)),
        ("app.runs.studies", ("torch", *WEB, *ROUTES)),
        ("app.compare.comparison", ("torch", "scipy", *WEB, *ROUTES)),
        ("app.compare.reference", ("torch", *WEB, *ROUTES)),
        ("app.compare.images.comparison", ("torch", *WEB, *ROUTES)),
        ("app.main", ("torch", "scipy", "plotly")),
    ],
)
def test_a_package_imports_only_what_it_may(module: str, forbidden: tuple[str, ...]) -> None:
    found = reached(module)
    assert {name: found[name] for name in forbidden if name in found} == {}


def test_the_settings_import_no_other_module() -> None:
    assert not [name for name in imports("app.settings", lazy=True) if name.split(".")[0] == "app"]


def test_the_trainers_package_is_empty() -> None:
    assert not ast.parse(FILES["trainer"].read_text()).body


def loaded_after(code: str) -> set[str]:
    """The modules that a new process has loaded after running this code."""
    report = f"import sys\n{code}\nprint(*sys.modules)"
    process = subprocess.run(
        [sys.executable, "-W", "error", "-c", report], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stderr
    return set(process.stdout.split())


@pytest.mark.slow
def test_the_web_process_loads_no_torch_and_no_science_before_it_needs_it(tmp_path: Path) -> None:
    code = f"""
from pathlib import Path
from app.main import create_app
from app.settings import Settings
create_app(Settings(data_dir=Path({str(tmp_path)!r}))).openapi()
"""
    loaded = loaded_after(code)
    assert "app.web.api" in loaded
    assert not loaded & {"torch", "numpy", "scipy", "trainer.training.loop", "trainer.training.model"}


@pytest.mark.slow
def test_the_worker_loads_no_torch() -> None:
    assert not loaded_after("import app.worker.loop") & {"torch", "numpy", "fastapi", "starlette"}


@pytest.mark.slow
def test_the_command_imports_few_modules() -> None:
    heavy = {"torch", "numpy", "fastapi", "starlette", "sqlalchemy", "sqlmodel", "httpx"}
    assert not loaded_after("import app.cli, app.commands.supervisor") & heavy
