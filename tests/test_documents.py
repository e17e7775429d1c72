"""The documents keep up with the product."""

import ast
import re
from pathlib import Path

import pytest

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
