"""Filters of the page of runs: active ones as chips, and malformed ones."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

from app.formats import sentence
from app.runs.listing import grammar, values
from app.runs.listing.errors import QueryError
from app.runs.listing.fields import FIELDS
from app.runs.listing.grammar import ARCHIVED, SEARCH, Term
from app.runs.listing.query import NOT, PLACE, RunQuery, is_known, is_of_groups
from app.web.pages.run_list.builder import BUILDER

_ARCHIVED_WORDS: Final = {
    "true": "Archived: only",
    "all": "Archived: included",
    "false": "Archived: hidden",
}
_SIGNS: Final = {">": ">", ">=": "≥", "<": "<", "<=": "≤"}
_AGE: Final = re.compile(r"([0-9.]+)\s*([a-z]+)")
_UNITS: Final = {"s": "second", "min": "minute", "h": "hour", "d": "day", "w": "week"}


@dataclass(frozen=True, slots=True)
class Chip:
    """An active filter: its words, and the address of the page without it; `problem` says what is wrong."""

    words: str
    without: str
    problem: str = ""
    edits: str = ""
    """What a press on it edits: a part of the search from start to end, `q 4 9`, or a parameter, `lr`."""


@dataclass(frozen=True, slots=True)
class Filters:
    """The filters of an address: the query that they make, a chip for each, and what is wrong."""

    query: RunQuery
    chips: Sequence[Chip]
    problems: Sequence[str]
    understood: Sequence[tuple[str, str]]
    """The parameters that select the query: known ones, and the search without its malformed parts."""

    ignored: Sequence[tuple[str, str]] = ()
    """Malformed parameters that select no runs, such as `limit`, with what was expected."""


def read(params: QueryParams, wrong: Mapping[str, str], names: Mapping[int, str] | None = None) -> Filters:
    """Read the filters of an address; malformed ones stay visible as chips but select nothing.

    `wrong` are messages about parameters that are known to be malformed, and `names` those of studies.
    """
    named = names or {}
    shown = dict(params.multi_items())
    given = {name: text for name, text in shown.items() if name not in wrong}
    chips = [Chip(_as_typed(name, shown[name]), without(params, name), why) for name, why in wrong.items()]
    problems = [f"{_label_of(name)}: {why}" for name, why in wrong.items()]
    ignored: list[tuple[str, str]] = []
    while True:
        try:
            query = RunQuery.parse(given.items(), strict=False)
            break
        except QueryError as error:
            name = error.parameter
            if name not in given:
                raise  # every other turn leaves less to read
            if name == SEARCH and error.part:
                start, end = error.part
                text = given[SEARCH]
                given[SEARCH] = _blanked(text, error)
                without_it = _without_part(params, shown, error.part)
                chips.append(Chip(text[start:end], without_it, sentence(error), f"{SEARCH} {start} {end}"))
                problems.append(sentence(error))
                continue
            del given[name]
            if name == SEARCH or _is_filter(name):
                chips.append(
                    Chip(_as_typed(name, shown.get(name, "")), without(params, name), sentence(error))
                )
                problems.append(f"{_label_of(name)}: {sentence(error)}")
            else:
                ignored.append((name, str(error)))
    chips += [
        Chip(
            _typed(given[SEARCH], term, named),
            _without_part(params, shown, term.place),
            edits="{} {} {}".format(SEARCH, *term.place),
        )
        for term in query.terms
        if term.place != (0, 0)
    ]
    chips += [
        Chip(_words(name, text, named), without(params, name), edits=name)
        for name, text in given.items()
        if text.strip(" ,") and (_is_filter(name) or name == ARCHIVED)
    ]
    if not query.group and is_of_groups(given.get("sort", "")):
        del given["sort"]
    understood = [(name, text.strip()) for name, text in given.items() if text.strip() and is_known(name)]
    return Filters(query, chips, problems, understood, ignored)


def _is_filter(name: str) -> bool:
    return name.removeprefix(NOT) in FIELDS


def _label_of(name: str) -> str:
    """The label of a parameter that filters."""
    known = FIELDS.get(name.removeprefix(NOT))
    return known.label if known else name


def _as_typed(name: str, text: str) -> str:
    return f"{_label_of(name)}{' is not' if name.startswith(NOT) else ''}: {text.strip()}"


def _words(name: str, text: str, studies: Mapping[int, str] | None = None) -> str:
    """A parameter in words: `Status: failed`, `Learning rate > 0.1`, `Tag is not: draft`."""
    if name == ARCHIVED:
        return _ARCHIVED_WORDS.get(text.strip().lower(), f"Archived: {text}")
    words = text.strip()
    label = _label_of(name)
    field = name.removeprefix(NOT)
    parts = [words] if '"' in words else words.split(",")
    said = ", ".join(_value_in_words(field, part, studies or {}) for part in parts)
    if name.startswith(NOT):
        return f"{label} is not set" if words == values.ANY else f"{label} is not: {said}"
    if words == values.ANY:
        return f"{label} is set"
    if compared := re.fullmatch(r"([<>]=?)\s*([^,]*)", words):
        return f"{label} {_compared(field, compared[1], compared[2])}"
    return f"{label}: {said}"


def _compared(name: str, sign: str, value: str) -> str:
    """A comparison in words: `> 0.1`, `after 7 days ago`."""
    known = FIELDS.get(name)
    if known is None or known.kind != "time":
        return f"{_SIGNS[sign]} {value}"
    age = _AGE.fullmatch(value)
    return f"{'after' if '>' in sign else 'before'} {f'{_age(*age.groups())} ago' if age else value}"


def _value_in_words(name: str, text: str, studies: Mapping[int, str]) -> str:
    """One value of a filter: `last 7 days` for a time, the name of a study, `0.01 to 0.1` for a range."""
    value = text.strip()
    known = FIELDS.get(name)
    if name == "study" and value.isascii() and value.isdigit():
        return studies.get(int(value), value)
    if known and known.kind == "time" and (age := _AGE.fullmatch(value)):
        return f"last {_age(*age.groups())}".replace("last 1 ", "last ")
    if known and known.kind not in ("word", "text", "choice", "flag") and (ends := value.split("..", 1))[1:]:
        first, last = (end.strip() for end in ends)
        return f"{first} to {last}" if first and last else f"from {first}" if first else f"up to {last}"
    return value


def _age(count: str, unit: str) -> str:
    word = _UNITS.get(unit, unit)
    return f"{count} {word}{'' if count == '1' else 's'}"


def _typed(text: str, term: Term, studies: Mapping[int, str]) -> str:
    words = text[slice(*term.place)].strip()
    if not term.field:
        return words if words.startswith(('"', "-")) else f"“{words}”"
    parts = re.fullmatch(r"[-!]?\w+\s*(!=|>=|<=|>|<|=|:|~)?\s*(.*)", words, re.DOTALL)
    if parts is None:
        return words
    sign, value = parts[1] or "", parts[2].strip(" ,")
    if sign == "~" or value.startswith("~"):
        verb = "does not contain" if term.negated else "contains"
        return f"{_label_of(term.field)} {verb} {value.lstrip('~')}"
    compared = sign if sign in _SIGNS else ""
    return _words(f"{NOT if term.negated else ''}{term.field}", f"{compared}{value}", studies)


def archived_typed(text: str) -> tuple[str, str]:
    """The filter `archived` of a search as a parameter, and the search without it; empty if there is none."""
    places = [term.place for term in _terms(text) if term.field == ARCHIVED]
    if not places:
        return "", text
    value = RunQuery.parse([(SEARCH, text[slice(*places[-1])])], strict=False).archived
    return value, _cut(text, places)


def status_typed(text: str) -> tuple[str, str]:
    """The filter `status` of a search as a parameter, and the search without it.

    Empty if there is none, or one that the parameter can't have: an exclusion, or several filters.
    """
    terms = [term for term in _terms(text) if term.field == "status"]
    if len(terms) != 1 or terms[0].negated or terms[0].values.count != len(terms[0].values.exact):
        return "", text
    return ",".join(map(str, terms[0].values.exact)), _cut(text, [terms[0].place])


def _terms(text: str) -> Sequence[Term]:
    """The filters of a search, without malformed parts."""
    left = text
    while True:
        try:
            return grammar.parse(left)
        except QueryError as error:
            if not error.part:
                return []
            left = _blanked(left, error)


def _blanked(text: str, error: QueryError) -> str:
    """A search with spaces instead of its malformed part.

    Raises:
        QueryError: the part has only spaces, so that nothing would change.
    """
    start, end = error.part or (0, 0)
    if not text[start:end].strip():
        raise error
    return text[:start] + " " * (end - start) + text[end:]


def _cut(text: str, places: Sequence[tuple[int, int]]) -> str:
    """A search without these parts."""
    rest = text
    for start, end in reversed(places):
        rest = f"{rest[:start].rstrip()} {rest[end:].lstrip()}".strip()
    return rest


def address(pairs: Sequence[tuple[str, str]]) -> str:
    """The address of the page with these parameters."""
    kept = [(name, text) for name, text in pairs if text and name not in BUILDER]
    return "/runs" + (f"?{urlencode(kept, safe=',:*')}" if kept else "")


def without(params: QueryParams, name: str) -> str:
    """The address of the page without a parameter."""
    return address([pair for pair in params.multi_items() if pair[0] not in (name, *PLACE)])


def _without_part(params: QueryParams, shown: dict[str, str], part: tuple[int, int]) -> str:
    text = shown[SEARCH]
    left = " ".join(filter(None, (text[: part[0]].strip(), text[part[1] :].strip())))
    return address(
        [
            (name, left if name == SEARCH else value)
            for name, value in params.multi_items()
            if name not in PLACE
        ]
    )
