"""Command-line options made from declared fields, so that a setting or hyperparameter is declared once."""

import functools
import inspect
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, get_args, get_origin

import typer
from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo

_BOUNDS: Final = {Ge: ("ge", "at least"), Gt: ("gt", "above"), Le: ("le", "at most"), Lt: ("lt", "below")}

Command = Callable[..., None]


def options(
    model: type[BaseModel],
    *,
    panel: str,
    environment: str | None = None,
    many: bool = False,
    only: Collection[str] | None = None,
    aliases: Mapping[str, str] = MappingProxyType({}),
) -> list[inspect.Parameter]:
    """One option per field, with the given text or None as its value; a bool becomes a flag.

    `environment` is the prefix of the environment variables for these options. With `many`, the metavar shows
    that lists and ranges are allowed. `only` selects fields; the default is all. `aliases` are further
    options by field.
    """
    return [
        _option(name, field, panel, environment, many=many, alias=aliases.get(name))
        for name, field in model.model_fields.items()
        if only is None or name in only
    ]


def _option(
    name: str, field: FieldInfo, panel: str, environment: str | None, *, many: bool, alias: str | None
) -> inspect.Parameter:
    limits = ", ".join(_limits(field))
    is_flag = field.annotation is bool
    option = typer.Option(
        flag(name),
        *([alias] if alias else []),
        help=f"{field.description}{limits and f' ({limits})'}".replace("[", r"\["),  # [ starts Rich markup
        metavar=None if is_flag else _metavar(field, many=many),
        show_default=False,
        envvar=environment and environment + name.upper(),
        rich_help_panel=panel,
    )
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=inspect.Parameter.empty if field.is_required() else None,
        annotation=Annotated[bool | None if is_flag else str | None, option],
    )


def flag(name: str) -> str:
    """The command-line option of a field."""
    return f"--{name.replace('_', '-')}"


def with_options(parameters: Iterable[inspect.Parameter]) -> Callable[[Command], Command]:
    """Add options to a command, which receives their values as its first argument, a dict."""
    added = list(parameters)

    def decorate(command: Command) -> Command:
        own = [
            parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            for parameter in list(inspect.signature(command).parameters.values())[1:]
        ]

        @functools.wraps(command)
        def extended(**values: Any) -> None:  # noqa: ANN401  # whatever types its options have
            given = {parameter.name: values.pop(parameter.name) for parameter in added}
            command({name: str(value) for name, value in given.items() if value is not None}, **values)

        del extended.__wrapped__
        extended.__signature__ = inspect.Signature([*added, *own])  # type: ignore[attr-defined]
        extended.__annotations__ = {parameter.name: parameter.annotation for parameter in (*added, *own)}
        return extended

    return decorate


def _limits(field: FieldInfo) -> Iterator[str]:
    """The default and the bounds in words."""
    if not field.is_required() and not (field.default is None or field.default is False):
        yield f"default {field.default}"
    for bound in field.metadata:
        for kind, (attribute, words) in _BOUNDS.items():
            if isinstance(bound, kind):
                yield f"{words} {getattr(bound, attribute):,}"


def _metavar(field: FieldInfo, *, many: bool) -> str:
    kinds = [kind for kind in get_args(field.annotation) or (field.annotation,) if kind is not type(None)]
    if get_origin(field.annotation) is Literal:
        metavar = "|".join(map(str, get_args(field.annotation)))
    else:
        metavar = {int: "INTEGER", float: "NUMBER"}.get(kinds[0], "TEXT")
    return f"{metavar},…" if many else metavar
