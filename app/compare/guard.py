"""Warnings of a comparison: other differences, repeated runs, missing runs."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Final

from app.compare.groups import BY_DEPTH
from app.formats import plural
from app.prose import in_percent
from app.runs.guessing import ONE_CLASS
from app.schemas.answers import RunOut
from app.schemas.comparison import Confounder
from app.schemas.configurations import differing, shown_apart
from app.schemas.run_fields import Guessing
from app.schemas.status import ENDED
from app.storage.tables import Study
from app.text_keys import ascending

_NAMED_IDS: Final = 10
_NAMED_VALUES: Final = 6


def confounders(runs: Sequence[RunOut], by: Sequence[str] = BY_DEPTH) -> list[Confounder]:
    """The fields, other than the seed and the grouping, in which the judged runs differ."""
    blamed = " and ".join(by)
    return [
        Confounder(
            name=name,
            values=values,
            sentence=f"{_difference(name, values, runs)}: {blamed} may not be the cause of the differences.",
        )
        for name, values in differing(runs, by).items()
    ]


def _difference(name: str, values: Sequence[object], runs: Sequence[RunOut]) -> str:
    words = shown_apart(values[:_NAMED_VALUES])
    shown = [words[value] for value in values[:_NAMED_VALUES]]
    if len(values) > _NAMED_VALUES:
        shown.append("…")
    if name != "data_version":
        return f"The runs differ in {name} ({', '.join(shown)})"
    changed = ascending({run.dataset for run in runs if run.data_version in values})
    return (
        f"The files of the data set {' and '.join(changed)} changed between these runs "
        f"({len(values)} versions: {', '.join(shown)})"
    )


def repeated(runs: Sequence[RunOut]) -> list[str]:
    """A sentence on the repeats among these runs, if any."""
    if not runs:
        return []
    verb, each = ("repeats", "only that one counts") if len(runs) == 1 else ("repeat", "each counts once")
    what = f"{_named([run.id for run in runs])} {verb} the configuration and seed of a later run"
    return [f"{what}, which tells nothing of the spread over seeds: {each} in table and verdict."]


def missing(asked: Sequence[int], runs: Sequence[RunOut]) -> list[str]:
    """A sentence on requested runs that do not exist, if any."""
    known = {run.id for run in runs}
    unknown = [run_id for run_id in dict.fromkeys(asked) if run_id not in known]
    if not unknown:
        return []
    verbs = ("does", "was", "is") if len(unknown) == 1 else ("do", "were", "are")
    return [f"{_named(unknown)} {verbs[0]} not exist, or {verbs[1]} deleted, and {verbs[2]} left out."]


def missing_study(asked: int | None, study: Study | None) -> list[str]:
    """A sentence on a requested study that does not exist."""
    return [f"Study {asked} was not found and is ignored."] if asked is not None and study is None else []


def odd_data(runs: Sequence[RunOut]) -> list[str]:
    """A sentence for each warning about the runs' data."""
    found: dict[tuple[str, str], list[int]] = defaultdict(list)
    for run in runs:
        for warning in run.data_warnings:
            found[run.dataset, warning].append(run.id)
    return [f"{_named(ids)} (data set {name}): {warning}." for (name, warning), ids in found.items()]


def guessed(runs: Sequence[RunOut]) -> list[str]:
    """Sentences on finished runs whose test accuracy is not above chance."""
    found: dict[Guessing, list[RunOut]] = defaultdict(list)
    for run in runs:
        if run.guessing:
            found[run.guessing].append(run)
    return [_guess(kind, alike) for kind, alike in found.items()]


def _guess(kind: Guessing, runs: Sequence[RunOut]) -> str:
    named = _named([run.id for run in runs])
    if kind == ONE_CLASS:
        return f"{named}: all test images are of one class, so guessing gets 100 % test accuracy."
    shown = list(dict.fromkeys(in_percent(run.test_accuracy or 0.0) for run in runs))
    more = ", …" if len(shown) > _NAMED_VALUES else ""
    rates = {run.chance_accuracy for run in runs}
    rate = rates.pop() if len(rates) == 1 else None
    against = f"; one answer to every image gets {in_percent(rate)}" if rate else ""
    return (
        f"{named}: {kind} ({', '.join(shown[:_NAMED_VALUES])}{more} test accuracy{against}), "
        "and in table and verdict like any other."
    )


def unjudged(runs: Sequence[RunOut]) -> str:
    """Why no run has a result, in a sentence."""
    if any(run.status not in ENDED for run in runs):
        return "No run has finished yet."
    counts = Counter(run.status for run in runs)
    failed, cancelled = counts["failed"], counts["cancelled"]
    how = [f"{plural(failed, 'run')} failed"] if failed else []
    if cancelled:
        how.append(f"{plural(cancelled, 'run')} {'was' if cancelled == 1 else 'were'} cancelled")
    return f"No run finished: {' and '.join(how)}. There are no results to compare."


def unfinished(runs: Sequence[RunOut]) -> list[str]:
    """A sentence for each reason why runs have no final results."""
    groups: dict[str, list[int]] = defaultdict(list)
    for run in runs:
        if run.status != "finished":
            groups[_why_unfinished(run)].append(run.id)
    return [f"{_named(ids)}: {words}" for words, ids in groups.items()]


def _why_unfinished(run: RunOut) -> str:
    drawn = run.epochs_done > 0
    if run.status == "running":
        shown = "included in curves, not in the verdict yet" if drawn else "without an epoch so far"
        return f"still training, {shown}."
    if run.status == "queued":
        shown = (
            "included in curves, not in table and verdict yet"
            if drawn
            else ("not in charts, table and verdict yet")
        )
        return f"still waiting, {shown}."
    what = f"failed ({run.reason})" if run.status == "failed" else "cancelled before the end"
    if drawn:
        return f"{what}, included in curves, not in table and verdict."
    return f"{what}, without an epoch, not in charts, table and verdict."


def _named(ids: Sequence[int]) -> str:
    shown = ", ".join(str(run_id) for run_id in ids[:_NAMED_IDS])
    more = f" and {len(ids) - _NAMED_IDS} more" if len(ids) > _NAMED_IDS else ""
    return f"Run{'' if len(ids) == 1 else 's'} {shown}{more}"
