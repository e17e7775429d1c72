"""Templates, scripts and the style sheet speak of the same classes, ids, attributes and properties."""

import posixpath
import re
from collections.abc import Iterable, Iterator
from functools import cache

import pytest

from app.settings import STATIC, TEMPLATES
from tests.markup.scripts import ANYTHING, REFERENCES, Script, scripts
from tests.markup.styles import Sheet
from tests.markup.templates import Element, elements, pages

SCRIPTS = {script.name: script for script in scripts()}
SHEET = Sheet.read()
IDS_IN = REFERENCES | {name for script in SCRIPTS.values() for name in script.id_attributes}
"""Attributes that hold ids of other elements."""
OF_PLOTLY = {"plotclip", "main-svg", "modebar", "plot-container", "svg-container"}
"""Classes that plotly.js gives to parts of its charts."""
"""Characters of a template's line."""


@cache
def written(page: str) -> list[Element]:
    return elements(page)


def everywhere() -> list[Element]:
    return [element for page in pages() for element in written(page)]


def combinations(page: str) -> set[frozenset[str]]:
    """The classes that elements of the page have together."""
    values = {value for element in written(page) for value in element.attributes.get("class", ())}
    return {frozenset(value.split()) for value in values}


def loaded_by(page: str) -> list[Script]:
    """The scripts of a page, with those they import."""
    waiting = re.findall(r"js/([\w/]+\.js)", "".join(source(name) for name in ("base.html", page)))
    if page == "compare/report.html":
        waiting = ["pages/report.js"]
    found: dict[str, Script] = {}
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = SCRIPTS[name]
            imported = re.findall(r'(?:from |new URL\()"(\.[\w./]+)"', SCRIPTS[name].source)
            waiting += [
                posixpath.normpath(posixpath.join(posixpath.dirname(name), each)) for each in imported
            ]
    return [*found.values()]


def source(template: str) -> str:
    return (TEMPLATES / template).read_text("utf-8")


def sources() -> Iterator[str]:
    """The text of every template."""
    return (path.read_text("utf-8") for path in TEMPLATES.rglob("*.html"))


def known(name: str, among: Iterable[str]) -> bool:
    """Whether a name is among others; where a script computes a part of it, whether one of them fits."""
    names = set(among)
    pattern = re.compile(".+".join(map(re.escape, name.split(ANYTHING))))
    return name in names or (ANYTHING in name and any(pattern.fullmatch(each) for each in names))


def linked(elements: Iterable[Element]) -> set[str]:
    """The ids that links and shapes refer to; `{}` stands for what a template computes."""
    values = {value for element in elements for value in element.attributes.get("href", ())}
    return {re.sub(r"\{[^{}]*\}", ANYTHING, value.partition("#")[2]) for value in values if "#" in value}


def looked_for(kind: str) -> set[str]:
    return {name for script in SCRIPTS.values() for name in script.looked_for[kind]}


def test_every_name_in_the_scripts_can_be_resolved() -> None:
    """Else the other tests would not see a name that is wrong."""
    for script in SCRIPTS.values():
        _ = script.looked_for, script.classes, script.properties
    assert {script.name: script.unread for script in SCRIPTS.values() if script.unread} == {}


@pytest.mark.parametrize("page", pages())
def test_every_class_of_an_element_has_a_rule_that_fits_it_or_a_script_that_looks_for_it(page: str) -> None:
    wrong = set()
    for classes in combinations(page):
        ruled = {
            name for compound, _ in SHEET.rules if compound.classes <= classes for name in compound.classes
        }
        wrong |= {(name, *sorted(classes)) for name in classes - ruled - looked_for("classes")}
    assert wrong == set()


def test_every_class_that_a_script_gives_has_a_rule_or_is_looked_for() -> None:
    defined = SHEET.names("classes") | looked_for("classes")
    assert {
        script.name: script.classes - defined for script in SCRIPTS.values() if script.classes - defined
    } == {}


