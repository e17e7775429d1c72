"""The README keeps up with the product."""

import re
import textwrap
from pathlib import Path

import pytest

from app.settings import Settings
from tests.forked import Forks

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def test_the_readme_has_at_most_a_thousand_words() -> None:
    assert len(README.split()) <= 1_000


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_in_the_readme(name: str) -> None:
    assert f"`DEPTHBOARD_{name.upper()}`" in README


def test_the_readme_leads_to_every_document() -> None:
    assert {path.name for path in (ROOT / "docs").glob("*.md")} <= set(
        re.findall(r"\]\(docs/([^)]+)\)", README)
    )


def test_the_library_example_of_the_readme_works(tmp_path: Path, forks: Forks) -> None:
    section = README.partition("## As a library")[2].partition("\n## ")[0]
    example = tmp_path / "example.py"
    example.write_text(textwrap.dedent(section).replace("epochs=20", "epochs=1, batch_size=10_000"))
    done = forks.run(str(example), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "loss.html").stat().st_size > 0
    assert (tmp_path / "model.safetensors").stat().st_size > 2_000_000
