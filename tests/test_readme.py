"""The README keeps up with the product."""

import re
import textwrap
from pathlib import Path

import pytest
from pydantic.fields import FieldInfo

from app.main import create_app
from app.settings import Settings
from tests.forked import Forks
from trainer.config import TrainConfig

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


@pytest.mark.parametrize(("name", "field"), TrainConfig.model_fields.items())
def test_every_hyperparameter_is_in_the_readme_with_its_default(name: str, field: FieldInfo) -> None:
    (line,) = [line for line in README.splitlines() if line.startswith(f"| `{name}` |")]
    default = line.split("|")[2].strip(" `")
    expected = f"{field.default:g}" if isinstance(field.default, float) else str(field.default)
    assert default == ("required" if field.is_required() else expected)


def test_the_library_example_of_the_readme_works(tmp_path: Path, forks: Forks) -> None:
    _, _, rest = README.partition("## As a library")
    example = tmp_path / "example.py"
    example.write_text(
        textwrap.dedent(rest.partition("## Settings")[0]).replace("epochs=20", "epochs=1, batch_size=10_000")
    )
    done = forks.run(str(example), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "loss.html").stat().st_size > 0
    assert (tmp_path / "model.safetensors").stat().st_size > 2_000_000
