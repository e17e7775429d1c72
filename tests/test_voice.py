"""Pages, messages and documents are in plain technical English, without phrases that make a reader stop."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BANNED = {
    r"\bwhoever\b": "anyone who, the user who",
    r"\bwhatever the\b": "any",
    r"\bfor ever\b": "permanently",
    r"\bof one's own\b": "your own",
    r"\b(is|was) over\b": "has ended",
    r"\bas good as certain\b": "> 99 % likely",
    r"\btruly\b": "leave it out",
    r"\bnobody can\b": "can't",
    r"\b\w+ly it removes\b": "Every … it removes",
    r"\bwhat is left\b": "the remaining …",
    r"\bleft alone\b": "skipped",
    r"\bwhat (that|it) rests on\b": "basis, pairwise tests",
    r"\bdecays apart\b": "decoupled weight decay",
    r"\bis silent\b": "is dropped",
    r"\bread (correctly|every)\b": "classify correctly",
    r"\breads? \d+ images\b": "classifies correctly",
    r"\bthe reference itself\b": "the published experiment",
    r"\btrained unlike\b": "not comparable with",
    r"\bstop that was not\b": "unclean shutdown",
    r"\bthis page only reads\b": "method not allowed",
    r"\bno whole\b": "incomplete",
    r"\bthere is no such thing\b": "not found",
    r"\btwins?\b": "identical run",
    r"\bin force\b": "in use",
    r"\bmend (it|that|this)\b": "fix",
    r"\bput (it|them) right\b": "fix",
    r"\bafresh\b": "again",
    r"\bbegins? anew\b": "starts again",
    r"(?<!there )\bis no (URL|backup|text|file|folder)\b": "is not a …",
    r"\bhere and now\b": "leave it out",
    r"\bnot even\b": "even … not",
    r"\bonly there is\b": "actor first",
    r"\bone goes on\b": "continue",
    r"\bgoes on from\b": "resumes from",
    r"\bwent silent\b": "stopped sending heartbeats",
    r"\bcut short\b": "truncated",
    r"\b(is|are) of class\b": "has class, have class",
    r"\b(no better than guessing|chance accuracy)\b": "not above guessing",
    r"\b(behaviour|centred|honours?|labelled|licence|maximise|recognise[sd]?)\b": "the spelling of the US",
}
"""Phrases as regular expressions, and what to write instead."""

DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("templates/**/*.html")])
SCRIPTS = sorted((ROOT / "static/js").rglob("*.js"))
MODULES = sorted(path for folder in ("app", "trainer") for path in (ROOT / folder).rglob("*.py"))


def messages(path: Path) -> Iterator[str]:
    """The texts of a module besides its docstrings, with `…` in place of what is filled in."""
    tree = ast.parse(path.read_text())
    docstrings = {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in docstrings:
            yield node.value


def found_in(text: str) -> list[str]:
    """The banned phrases of a text, each with its advice."""
    words = re.sub(r"\s+", " ", text)
    return [
        f"{match[0]!r}: write {advice!r}"
        for phrase, advice in BANNED.items()
        if (match := re.search(phrase, words, re.IGNORECASE))
    ]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_documents_and_templates_use_no_banned_phrase(path: Path) -> None:
    assert found_in(path.read_text()) == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_messages_use_no_banned_phrase(path: Path) -> None:
    assert [fault for text in messages(path) for fault in found_in(text)] == []


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_scripts_say_no_banned_phrase(path: Path) -> None:
    texts = re.findall(
        r"\"[^\"\n]*\"|'[^'\n]*'|`[^`]*`", re.sub(r"^\s*//.*$", "", path.read_text(), flags=re.MULTILINE)
    )
    assert [fault for text in texts for fault in found_in(text)] == []


def test_a_banned_phrase_is_found_across_lines_and_in_any_case() -> None:
    assert found_in("Kept FOR\n  ever.") == ["'FOR ever': write 'permanently'"]
