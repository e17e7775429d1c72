"""A query of the list of runs, parsed from the parameters of a URL."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from app.runs.listing import fields, grammar, paging, values
from app.runs.listing.errors import QueryError
from app.runs.listing.fields import FIELDS, GROUP_ORDERS, GROUPABLE, SORTABLE
from app.runs.listing.grammar import ARCHIVED, SEARCH, Term
from app.schemas.runs import RunOut

DEFAULT_LIMIT: Final = 50
MAX_FILTER_VALUES: Final = 2_000
"""Maximum number of values of all filters together; SQLite takes about 32,000 in one statement."""

MAX_CONDITIONS: Final = 150
"""Maximum number of tags, ranges and texts of all filters together; SQLite nests at most 1,000 conditions."""

MAX_GROUP_FIELDS: Final = 2
NOT: Final = "-"
"""In front of a parameter's name: the runs that the filter does not match."""

PLACE: Final = ("cursor", "unfold")
"""Parameters of a place in the list, which a changed filter leaves."""

SHAPE: Final = ("sort", "limit", "group", "columns", "view")
"""Parameters of the order, the pages, the groups and the columns, and the saved view that has them."""

NO_FILTERS: Final = (*SHAPE, *PLACE)
"""Parameters that select no runs."""


@dataclass(frozen=True)
class RunQuery:
    """A page of runs: filters, order, position, and the fields to group by.

    All `terms` must hold.
    """

    terms: tuple[Term, ...] = ()
    archived: str = "false"
    sort: str = "-id"
    limit: int = DEFAULT_LIMIT
    cursor: str | None = None
    group: tuple[str, ...] = ()
    is_filtered: bool = False
    """Whether a parameter selects runs, even if it selects all: `archived=all`."""

    @classmethod
    def parse(cls, parameters: Iterable[tuple[str, str]], *, strict: bool) -> "RunQuery":
        """Parse the parameters of a query string; an empty value counts as missing.

        Raises:
            QueryError: a value is malformed; if `strict`, also if a parameter is unknown or repeated.
        """
        given = _once(parameters, strict=strict)
        found: dict[str, list[Term]] = {}
        special: dict[str, Any] = {}
        for name, text in given.items():
            if not text.strip() or (name != SEARCH and not text.strip(" ,")):
                continue
            if name == SEARCH:
                found[name] = grammar.parse(text)
            elif name in _SPECIAL:
                special[name] = _SPECIAL[name](name, text.strip())
            elif name.removeprefix(NOT) in FIELDS:
                field = name.removeprefix(NOT)
                parsed = values.parse(name, FIELDS[field], text)
                found[name] = [Term(field, parsed, negated=name.startswith(NOT))]
            elif strict and not is_known(name):
                raise QueryError(name, _unknown(name))
        searched = found.get(SEARCH, [])
        archived = [term for term in searched if term.field == ARCHIVED]
        if archived:
            special[ARCHIVED] = _archived(archived[-1])
            found[SEARCH] = [term for term in searched if term not in archived]
        _check_size(found)
        terms = [term for each in found.values() for term in each]
        if is_of_groups(special.get("sort", "")) and not special.get("group"):
            if strict:
                raise QueryError("sort", "only groups have this order; add group=, such as group=depth")
            del special["sort"]
        return cls(tuple(terms), is_filtered=bool(terms) or ARCHIVED in special, **special)

    @property
    def of_runs(self) -> "RunQuery":
        """The same query for runs instead of groups, in an order that runs have."""
        return replace(self, group=(), sort=RunQuery.sort if is_of_groups(self.sort) else self.sort)

    def within(self, terms: Iterable[Term]) -> "RunQuery":
        """The same query with more terms."""
        return replace(self, terms=(*self.terms, *terms), is_filtered=True)


def is_known(name: str) -> bool:
    """Whether the list or its page has this parameter."""
    return name in (SEARCH, *_SPECIAL, *OF_PAGES) or name.removeprefix(NOT) in FIELDS


def is_of_groups(sort: str) -> bool:
    """Whether only groups have this order."""
    return sort.strip().removeprefix("-") in GROUP_ORDERS