@pytest.mark.parametrize("page", pages())
def test_no_class_is_used_instead_of_a_variant(page: str) -> None:
    """`.notice.bad` is a notice of another colour; a class that colours other things makes no such notice."""
    wrong = set()
    for classes in combinations(page):
        for name in classes:
            variants = variants_of(name)
            varied = {each for found in variants.values() for each in found}
            for other in classes - variants.keys() - {name}:
                if both := varied & properties_of(other):
                    wrong.add((name, other, *sorted(both)))
    assert wrong == set()


def variants_of(name: str) -> dict[str, frozenset[str]]:
    """What further classes change about an element of this one."""
    pairs = [(rule.classes - {name}, found) for rule, found in SHEET.rules if name in rule.classes]
    return {other: found for others, found in pairs if len(others) == 1 for other in others}


def properties_of(name: str) -> set[str]:
    """The properties that a class sets by itself."""
    return {each for compound, found in SHEET.rules if compound.classes == {name} for each in found}


@pytest.mark.parametrize("kind", ["classes", "ids", "attributes"])
def test_every_style_rule_is_used(kind: str) -> None:
    attribute = {"classes": "class", "ids": "id"}.get(kind)
    if attribute:
        there = {word for element in everywhere() for word in element.words(attribute)}
    else:
        there = {name for element in everywhere() for name in element.attributes}
    there |= {name for script in SCRIPTS.values() for name in script.classes | script.attributes}
    assert SHEET.names(kind) - there - OF_PLOTLY == set()


@pytest.mark.parametrize("page", pages())
def test_every_reference_leads_to_an_element_of_the_page(page: str) -> None:
    """What only the running product can link to may be on another: a table has shapes beside charts alone."""
    anywhere = {word for element in everywhere() for word in element.words("id")}
    ids = {word for element in written(page) for word in element.words("id")}
    wrong = set()
    for element in written(page):
        wanted = {word for name in IDS_IN for word in element.words(name)}
        if all(value.startswith("#") for value in element.attributes.get("href", ())):
            wanted |= linked([element])
        wrong |= {
            f"<{element.name}>: {word}"
            for word in wanted
            if not known(word, anywhere if ANYTHING in word else ids)
        }
    assert wrong == set()


def test_every_element_that_a_script_looks_for_is_on_a_page_that_loads_it() -> None:
    wrong = {}
    for script in SCRIPTS.values():
        there: dict[str, set[str]] = {"classes": set(), "ids": set(), "attributes": set()}
        names = set()
        for page in pages():
            loaded = loaded_by(page)
            if script not in loaded:
                continue
            for element in written(page):
                there["classes"] |= element.words("class")
                there["ids"] |= element.words("id")
                there["attributes"] |= element.attributes.keys()
                names |= element.words("name")
            for other in loaded:
                there["classes"] |= other.classes
                there["attributes"] |= other.attributes
        missing = {
            name
            for kind, found in script.looked_for.items()
            for name in found - OF_PLOTLY
            if not known(name, there[kind])
        }
        if missing := missing | (script.controls - names):
            wrong[script.name] = missing
    assert wrong == {}


def test_every_id_is_used() -> None:
    """A reference, a rule, a script, a link to it, or a part of the page that is read again."""
    used = looked_for("ids") | SHEET.names("ids")
    used |= {word for element in everywhere() for name in IDS_IN for word in element.words(name)}
    used |= linked(everywhere())
    read_again = {"data-live", "data-swap", "data-stay", "data-launch"}
    unused = {
        word
        for element in everywhere()
        if not read_again & element.attributes.keys()
        and element.name not in ("meta", "link")  # which plotly.js looks for
        for word in element.words("id")
        if word not in used and not any(known(name, {word}) for name in used)
    }
    assert unused == set()


