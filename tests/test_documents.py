"""The documents keep up with the product."""

import ast
import re
from pathlib import Path

import pytest
from pydantic.fields import FieldInfo

from app.cli import app as command_line
from app.main import create_app
from app.settings import Settings
from tests.conftest import SLOW
from trainer.config import TrainConfig

ROOT = Path(__file__).parent.parent
ARCHITECTURE = (ROOT / "docs/architecture.md").read_text()
FOLDERS = sorted(
    {
        path.parent
        for folder, suffix in (("app", ".py"), ("trainer", ".py"), ("static/js", ".js"))
        for path in (ROOT / folder).rglob(f"*{suffix}")
        if "migrations" not in path.parts
    }
)


def purpose(path: Path) -> str:
    """The first sentence that a module says of itself."""
    if path.suffix == ".py":
        return (ast.get_docstring(ast.parse(path.read_text())) or "").partition("\n\n")[0].replace("\n", " ")
    comment = re.match(r"(?:// .*\n)*", path.read_text())
    assert comment
    return re.split(r"(?<=\.) (?=[A-Z])", comment[0].replace("// ", "").replace("\n", " ").strip())[0]


@pytest.mark.parametrize("folder", FOLDERS, ids=str)
def test_every_module_is_in_the_architecture_as_it_says_of_itself(folder: Path) -> None:
    section = ARCHITECTURE.partition(f"### `{folder.relative_to(ROOT)}`\n")[2].partition("\n#")[0]
    modules = [path for path in sorted(folder.glob("*.[jp][sy]")) if path.name != "__init__.py"]
    listed = [line for line in section.splitlines() if line.startswith("| `")]
    assert listed == [f"| `{path.name}` | {purpose(path)} |" for path in modules]


def test_the_architecture_lists_the_folders_of_templates() -> None:
    section = ARCHITECTURE.partition("### `templates`\n")[2].partition("\n#")[0]
    folders = [path for path in sorted((ROOT / "templates").iterdir()) if path.is_dir()]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == [path.name for path in folders]


DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("templates/**/*.html")])


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_line_is_longer_than_200_characters(path: Path) -> None:
    assert [line for line in path.read_text().splitlines() if len(line) > 200] == []


@pytest.mark.parametrize(
    "path", [path for path in DOCUMENTS if path.suffix == ".md"], ids=lambda path: path.name
)
def test_links_between_documents_lead_somewhere(path: Path) -> None:
    for link in re.findall(r"\]\((?!https?:)([^)]+)\)", path.read_text()):
        name, _, anchor = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        assert target.exists(), link
        if anchor:
            assert anchor in _anchors(target.read_text()), link


NAMED = re.compile(
    r"(?<![\w/.-])(?:app|trainer|static|templates|tests|benchmarks|docs)/[\w/-]+\.(?:py|js|md|html|css)\b"
)
OURS = [
    *(path for path in DOCUMENTS if path.name != "CHANGELOG.md"),  # which tells of older versions
    *(path for folder in ("app", "trainer", "benchmarks", "tests") for path in (ROOT / folder).rglob("*.py")),
    *(ROOT / "static").rglob("*.js"),
    *(ROOT / "static").glob("*.css"),
]


def test_files_that_texts_and_comments_name_exist() -> None:
    named = {name for path in OURS for name in NAMED.findall(path.read_text())}
    assert len(named) > 50
    assert sorted(name for name in named if not (ROOT / name).exists()) == []


def test_the_paths_of_slow_tests_exist() -> None:
    files = [path.relative_to(ROOT).as_posix() for path in (ROOT / "tests").rglob("*.py")]
    assert [place for place in SLOW if not any(file.startswith(place) for file in files)] == []


def _anchors(document: str) -> set[str]:
    """The headings of a document as links name them."""
    headings = re.findall(r"^#+ (.+)$", document, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def rows(name: str) -> dict[str, list[str]]:
    """The rows of a document's tables, by the first cell without its backquotes."""
    lines = (ROOT / "docs" / name).read_text().splitlines()
    cells = [
        [cell.strip() for cell in line.strip("|").split(" | ")] for line in lines if line.startswith("| `")
    ]
    return {row[0].strip("` "): row[1:] for row in cells}


@pytest.mark.parametrize(("name", "field"), Settings.model_fields.items())
def test_every_setting_is_documented_with_its_default(name: str, field: FieldInfo) -> None:
    variable = f"DEPTHBOARD_{name.upper()}"
    default = rows("settings.md")[variable][0].strip("` |")
    if field.default is not None:
        assert default == (
            f"{field.default:g}"
            if isinstance(field.default, float)
            else str(field.default).replace("False", "0")
        )
    assert f"- `{variable}`: " in (ROOT / "docs/settings.md").read_text()


def test_every_json_route_is_documented(tmp_path: Path) -> None:
    app = create_app(Settings(data_dir=tmp_path))
    app.state.database.close()
    documented = (ROOT / "docs/http-api.md").read_text()
    routes = {(method.upper(), path) for path, item in app.openapi()["paths"].items() for method in item}
    missing = [
        f"{method} {path}" for method, path in sorted(routes) if not _documented(method, path, documented)
    ]
    assert missing == []


def _documented(method: str, path: str, documented: str) -> bool:
    path = re.escape(re.sub(r"\{\w+_id\}", "{id}", path))
    return re.search(rf"`{method} {path}[`?]", documented) is not None


@pytest.mark.parametrize(("name", "field"), TrainConfig.model_fields.items())
def test_every_hyperparameter_is_documented_with_its_default(name: str, field: FieldInfo) -> None:
    expected = f"{field.default:g}" if isinstance(field.default, float) else str(field.default)
    assert rows("hyperparameters.md")[name][0].strip("`") == ("required" if field.is_required() else expected)


def test_every_command_is_documented() -> None:
    documented = (ROOT / "docs/command-line.md").read_text()
    names = [
        command.name or command.callback.__name__
        for command in command_line.registered_commands
        if command.callback
    ]
    assert [name for name in names if f"`{name}`" not in documented] == []
