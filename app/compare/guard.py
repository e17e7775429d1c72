"""Warnings of a comparison: other differences, repeated runs, missing runs."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

from app.compare.groups import BY_DEPTH
from app.formats import plural
from app.prose import in_percent
from app.runs.guessing import ONE_CLASS
from app.schemas.compare.comparison import Confounder
from app.schemas.configurations import differing, part, shown_apart, titles
from app.schemas.run_fields import Guessing
from app.schemas.runs import RunOut
from app.schemas.status import ENDED, Status
from app.storage.tables import Run, Study
from app.text_keys import ascending

_NAMED_IDS: Final = 10
_NAMED_VALUES: Final = 6


def confounders(runs: Sequence[RunOut], by: Sequence[str] = BY_DEPTH) -> list[Confounder]:
    """The fields, other than the seed and the grouping, in which the judged runs differ."""
    several = len({tuple(part(run, name) for name in by) for run in runs}) > 1
    blamed = f", so differences may not be due to {titles(by)}" if several else ""
    return [
        Confounder(name=name, values=values, sentence=f"{_difference(name, values, runs)}{blamed}.")
        for name, values in differing(runs, by).items()
    ]


def _difference(name: str, values: Sequence[object], runs: Sequence[RunOut]) -> str:
    words = shown_apart(values[:_NAMED_VALUES])
    shown = [words[value] for value in values[:_NAMED_VALUES]]
    if len(values) > _NAMED_VALUES:
        shown.append("…")
    if name != "data_version":
        return f"The runs differ in {titles([name])} ({', '.join(shown)})"
    changed = ascending({run.dataset for run in runs if run.data_version in values})
    return (
        f"The files of the data set {' and '.join(changed)} changed between these runs "
        f"({len(values)} versions: {', '.join(shown)})"
    )


def warnings(runs: Sequence[RunOut], counted: Sequence[RunOut], repeated: Sequence[RunOut]) -> list[str]:
    """Warnings about compared runs: about all, those that count, and those that later runs repeat."""
    return [
        *_unfinished(runs),
        *_odd_data(runs),
        *_repeated(repeated),
        *_guessed(counted),
        *_stopped_early(counted),
        *_unequal_epochs(counted),
    ]


def _repeated(runs: Sequence[RunOut]) -> list[str]:
    """Sentences on the repeats among these runs, if any."""
    verifying = [run.id for run in runs if run.verifies is not None]
    others = [run.id for run in runs if run.verifies is None]
    found = []
    if others:
        what, used = ("has the same configuration and seed as a later run", "later run")
        if len(others) > 1:
            what, used = ("have the same configurations and seeds as later runs", "latest run of each")
        found.append(f"{_named(others)} {what}. Only the {used} is used in the table and verdict.")
    if verifying:
        what = "verifies another run and is" if len(verifying) == 1 else "verify other runs and are"
        found.append(f"{_named(verifying)} {what} not used in the table and verdict.")
    return found


def _stopped_early(runs: Sequence[RunOut]) -> list[str]:
    """A sentence on runs that used the test set to decide when to stop, if any."""
    found = [run.id for run in runs if run.patience]
    if not found:
        return []
    verb, its = ("uses", "its") if len(found) == 1 else ("use", "their")
    why = f"{_named(found)} {verb} the test loss to decide when to stop (patience)"
    return [f"{why}, so {its} test accuracy is not an independent measurement."]


def _unequal_epochs(runs: Sequence[RunOut]) -> list[str]:
    """A sentence on runs that trained fewer epochs than asked, if others trained more."""
    trained = ascending({run.epochs_done for run in runs})
    if len(trained) == 1 or len({run.epochs for run in runs}) > 1 or not trained:
        return []
    return [f"The runs trained for different numbers of epochs ({trained[0]} to {trained[-1]})."]


def hardware(rows: Iterable[Run]) -> list[str]:
    """Sentences on runs that trained with different numbers of threads or on different processors."""
    known = list(rows)
    threads = sorted({row.threads for row in known if row.threads is not None})
    names = ascending({name for row in known if (name := row.environment.get("device"))})
    found = []
    if len(threads) > 1:
        counts = ", ".join(map(str, threads[:_NAMED_VALUES]))
        found.append(f"The runs used different numbers of threads ({counts}): times can't be compared.")
    if len(names) > 1:
        shown = ", ".join(names[:_NAMED_VALUES])
        found.append(f"The runs used different processors ({shown}): times can't be compared.")
    return found


def missing(asked: Sequence[int], runs: Sequence[RunOut]) -> list[str]:
    """A sentence on requested runs that do not exist, if any."""
    known = {run.id for run in runs}
    unknown = [run_id for run_id in dict.fromkeys(asked) if run_id not in known]
    if not unknown:
        return []
    was, is_ = ("was", "is") if len(unknown) == 1 else ("were", "are")
    return [f"{_named(unknown)} {was} not found and {is_} ignored."]


def missing_study(asked: int | None, study: Study | None) -> list[str]:
    """A sentence on a requested study that does not exist."""
    return [f"Study {asked} was not found and is ignored."] if asked is not None and study is None else []


def _odd_data(runs: Sequence[RunOut]) -> list[str]:
    """A sentence for each warning about the runs' data."""
    found: dict[tuple[str, str], list[int]] = defaultdict(list)
    for run in runs:
        for warning in run.data_warnings:
            found[run.dataset, warning].append(run.id)
    return [f"{_named(ids)} (data set {name}): {warning}." for (name, warning), ids in found.items()]


