"""The comparison: what a set of runs measured, depth by depth, and what else differs between them."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Self

from sqlmodel import Session, col, select

from app.answers import Comparison, DepthRow, RunOut
from app.models import Run, StudyRun
from app.reference import PUBLISHED, PUBLISHED_DATASET
from app.requests import HYPERPARAMETERS
from app.run_list import QueryError, whole, wholes
from app.runs import as_answers, curves
from app.statistics import spread
from app.verdict import verdict

_HELD_EQUAL: Final = (
    *(name for name in HYPERPARAMETERS if name not in ("depth", "seed", "device")),
    "device_used",
)
_NAMED_IDS: Final = 10


def compare(session: Session, run_ids: Sequence[int]) -> Comparison | None:
    """Compare runs; None if none of the ids is known."""
    found = session.exec(select(Run).where(col(Run.id).in_(run_ids)).order_by(col(Run.id))).all()
    if not found:
        return None
    runs = as_answers(session, found)
    accuracies = {
        depth: [run.test_accuracy or 0.0 for run in group] for depth, group in finished_by_depth(runs).items()
    }
    return Comparison(
        runs=runs,
        by_depth=by_depth(runs),
        curves=curves(session, [run.id for run in runs]),
        reference=PUBLISHED if any(run.dataset == PUBLISHED_DATASET for run in runs) else [],
        verdict=verdict(accuracies),
        warnings=[*_missing(run_ids, runs), *_unfinished(runs), *confounders(runs), *_other_contents(found)],
    )


@dataclass(frozen=True)
class Selection:
    """Which runs a query string asks to compare: a list of ids, the runs of a study, or both."""

    ids: list[int]
    study_id: int | None

    @classmethod
    def parse(cls, parameters: Iterable[tuple[str, str]], *, strict: bool) -> Self:
        """Read `runs` and `study`.

        Raises:
            QueryError: a value is malformed; if `strict`, also when both are absent or another is there.
        """
        ids: list[int] = []
        study_id = None
        for name, text in parameters:
            if name == "runs":
                ids += wholes(name, text)
            elif name == "study" and text.strip():
                study_id = whole(name, text.strip())
            elif strict and name != "study":
                raise QueryError(name, "unknown parameter; known are runs and study")
        if strict and not ids and study_id is None:
            raise QueryError("runs", "name the runs to compare, like runs=1,2,3 or study=4")
        return cls(ids, study_id)

    def run_ids(self, session: Session) -> list[int]:
        """The ids of all runs that are meant."""
        members = (
            select(StudyRun.run_id).where(StudyRun.study_id == self.study_id).order_by(col(StudyRun.run_id))
        )
        return list(dict.fromkeys([*self.ids, *session.exec(members)]))


def by_depth(runs: Sequence[RunOut]) -> list[DepthRow]:
    """One row per depth over its finished runs, shallow to deep."""
    return [
        DepthRow(
            depth=depth,
            n=len(group),
            parameters=group[0].parameters,
            train_accuracy=spread([run.train_accuracy or 0.0 for run in group]),
            test_accuracy=spread([run.test_accuracy or 0.0 for run in group]),
            train_seconds=spread([run.train_seconds or 0.0 for run in group]),
        )
        for depth, group in finished_by_depth(runs).items()
    ]


def finished_by_depth(runs: Sequence[RunOut]) -> dict[int, list[RunOut]]:
    """The finished runs of each depth, shallow to deep."""
    groups: dict[int, list[RunOut]] = defaultdict(list)
    for run in sorted(runs, key=lambda run: (run.depth, run.id)):
        if run.status == "finished":
            groups[run.depth].append(run)
    return groups


def confounders(runs: Sequence[RunOut]) -> list[str]:
    """A sentence for each hyperparameter besides depth and seed in which the runs differ."""
    differing = {
        name: sorted({getattr(run, name) for run in runs if getattr(run, name) is not None})
        for name in _HELD_EQUAL
    }
    return [
        f"The runs differ in {name} ({_listed(values)}): depth may not be what makes the difference."
        for name, values in differing.items()
        if len(values) > 1
    ]


def _other_contents(runs: Sequence[Run]) -> list[str]:
    """A sentence for each data set whose files were not the same for all runs."""
    digests: dict[str, set[str]] = defaultdict(set)
    for run in runs:
        if digest := run.environment.get("data_sha256"):
            digests[run.dataset].add(digest)
    return [
        f"The files of the data set {name} changed between these runs ({len(found)} versions): "
        "depth may not be what makes the difference."
        for name, found in sorted(digests.items())
        if len(found) > 1
    ]


def _listed(values: Iterable[object]) -> str:
    return ", ".join(str(value) for value in values)


def _missing(asked: Sequence[int], runs: Sequence[RunOut]) -> list[str]:
    known = {run.id for run in runs}
    unknown = [run_id for run_id in dict.fromkeys(asked) if run_id not in known]
    if not unknown:
        return []
    verbs = ("does", "is") if len(unknown) == 1 else ("do", "are")
    return [f"{_named(unknown)} {verbs[0]} not exist and {verbs[1]} left out."]


def _unfinished(runs: Sequence[RunOut]) -> list[str]:
    groups: dict[str, list[int]] = defaultdict(list)
    for run in runs:
        if run.status != "finished":
            groups[run.status].append(run.id)
    sentences = []
    for status, ids in groups.items():
        verb = "is" if len(ids) == 1 else "are"
        sentences.append(f"{_named(ids)} {verb} {status}: in the curves, not in the table and verdict.")
    return sentences


def _named(ids: Sequence[int]) -> str:
    shown = ", ".join(str(run_id) for run_id in ids[:_NAMED_IDS])
    more = f" and {len(ids) - _NAMED_IDS} more" if len(ids) > _NAMED_IDS else ""
    return f"Run{'' if len(ids) == 1 else 's'} {shown}{more}"
