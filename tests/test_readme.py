"""The README keeps up with the product."""

import re
from pathlib import Path

import pytest

from app.main import create_app
from app.settings import Settings

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_in_the_readme(name: str) -> None:
    assert f"`DEPTHBOARD_{name.upper()}`" in README


def test_every_json_route_is_in_the_readme(tmp_path: Path) -> None:
    app = create_app(Settings(data_dir=tmp_path))
    documented = re.sub(r"\{\w+\}", "{id}", README)
    missing = [path for path in app.openapi()["paths"] if re.sub(r"\{\w+\}", "{id}", path) not in documented]
    app.state.database.close()
    assert missing == []


def test_every_module_is_in_the_tree() -> None:
    modules = {path.name for folder in ("app", "trainer") for path in (ROOT / folder).glob("*.py")}
    mentioned = set(re.findall(r"\w+\.py", README))
    assert modules - mentioned - {"__init__.py"} == set()


def test_the_readme_names_no_missing_module() -> None:
    files = {path.name for path in ROOT.rglob("*.py") if ".venv" not in path.parts}
    assert set(re.findall(r"\b\w+\.py\b", README)) - files == set()