def _guessed(runs: Sequence[RunOut]) -> list[str]:
    """Sentences on finished runs whose test accuracy is not significantly above guessing."""
    found: dict[Guessing, list[RunOut]] = defaultdict(list)
    for run in runs:
        if run.guessing:
            found[run.guessing].append(run)
    return [_guess(kind, alike) for kind, alike in found.items()]


def _guess(kind: Guessing, runs: Sequence[RunOut]) -> str:
    named = _named([run.id for run in runs])
    if kind == ONE_CLASS:
        return f"{named}: all test images belong to one class, so guessing gets 100 % test accuracy."
    shown = list(dict.fromkeys(in_percent(run.test_accuracy or 0.0) for run in runs))
    more = ", …" if len(shown) > _NAMED_VALUES else ""
    rates = {run.chance_accuracy for run in runs}
    rate = rates.pop() if len(rates) == 1 else None
    against = f"; always predicting the most frequent class gets {in_percent(rate)}" if rate else ""
    included = "It is included" if len(runs) == 1 else "They are included"
    return (
        f"{named}: {kind} ({', '.join(shown[:_NAMED_VALUES])}{more} test accuracy{against}). "
        f"{included} in the table and the verdict."
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


def _unfinished(runs: Sequence[RunOut]) -> list[str]:
    """A sentence for each reason why runs have no final results."""
    groups: dict[tuple[Status, str, bool], list[int]] = defaultdict(list)
    for run in runs:
        if run.status != "finished":
            why = (run.reason or "") if run.status == "failed" else ""
            groups[run.status, why, run.epochs_done > 0].append(run.id)
    return [
        f"{_named(ids)} {_state(status, why, len(ids), drawn=drawn)}; {_where(status, len(ids), drawn=drawn)}"
        f"{'' if status in ENDED else ' yet'}."
        for (status, why, drawn), ids in groups.items()
    ]


def _state(status: Status, reason: str, count: int, *, drawn: bool) -> str:
    """The state of unfinished runs as a predicate; `drawn` says whether they have an epoch."""
    be, was, its = ("is", "was", "its") if count == 1 else ("are", "were", "their")
    before = "" if drawn else f" before the end of {its} first epoch"
    if status == "running":
        return f"{be} still training"
    if status == "queued":
        return f"{be} queued"
    return f"failed{before} ({reason})" if status == "failed" else f"{was} cancelled{before}"


def _where(status: Status, count: int, *, drawn: bool) -> str:
    """The parts of the page that include unfinished runs, and those that don't."""
    they, be = ("it", "is") if count == 1 else ("they", "are")
    if status == "failed":
        place = "in the curves" if drawn else "in no chart"
        them = "it" if count == 1 else "them"
        counted = f"the table and the verdict include {them} only in the number of failed runs"
        return f"{they} {be} {place}; {counted}"
    if drawn:
        return f"{they} {be} in the curves, but not in the table or the verdict"
    return f"{they} {be} not in the charts, the table or the verdict"


def _named(ids: Sequence[int]) -> str:
    shown = ", ".join(str(run_id) for run_id in ids[:_NAMED_IDS])
    more = f" and {len(ids) - _NAMED_IDS} more" if len(ids) > _NAMED_IDS else ""
    return f"Run{'' if len(ids) == 1 else 's'} {shown}{more}"