def _once(parameters: Iterable[tuple[str, str]], *, strict: bool) -> dict[str, str]:
    given: dict[str, str] = {}
    for name, text in parameters:
        if name in given and strict and name not in OF_PAGES:
            raise QueryError(
                name, "repeated; separate several values with commas, or combine filters in the parameter q"
            )
        given[name] = text
    return given


def _unknown(name: str) -> str:
    if any(sign in name for sign in "<>!"):
        field = name.rstrip("<>!=")
        return f"unknown parameter; write a comparison after the equals sign, such as {field}=>0.5"
    return f"unknown parameter; expected one of {', '.join(PARAMETERS)}"


def _archived(term: Term) -> str:
    chosen = str(term.values.exact[0]) if len(term.values.exact) == 1 else "all"
    if term.negated:
        return {"true": "false", "false": "true"}.get(chosen, "all")
    return chosen


def _check_size(found: Mapping[str, Sequence[Term]]) -> None:
    """Limit the terms of each parameter together; the one with the most is reported."""
    sizes = {name: sum(term.values.count for term in terms) for name, terms in found.items()}
    if sum(sizes.values()) > MAX_FILTER_VALUES:
        raise QueryError(
            max(sizes, key=sizes.__getitem__),
            f"all filters together can have at most {MAX_FILTER_VALUES:,} values",
        )
    conditions = {name: sum(map(_conditions, terms)) for name, terms in found.items()}
    if sum(conditions.values()) > MAX_CONDITIONS:
        raise QueryError(
            max(conditions, key=conditions.__getitem__),
            f"all filters together can have at most {MAX_CONDITIONS} tags, ranges and texts",
        )


def _conditions(term: Term) -> int:
    """How many conditions of SQL a term has, at most."""
    tags = len(term.values.exact) if term.field == "tag" else 0
    return len(term.values.ranges) + len(term.values.parts) + tags + 1


def _sort(name: str, text: str) -> str:
    return paging.order(name, text, (*SORTABLE, *GROUP_ORDERS))


def _group(name: str, text: str) -> tuple[str, ...]:
    names = []
    for part in filter(None, map(str.strip, text.split(","))):
        field = fields.named(part)
        chosen = field.name if field else part  # `archived` is not a field to filter by
        if chosen not in GROUPABLE:
            raise QueryError(name, f"can't group by {part[:40]!r}; expected one of {', '.join(GROUPABLE)}")
        names.append(chosen)
    found = tuple(dict.fromkeys(names))
    if len(found) > MAX_GROUP_FIELDS:
        raise QueryError(name, f"at most {MAX_GROUP_FIELDS} fields are allowed, not {len(found)}")
    return found


def _cursor(name: str, text: str) -> str:
    if "\0" in text:
        raise QueryError(name, "must not contain a NUL character")
    return text


_SPECIAL: Final[dict[str, Callable[[str, str], Any]]] = {
    ARCHIVED: values.archived,
    "sort": _sort,
    "limit": paging.limit,
    "cursor": _cursor,
    "group": _group,
}
OF_PAGES: Final = tuple(name for name in NO_FILTERS if name not in _SPECIAL)
"""Parameters of the page that change how it shows the list; the JSON of the same URL ignores them."""

PARAMETERS: Final = (
    "study",
    "tag",
    SEARCH,
    *_SPECIAL,
    *(name for name in FIELDS if name not in ("study", "tag")),
)
"""All parameters of a query; each field also with `-` in front."""

_DESCRIBED: Final = {
    "study": "Ids of studies.",
    "tag": "Tags; a run needs one of them.",
    SEARCH: "Text to search for in name, tags and note, in any case; also an id. Between texts, filters such "
    "as `lr>0.1 -tag:draft status:failed`.",
    ARCHIVED: "false (default), true or all.",
    "sort": "A field; a leading - sorts in descending order. Default: -id. `-activity` sorts running runs "
    "first, then queued ones, then the newest. Groups also have the orders `best`, `n` and `runs`.",
    "limit": f"Runs or groups per page, 1 to {paging.MAX_LIMIT}. Default: {DEFAULT_LIMIT}.",
    "cursor": "`next_cursor` or `previous_cursor` of a page.",
    "group": "One or two fields: the response has groups of runs with equal values instead of runs.",
}


def described(parameter: str) -> str:
    """The description of a parameter in the API's reference."""
    return _DESCRIBED.get(parameter) or f"Filter: {RunOut.model_fields[parameter].description}"
