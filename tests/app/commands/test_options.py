"""Options of commands, made from declared fields."""

import inspect
from typing import Annotated, Any, Literal

import pytest
from annotated_types import Ge, Gt, Le
from pydantic import BaseModel, Field

from app.commands.options import flag, options, with_options


class Wanted(BaseModel):
    """Fields of every kind."""

    layer_count: Annotated[int, Ge(1), Le(10_000), Field(description="How many [layers].")]
    rate: Annotated[float, Gt(0), Field(description="The rate.")] = 0.5
    kind: Annotated[Literal["a", "b"], Field(description="Which.")] = "a"
    loud: Annotated[bool, Field(description="Say more.")] = False
    name: Annotated[str | None, Field(description="What to call it.")] = None


def told(name: str, **chosen: Any) -> Any:
    """What typer is told of a field."""
    (found,) = (each for each in options(Wanted, panel="p", **chosen) if each.name == name)
    return found.annotation.__metadata__[0]


def test_options_are_named_after_fields_and_may_have_an_alias() -> None:
    assert flag("layer_count") == "--layer-count"
    assert (told("rate").default, told("rate").param_decls) == ("--rate", ())
    aliased = told("rate", aliases={"rate": "--lr"})
    assert (aliased.default, aliased.param_decls) == ("--rate", ("--lr",))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("layer_count", r"How many \[layers]. (at least 1, at most 10,000)"),
        ("rate", "The rate. (default 0.5, above 0)"),
        ("kind", "Which. (default a)"),
        ("loud", "Say more."),
        ("name", "What to call it."),
    ],
)
def test_the_help_of_an_option_has_default_and_bounds(name: str, words: str) -> None:
    assert told(name).help == words


@pytest.mark.parametrize(
    ("name", "metavar"),
    [("layer_count", "INTEGER"), ("rate", "NUMBER"), ("kind", "a|b"), ("name", "TEXT"), ("loud", None)],
)
def test_the_metavar_of_an_option_shows_what_to_write(name: str, metavar: str | None) -> None:
    assert told(name).metavar == metavar
    assert told(name, many=True).metavar == (metavar and f"{metavar},…")


def test_options_can_be_limited_to_some_fields_and_have_variables() -> None:
    found = options(Wanted, panel="p", only=["rate", "kind"], environment="SOME_")
    assert [each.name for each in found] == ["rate", "kind"]
    assert told("rate", environment="SOME_").envvar == "SOME_RATE"
    assert told("rate").envvar is None


def test_a_command_gets_added_options_as_texts_besides_its_own() -> None:
    seen: list[object] = []

    @with_options(options(Wanted, panel="p"))
    def run(given: dict[str, str], *, twice: bool = False) -> None:
        seen.append((given, twice))

    assert list(inspect.signature(run).parameters) == [*Wanted.model_fields, "twice"]
    run(layer_count="3", rate=None, kind=None, loud=True, name=None, twice=True)
    assert seen == [({"layer_count": "3", "loud": "True"}, True)]
    required = inspect.signature(run).parameters["layer_count"]
    assert required.default is inspect.Parameter.empty
