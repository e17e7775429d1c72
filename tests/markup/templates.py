"""Every element that templates can write, in each of their branches, with all values of its attributes."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from html.parser import HTMLParser
from itertools import product

import jinja2
from jinja2 import nodes

from app.settings import TEMPLATES

Values = frozenset[str]
"""The possible values of an expression; `{source}` stands for a part that is only known at run time."""
Scope = dict[str, Values]

_EITHER, _OR, _END = "\1", "\2", "\3"


@dataclass(frozen=True)
class Element:
    """An element that a page may contain."""

    name: str
    attributes: Mapping[str, Values]

    def words(self, attribute: str) -> set[str]:
        """The words that the attribute may contain."""
        return {word for value in self.attributes.get(attribute, ()) for word in value.split()}


def elements(page: str) -> list[Element]:
    """All elements of a template, including those of templates and macros that it uses."""
    writer = _Writer()
    writer.write_template(page)
    reader = _Reader()
    reader.feed("".join(writer.parts))
    reader.close()
    return reader.found


def pages() -> list[str]:
    """The templates of complete pages; partials begin with an underscore."""
    return sorted(
        path.relative_to(TEMPLATES).as_posix()
        for path in TEMPLATES.rglob("*.html")
        if not path.name.startswith("_") and path.name != "base.html"
    )


class _Reader(HTMLParser):
    """Collects the elements in the output of `_Writer`."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Element] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes: dict[str, Values] = {}
        for name, value in attrs:
            attributes[name] = attributes.get(name, frozenset()) | frozenset(_expanded(value or ""))
        self.found.append(Element(tag, attributes))


def _expanded(text: str) -> Iterator[str]:
    """All expansions of a text with alternatives, which may be nested."""
    end = text.find(_END)
    if end < 0:
        yield text
        return
    start = text.rindex(_EITHER, 0, end)
    for chosen in text[start + 1 : end].split(_OR):
        yield from _expanded(text[:start] + chosen + text[end + 1 :])


@cache
def _parsed(name: str) -> nodes.Template:
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return environment.parse((TEMPLATES / name).read_text("utf-8"))