def test_every_data_attribute_is_written_and_read() -> None:
    given = {name for element in everywhere() for name in element.attributes if name.startswith("data-")}
    given |= {name for script in SCRIPTS.values() for name in script.attributes if name.startswith("data-")}
    read = {name for script in SCRIPTS.values() for name in script.data_read}
    read |= {name for name in SHEET.names("attributes") if name.startswith("data-")}
    assert {"read, never written": read - given, "written, never read": given - read} == {
        "read, never written": set(),
        "written, never read": set(),
    }


def test_every_custom_property_is_defined_and_used() -> None:
    used = SHEET.used | {name for script in SCRIPTS.values() for name in script.properties}
    used |= set(re.findall(r"var\(--([\w-]+)", "".join(sources())))
    undefined = {name for name in used if not known(name, SHEET.defined)}
    unused = {name for name in SHEET.defined if not any(known(each, {name}) for each in used)}
    assert (undefined, unused) == (set(), set())


def test_every_static_file_is_loaded() -> None:
    loaded = {f"js/{script.name}" for page in pages() for script in loaded_by(page)}
    loaded |= {*re.findall(r"asset\('([^']+)'\)", "".join(sources()))}
    loaded |= {f"fonts/{name}" for name in ("inter.woff2", "LICENSE.txt")}
    assert loaded - {"plotly.min.js"} == {str(path.relative_to(STATIC)) for path in STATIC.rglob("*.*")}


def test_no_colour_depends_on_the_width_of_a_window() -> None:
    """The browser tests compare colours of narrow windows in one theme alone."""
    coloured = r"--.*|.*color|background.*|border.*|outline.*|opacity|filter|fill|stroke"
    assert Sheet.read().of_widths
    assert not [name for name in Sheet.read().of_widths if re.fullmatch(coloured, name)]


def test_every_element_given_the_focus_is_focusable() -> None:
    given = {value for element in everywhere() for value in element.attributes.get("data-gives-focus", ())}
    given |= set(re.findall(r'\bgo\("[^"]*", "([^"]*)"\)', SCRIPTS["shell/shortcuts.js"].text))
    taken = {value for element in everywhere() for value in element.attributes.get("data-takes-focus", ())}
    assert given == taken


SCRIPT = """
const GROUPS = ".bulk, form[data-large]"; // ".comment" is none
const part = (name) => document.querySelector(`[data-part-${name}]`);
const choose = (name, key) => part(name).addEventListener("change", key);
choose("step", 1);
for (const name of ["first", "second"]) part(name).hidden = true;
["third"].map((name) => part(name).value);
const row = (id) => document.querySelector(`tr[data-run="${id}"] .status`);
button.closest(GROUPS).append(document.getElementById(`${control.id}-error`));
element("td", { className: digit === "zero" ? "number diagonal" : "number" });
button.classList.toggle("chosen", isPressed);
const { change, newestRun } = document.querySelector("main").dataset;
line.color = colour(share < 0 ? "fewer" : "more");
"""


def test_names_that_scripts_compose_are_found() -> None:
    script = Script("a.js", SCRIPT)
    parts = {f"data-part-{name}" for name in ("step", "first", "second", "third")}
    assert script.looked_for == {
        "classes": {"bulk", "status"},
        "ids": {"{}-error"},
        "attributes": {"data-large", "data-run", *parts},
    }
    assert script.classes == {"number", "diagonal", "chosen"}
    assert script.data_read == {"data-change", "data-newest-run", "data-large", "data-run", *parts}
    assert script.properties == {"fewer", "more"}
    assert script.unread == []


def test_a_name_that_cannot_be_resolved_is_reported() -> None:
    script = Script("a.js", "const of = (text) => text; page.querySelector(of(place));")
    _ = script.looked_for
    assert script.unread == ["of(place)"]


def test_branches_of_templates_are_alternatives() -> None:
    found = {
        value for element in written("new_run/new_run.html") for value in element.attributes.get("class", ())
    }
    assert {"network", "network chosen"} <= found
    assert "network network" not in found
    button = next(
        element for element in written("runs/runs.html") if "note" in element.attributes.get("data-edit", ())
    )
    assert button.attributes["title"] == {"Edit the note of"}
