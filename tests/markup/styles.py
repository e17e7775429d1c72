"""What style sheets have rules for, and the custom properties that they define and use."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from app.settings import STATIC

NAME: Final = r"-?[_a-zA-Z][\w-]*"
_WORD: Final = re.compile(rf"([.#])({NAME})|\[({NAME})(?:[~|^$*]?=[^\]]*)?\]")
_BEFORE: Final = re.compile(r"[^\s>+~,(]*$")
_RULE: Final = re.compile(r"([^{};]+)\{([^{}]*)\}")
_PROPERTY: Final = re.compile(rf"(?:^|;)\s*({NAME}|--[\w-]+)\s*:")
_OF_A_WIDTH: Final = re.compile(r"@media \((?:min|max)-width[^{]*\{((?:[^{}]*\{[^{}]*\})*)")


@dataclass(frozen=True)
class Compound:
    """A part of a selector that one element matches: `a.tag[data-open]`."""

    classes: frozenset[str]
    ids: frozenset[str]
    attributes: frozenset[str]

    @classmethod
    def of(cls, text: str) -> "Compound":
        """Parse one, without the parts of pseudo-classes about other elements."""
        found: dict[str, set[str]] = {".": set(), "#": set(), "[": set()}
        for sign, name, attribute in _WORD.findall(text):
            found[sign or "["].add(name or attribute)
        return cls(*(frozenset(found[sign]) for sign in ".#["))


def compounds(selector: str) -> Iterator[Compound]:
    """All parts of a selector that match one element, including those in `:is()`, `:has()` and `:not()`."""
    while (inner := re.search(r"(:[\w-]+)?\(([^()]*)\)", selector)) is not None:
        start, end = inner.span()
        name, inside = inner.groups()
        own = _BEFORE.search(selector[:start])[0] if name == ":is" else ""  # type: ignore[index]  # matches always
        for each in inside.split(","):
            yield from compounds(own + each.strip())
        selector = selector[: start - len(own)] + selector[end:]
    for part in re.split(r"[\s>+~,]+", re.sub(r"\"[^\"]*\"|'[^']*'", '""', selector)):
        if _WORD.search(part):
            yield Compound.of(part)


@dataclass
class Sheet:
    """A style sheet: its rules in order, as compounds with the properties that they set.

    `of_widths` are the properties that depend on the width of the window.
    """

    rules: list[tuple[Compound, frozenset[str]]] = field(default_factory=list)
    defined: set[str] = field(default_factory=set)
    used: set[str] = field(default_factory=set)
    of_widths: set[str] = field(default_factory=set)

    @classmethod
    def read(cls, name: str = "style.css") -> "Sheet":
        """Read a file of `static`."""
        text = re.sub(r"/\*.*?\*/", "", (STATIC / name).read_text("utf-8"), flags=re.DOTALL)
        sheet = cls()
        for selector, body in _RULE.findall(text):
            properties = frozenset(_PROPERTY.findall(body))
            sheet.rules += [(compound, properties) for compound in compounds(selector)]
        for rules in _OF_A_WIDTH.findall(text):
            sheet.of_widths.update(*(_PROPERTY.findall(body) for _, body in _RULE.findall(rules)))
        sheet.defined = set(re.findall(r"(?:^|[;{])\s*--([\w-]+)\s*:", text))
        sheet.used = set(re.findall(r"var\(--([\w-]+)", text))
        return sheet

    def names(self, kind: str) -> set[str]:
        """All `classes`, `ids` or `attributes` that have a rule."""
        return {name for compound, _ in self.rules for name in getattr(compound, kind)}