@dataclass
class _Writer:
    """Writes a template with all branches; within an attribute's value, branches are alternatives."""

    parts: list[str] = field(default_factory=list)
    is_in_tag: bool = False
    quote: str = ""
    macros: dict[str, nodes.Macro] = field(default_factory=dict)
    blocks: dict[str, nodes.Block] = field(default_factory=dict)

    def write_template(self, name: str, scope: Scope | None = None) -> None:
        template = _parsed(name)
        scope = {} if scope is None else scope
        for block in template.find_all(nodes.Block):
            self.blocks.setdefault(block.name, block)
        parents = list(template.find_all(nodes.Extends))
        if not parents:
            self._write_all(template.body, scope)
            return
        for node in template.body:  # outside of its blocks it writes nothing
            self._learn(node, scope)
        assert isinstance(parents[0].template, nodes.Const)
        self.write_template(parents[0].template.value, scope)

    def _text(self, text: str) -> None:
        self.parts.append(text)
        for character in text:
            if self.quote:
                if character == self.quote:
                    self.quote = ""
            elif self.is_in_tag:
                if character in "\"'":
                    self.quote = character
                elif character == ">":
                    self.is_in_tag = False
            elif character == "<":
                self.is_in_tag = True

    def _write_all(self, body: Iterable[nodes.Node], scope: Scope) -> None:
        for node in body:
            self._write(node, scope)

    def _write(self, node: nodes.Node, scope: Scope) -> None:
        if self._learn(node, scope):
            return
        match node:
            case nodes.Output():
                for part in node.nodes:
                    self._output(part, scope)
            case nodes.If():
                self._branches([node.body, *(each.body for each in node.elif_), node.else_], scope)
            case nodes.For():
                self._loop(node, scope)
            case nodes.With():
                inner = dict(scope)
                for target, value in zip(node.targets, node.values, strict=True):
                    _bind(inner, target, value, scope)
                self._write_all(node.body, inner)
            case nodes.Block():
                self._write_all(self.blocks[node.name].body, dict(scope))
            case nodes.Include(template=nodes.Const(value=name)):
                self.write_template(name, dict(scope))
            case _:
                raise NotImplementedError(node)

    def _learn(self, node: nodes.Node, scope: Scope) -> bool:
        """Record the names that a statement defines; False for a statement that writes output."""
        match node:
            case nodes.Assign(target=nodes.Name(name=name)):
                scope[name] = scope.get(name, frozenset()) | _values(node.node, scope)
            case nodes.Macro():
                self.macros[node.name] = node
            case nodes.FromImport(template=nodes.Const(value=name)):
                self.macros |= {each.name: each for each in _parsed(name).find_all(nodes.Macro)}
            case nodes.Assign():
                pass  # a field of a namespace, to which a loop adds numbers
            case _:
                return False
        return True

    def _branches(self, bodies: list[list[nodes.Node]], scope: Scope) -> None:
        is_choice = bool(self.quote)
        for index, body in enumerate(bodies):
            if is_choice:
                self.parts.append(_OR if index else _EITHER)
            before = self.is_in_tag, self.quote
            self._write_all(body, scope)
            assert (self.is_in_tag, self.quote) == before, (
                "a branch opens or closes a tag that another does not"
            )
        if is_choice:
            self.parts.append(_END)

    def _loop(self, node: nodes.For, scope: Scope) -> None:
        items = node.iter.items if isinstance(node.iter, nodes.Tuple | nodes.List) else [None]
        for item in items:
            inner = dict(scope)
            _bind(inner, node.target, item, scope)
            match node.test:
                case nodes.Compare(ops=[nodes.Operand(op="eq", expr=nodes.Const(value=str(value)))]):
                    inner[_source(node.test.expr)] = frozenset({value})
            self._write_all(node.body, inner)
        self._write_all(node.else_, scope)

    def _output(self, node: nodes.Node, scope: Scope) -> None:
        if isinstance(node, nodes.TemplateData):
            self._text(node.data)
        elif (
            isinstance(node, nodes.Call)
            and isinstance(node.node, nodes.Name)
            and node.node.name in self.macros
        ):
            self._call(self.macros[node.node.name], node, scope)
        elif self.quote:
            self.parts.append(_EITHER + _OR.join(sorted(_values(node, scope))) + _END)

    def _call(self, macro: nodes.Macro, call: nodes.Call, scope: Scope) -> None:
        names = [argument.name for argument in macro.args]
        inner: Scope = {}
        for name, value in zip(reversed(names), reversed(macro.defaults), strict=False):
            inner[name] = _values(value, {})
        given = [*zip(names, call.args, strict=False), *((each.key, each.value) for each in call.kwargs)]
        for name, value in given:
            inner[name] = _values(value, scope)
            about = f"{_source(value)}."  # what is known of its attributes
            inner |= {
                f"{name}.{key.removeprefix(about)}": scope[key] for key in scope if key.startswith(about)
            }
        self._write_all(macro.body, inner)


def _bind(scope: Scope, target: nodes.Node, value: nodes.Node | None, outer: Scope) -> None:
    if isinstance(target, nodes.Name):
        scope[target.name] = frozenset({f"{{{target.name}}}"}) if value is None else _values(value, outer)
    elif isinstance(target, nodes.Tuple):
        of_each = value.items if isinstance(value, nodes.Tuple) else [None] * len(target.items)
        for part, each in zip(target.items, of_each, strict=True):
            _bind(scope, part, each, outer)


def _values(node: nodes.Node, scope: Scope) -> Values:
    match node:
        case nodes.Const(value=value) | nodes.TemplateData(data=value):
            return frozenset({"" if value is None else str(value)})
        case nodes.Name() | nodes.Getattr() if _source(node) in scope:
            return scope[_source(node)]
        case nodes.CondExpr(expr1=one, expr2=other) | nodes.Or(left=one, right=other):
            return _values(one, scope) | (_values(other, scope) if other else frozenset({""}))
        case nodes.Concat():
            return frozenset(map("".join, product(*(_values(each, scope) for each in node.nodes))))
    return frozenset({f"{{{_source(node)}}}"})


def _source(node: nodes.Node) -> str:
    match node:
        case nodes.Name():
            return node.name
        case nodes.Getattr():
            return f"{_source(node.node)}.{node.attr}"
        case nodes.Filter() if node.node:
            return f"{_source(node.node)}|{node.name}"
    return f"{type(node).__name__}:{node.lineno}"
