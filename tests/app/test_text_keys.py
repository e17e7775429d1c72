"""Text without case, and names in the order in which people count."""

import random
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import select

from app.queue import actions
from app.schemas.bodies import Labels
from app.storage.database import Database
from app.storage.tables import Run
from app.text_keys import folded, natural, of_run, sought, spellings
from tests.app.runs.listed import ids
from tests.app.states import queue_run
from tests.backends import on_both


@pytest.mark.parametrize(
    "alike",
    [
        ("Straße", "STRASSE", "strasse", "STRAẞE"),
        ("ΣΊΣΥΦΟΣ", "σίσυφος", "Σίσυφοσ"),
        ("İstanbul", "istanbul", "ISTANBUL", "\u0131stanbul", "I\u0307stanbul"),
        ("Größe", "GRO\u0308SSE", "gr\u00f6\u00dfe"),
        ("\u00e9", "e\u0301", "\u00c9", "E\u0301"),
        ("ﬁnal", "FINAL"),
        ("\uff12 layers", "2 layers"),
        ("2\u00a0layers", "2 layers"),
        ("\u212bngström", "ÅNGSTRÖM"),
        ("ПРОВЕРКА", "проверка"),
    ],
)
def test_equivalent_spellings_have_one_search_key(alike: tuple[str, ...]) -> None:
    assert len({folded(text) for text in alike}) == 1


def test_accents_tell_texts_apart() -> None:
    assert folded("é") != folded("e")


@given(st.text())
def test_case_and_composition_never_matter(text: str) -> None:
    assert folded(folded(text)) == folded(text)
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert folded(unicodedata.normalize(form, text)) == folded(text)
    assert folded(text.casefold()) == folded(text)


@pytest.mark.parametrize(
    "ordered",
    [
        ["run 1", "Run 2", "run 10", "run 10a", "run 11"],
        ["1", "2", "10", "100"],
        ["exp", "exp 1", "Exp 2", "exp1", "exp2", "exp10"],
        ["1 layer, seed 0", "2 layers, seed 9", "2 layers, seed 10", "10 layers, seed 0"],
        ["1 layer, 20 epochs, seed 0", "1 layer, 1,000 epochs, seed 0", "1 layer, 10,000 epochs, seed 0"],
        ["lr 1e-05", "lr 0.001", "lr 0.05", "lr 0.1", "lr 0.25", "lr 1", "lr 1.5", "lr 10"],
        ["v1.9.0", "v1.10.0", "v1.10.2"],
        ["run v1.2", "run v1.9", "run v1.9.1", "run V1.10", "run v2"],
        ["model_v1.9", "model_v1.10"],
        ["net_v 1.10", "net_v 1.9"],
        ["2026-2-9", "2026-2-10", "2026-11-1"],
        ["apfel", "Äpfel", "apfelb", "zebra"],
        ["run 0", "run \uff19", "run \u0661\u0660"],
        ["1", "1a", "1.5", "15"],
    ],
)
def test_names_are_sorted_naturally(ordered: list[str]) -> None:
    shuffled = random.Random(0).sample(ordered, len(ordered))
    assert sorted(shuffled, key=natural) == ordered


@given(st.integers(0, 10**30), st.integers(0, 10**30))
def test_whole_numbers_sort_by_size(one: int, other: int) -> None:
    assert (natural(f"run {one} x") < natural(f"run {other} x")) == (one < other)


@given(st.floats(1e-300, 1e300), st.floats(1e-300, 1e300))
def test_decimals_sort_by_size(one: float, other: float) -> None:
    assert (natural(f"lr {one}") < natural(f"lr {other}")) == (one < other)


def test_a_search_does_not_match_across_fields() -> None:
    found = of_run("one", ["two", "three"], "four")["search_key"]
    assert all(sought(text) in found for text in ("ONE", "two", "hre", "four"))
    for text in ("onetwo", "one\x1ftwo", "\x1f", "one two", '"', "[", ","):
        assert sought(text) not in found


def test_accents_have_both_unicode_spellings() -> None:
    assert spellings("é") == ["\u00e9", "e\u0301"]
    assert spellings("plain") == ["plain"]


@on_both
def test_the_search_key_of_a_run_follows_its_labels(database: Database) -> None:
    first = queue_run(database, Labels(name="one", tags=["É"], note="Note"))
    second = queue_run(database)
    with database.write() as session:
        actions.edit(session, first, {"name": "Zwölf", "note": "remark"})
        actions.edit(session, second, {"tags": ["new"]})
        actions.edit_all(session, {first: {"tags": ["É", "[x]"]}, second: {"tags": ["Ünew"]}})
        actions.edit_all(session, {second: {"archived": True}})
        actions.edit(session, second, {"priority": 5})
        actions.edit(session, second, {"name": "named"})
        actions.edit(session, second, {"name": None})
    found = {
        text: ids(database, q=text) for text in ("one", "Note", "zwö", "REMARK", "é", "[", "üNEW", "named")
    }
    assert found == {
        "one": [],
        "Note": [],
        "zwö": [first],
        "REMARK": [first],
        "é": [first],
        "[": [first],
        "üNEW": [second],
        "named": [],
    }
    with database.read() as session:
        for run in session.execute(select(Run)).scalars():
            assert {"name_key": run.name_key, "search_key": run.search_key} == of_run(
                run.name, run.tags, run.note
            )
