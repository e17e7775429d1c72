"""What scripts look for in a page, and what they write into it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from app.settings import STATIC
from tests.markup.styles import compounds

ANYTHING: Final = "{}"
"""Stands for a part of a name that a script computes."""

REFERENCES: Final = frozenset(
    {
        "aria-activedescendant",
        "aria-controls",
        "aria-describedby",
        "aria-details",
        "aria-labelledby",
        "aria-owns",
        "for",
        "form",
        "headers",
        "list",
        "popovertarget",
    }
)
"""Attributes that contain ids of other elements."""

_TEXT: Final = r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`"
_LOOK: Final = r"(?:querySelector|querySelectorAll|closest|matches|getElementById)"
_VALUE: Final = re.compile(r"\"[^\"]*\"|'[^']*'")
"""The value of an attribute in a selector."""
_NOT_GIVEN: Final = re.compile(rf"[!=]== (?:{_TEXT})")
"""The literal that an expression is compared with."""
_HELPER: Final = re.compile(rf"\bconst (\w+) = \((\w+)\) => [\w.]*\b({_LOOK})\(({_TEXT}|\w+)\)")


def scripts() -> list["Script"]:
    """All scripts of the product, with their paths in the folder of scripts."""
    folder = STATIC / "js"
    return [
        Script(path.relative_to(folder).as_posix(), path.read_text("utf-8"))
        for path in sorted(folder.rglob("*.js"))
    ]


@dataclass
class Script:
    """A script and the names in it."""

    name: str
    source: str
    unread: list[str] = field(default_factory=list)
    """Expressions that can't be evaluated to a name."""

    @cached_property
    def text(self) -> str:
        """The code without comments."""
        return re.sub(r"(?m)(^|\s)//.*$", "", self.source)

    @cached_property
    def looked_for(self) -> dict[str, set[str]]:
        """The `classes`, `ids` and `attributes` of elements that the script looks for."""
        found: dict[str, set[str]] = {"classes": set(), "ids": set(), "attributes": set()}
        given = re.findall(rf"\bsetAttribute\(\"(?:{'|'.join(REFERENCES)})\", \"([\w-]+)\"", self.text)
        found["ids"] |= {*given, *re.findall(r"\bhtmlFor(?:: | = )\"([\w-]+)\"", self.text)}
        for method, text in self._lookups():
            if method == "getElementById":
                found["ids"].add(text)
                continue
            for compound in compounds(text):
                for kind in found:
                    found[kind] |= getattr(compound, kind)
        return found

    def _lookups(self) -> Iterator[tuple[str, str]]:
        """All calls of methods that look for elements: the method and each possible text."""
        within = []
        for helper in _HELPER.finditer(self.text):
            name, parameter, method, text = helper.groups()
            if text != parameter and ANYTHING not in _VALUE.sub("", _read(text)):
                continue
            within.append(helper.span())
            for value in self._given_to(name, 0, definition=helper.start()):
                yield method, value if text == parameter else _read(text.replace(f"${{{parameter}}}", value))
        for match in re.finditer(rf"\b({_LOOK})(?:\?\.)?\(", self.text):
            if not any(start <= match.start() < end for start, end in within):
                for value in self._texts(_arguments(self.text, match.end())[0], match.end()):
                    yield match[1], value

    def _texts(self, expression: str, at: int) -> Iterator[str]:
        """The possible texts of an expression at this place."""
        if re.fullmatch(_TEXT, expression):
            yield _read(expression)
        elif re.search(r"\.(id|dataset\.\w+)$", expression):
            return  # an id that an element or attribute of the page has: those are looked at in the templates
        elif re.fullmatch(r"\w+", expression) and (found := self._values(expression, at)):
            yield from found
        else:
            self.unread.append(expression)

    def _values(self, name: str, at: int) -> list[str]:
        """The possible texts of a name where it is used: a constant, items of a list, or arguments."""
        binding = (
            rf"\bconst {name} = (?P<constant>{_TEXT});"
            rf"|\bfor \(const {name} of \[(?P<items>[^\]]*)\]\)"
            rf"|\[(?P<mapped>[^\[\]]*)\]\.map\(\({name}\) =>"
            rf"|\bconst (?P<function>\w+) = \((?P<parameters>(?:\w+, )*{name}(?:, \w+)*)\) =>"
        )
        nearest = next(iter([*re.finditer(binding, self.text[:at])][::-1]), None)
        if nearest is None:
            return []
        if nearest["function"]:
            position = nearest["parameters"].split(", ").index(name)
            return self._given_to(nearest["function"], position, definition=nearest.start())
        literals = nearest["constant"] or nearest["items"] or nearest["mapped"]
        return [_read(text) for text in re.findall(_TEXT, literals)]

    def _given_to(self, function: str, position: int, definition: int) -> list[str]:
        """The texts that a function of this script is called with."""
        calls = re.finditer(rf"(?<![\w.#]){function}\(", self.text)
        ends = [match.end() for match in calls if match.start() > definition]
        return [text for end in ends for text in self._texts(_arguments(self.text, end)[position], end)]

    @cached_property
    def classes(self) -> set[str]:
        """The classes that the script sets."""
        found = set()
        for match in re.finditer(r"\bclassName(?:: | = )|\bsetAttribute\(\"class\", ", self.text):
            expression = _NOT_GIVEN.sub("", _arguments(self.text, match.end())[0])
            texts = re.findall(_TEXT, expression)
            if not texts:
                self.unread.append(expression)
            found |= {name for text in texts for name in _read(text).split()}
        for match in re.finditer(r"\bclassList\.(add|toggle)\(", self.text):
            given = _arguments(self.text, match.end())
            for expression in given[:1] if match[1] == "toggle" else given:
                found |= set(self._texts(expression, match.end()))
        return found

    @cached_property
    def attributes(self) -> set[str]:
        """The attributes that the script sets, by their names in HTML."""
        found = {_attribute(name) for name in re.findall(r"\bdataset\.(\w+) = ", self.text)}
        found |= set(re.findall(r"\bsetAttribute\(\"([\w-]+)\"", self.text))
        return found | set(re.findall(r"\.(open|hidden) = ", self.text))

    @cached_property
    def data_read(self) -> set[str]:
        """The `data-` attributes that the script reads or looks for."""
        found = re.findall(r"\bdataset\??\.(\w+)\b(?! = )", self.text)
        found += re.findall(r"\"(\w+)\" in \w+\.dataset", self.text)
        for names in re.findall(r"\{ ([\w, ]+) \} = [^;]*\bdataset\b", self.text):
            found += names.split(", ")
        return {_attribute(name) for name in found} | {
            name for name in self.looked_for["attributes"] if name.startswith("data-")
        }

    @cached_property
    def id_attributes(self) -> set[str]:
        """The attributes that contain ids of elements that the script looks for."""
        return {_attribute(name) for name in re.findall(r"getElementById\(\w+\.dataset\.(\w+)\)", self.text)}

    @cached_property
    def controls(self) -> set[str]:
        """The names of controls that the script looks for."""
        return set(re.findall(r"\.elements\.(\w+)", self.text)) | set(
            re.findall(r"\[name=\"(\w+)\"\]", self.text)
        )

    @cached_property
    def properties(self) -> set[str]:
        """The custom properties of the style sheet that the script reads."""
        found = set(re.findall(r"getPropertyValue\(\"--([\w-]+)\"\)|var\(--([\w-]+)\)", self.text))
        found = {name for names in found for name in names if name}
        for match in re.finditer(r"(?<!function )\bcolour\(", self.text):
            texts = re.findall(_TEXT, _arguments(self.text, match.end())[0])
            if not texts:
                self.unread.append(self.text[match.start() : match.start() + 40])
            found |= {_read(text) for text in texts}
        return found


def _read(text: str) -> str:
    """The text of a literal, with `ANYTHING` for computed parts."""
    return re.sub(r"\$\{[^}]*\}", ANYTHING, text[1:-1])


def _attribute(name: str) -> str:
    """The HTML name of a `dataset` property: data-run-page for `runPage`."""
    return "data-" + re.sub(r"([A-Z])", r"-\1", name).lower()


def _arguments(text: str, start: int) -> list[str]:
    """The expressions from here to the end of a call or statement, without the outer brackets."""
    found, depth, at = [], 0, start
    for part in re.finditer(rf"{_TEXT}|[()\[\]{{}},;]", text[start:]):
        sign = part.group()
        if sign in "([{":
            depth += 1
        elif depth and sign in ")]}":
            depth -= 1
        elif not depth and sign in ")]},;":
            found.append(text[at : start + part.start()].strip())
            at = start + part.end()
            if sign != ",":
                break
    return found
