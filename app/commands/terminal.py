"""Tables and progress bars of the command line."""

import time
from collections.abc import Callable, Sequence
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn
from rich.table import Table

from app.client import Client, ClientError
from app.formats import about, between, duration, loss, percent, points, seconds, whole, written
from app.schemas.compare.comparison import Comparison
from app.schemas.hyperparameters import HYPERPARAMETERS
from app.schemas.runs import RunOut
from app.schemas.status import ENDED
from app.schemas.studies import StudyOut

POLL_SECONDS: Final = 1.0
_SHOWN_IF_DIFFERENT: Final = tuple(name for name in HYPERPARAMETERS if name not in ("depth", "epochs"))


def run_table(runs: Sequence[RunOut]) -> Table:
    """A table of runs; most hyperparameters appear only if they differ between the runs.

    In a narrow terminal cells wrap: ids and numbers are never cut, and of words only names.
    """
    table = Table(box=None, header_style="bold")
    differing = [name for name in _SHOWN_IF_DIFFERENT if len({getattr(run, name) for run in runs}) > 1]
    table.add_column("id", justify="right", overflow="fold")
    table.add_column("name", overflow="fold")
    table.add_column("status", no_wrap=True)
    for title in ("depth", *differing, "epochs", "test_accuracy", "trained"):
        longest = max(map(len, title.split("_")))
        table.add_column(title.replace("_", " "), justify="right", overflow="fold", min_width=longest)
    if any(run.reason for run in runs):
        table.add_column("reason", overflow="fold")
    for run in runs:
        table.add_row(
            str(run.id),
            escape(run.name),
            run.status,
            str(run.depth),
            *(written(getattr(run, name)) for name in differing),
            f"{run.epochs_done}/{run.epochs}",
            percent(run.test_accuracy) + (f" ({run.guessing})" if run.guessing else ""),
            "" if run.train_seconds is None else duration(run.train_seconds),
            *([escape(run.reason)] if run.reason else []),
        )
    return table


def groups_table(comparison: Comparison) -> Table:
    """Mean accuracies and median training times of the groups."""
    table = Table(box=None, header_style="bold")
    for title in ("group", "runs", "parameters", "train accuracy", "test accuracy", "seconds"):
        table.add_column(title, justify="right")
    for row in comparison.groups:
        spread = row.test_accuracy.std
        test = percent(row.test_accuracy.mean)
        table.add_row(
            row.label,
            str(row.n),
            whole(row.parameters),
            percent(row.train_accuracy.mean),
            test if spread is None else f"{test} ± {points(spread)} pp",
            seconds(row.train_seconds_median),
        )
    return table


def follow_run(client: Client, run: RunOut, console: Console) -> RunOut:
    """Show a run's epochs as they are recorded, and return the run once it has ended."""
    with _progress(console) as progress:
        bar = progress.add_task(escape(run.name), total=run.epochs, note=run.reason or run.status)
        for event in client.events(run.id):
            if event.kind == "epoch":
                progress.update(bar, completed=event.data["epoch"], note=_figures(event.data))
            elif event.kind == "reset":
                progress.update(bar, completed=run.epochs_done, note="resuming from its last checkpoint")
            elif event.kind == "deleted":
                raise ClientError(f"Run {run.id} was deleted.")
            elif event.kind == "run":
                run = RunOut.model_validate(event.data)
                if run.status == "queued":
                    progress.update(bar, note=run.reason or run.status)
                if run.status in ENDED:
                    progress.update(bar, completed=run.epochs_done, note=outcome(run))
                    return run
    raise ClientError(f"The event stream of run {run.id} ended before the run.")


def follow_study(
    client: Client, study: StudyOut, console: Console, sleep: Callable[[float], None] = time.sleep
) -> StudyOut:
    """Show a study's progress and its running runs, and return the study once all runs have ended."""
    bars: dict[int, TaskID] = {}
    with _progress(console) as progress:
        whole = progress.add_task(escape(study.name), total=1.0, note="")
        while True:
            progress.update(whole, completed=study.progress, note=_counts(study))
            if sum(study.counts.get(status, 0) for status in ENDED) >= len(study.runs):
                _show_running(progress, bars, [])
                return study
            _show_running(progress, bars, list(client.runs(study=study.id, status="running")))
            sleep(POLL_SECONDS)
            study = client.study(study.id)


def outcome(run: RunOut) -> str:
    """How a run ended, in a few words."""
    if run.status == "finished":
        mark = f", {run.guessing}" if run.guessing else ""
        return f"finished: test accuracy {percent(run.test_accuracy)}{mark}"
    return f"{run.status}: {run.reason}" if run.reason else run.status


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[note]}", markup=False),
        console=console,
    )


def _figures(epoch: dict[str, float]) -> str:
    return (
        f"epoch {epoch['epoch']:g}: loss {loss(epoch['train_loss'])} train, {loss(epoch['test_loss'])} test, "
        f"accuracy {percent(epoch['test_accuracy'])}"
    )


def _counts(study: StudyOut) -> str:
    counts = ", ".join(f"{count} {status}" for status, count in study.counts.items() if count)
    if study.eta_seconds is not None:
        span = f" ({between(study.eta_range)})" if study.eta_range else ""
        return f"{counts}; {about(study.eta_seconds)} left{span}"
    return counts


def _show_running(progress: Progress, bars: dict[int, TaskID], running: Sequence[RunOut]) -> None:
    """Show one bar for each running run."""
    for run_id in bars.keys() - {run.id for run in running}:
        progress.remove_task(bars.pop(run_id))
    for run in running:
        if run.id not in bars:
            bars[run.id] = progress.add_task(f"  {escape(run.name)}", total=run.epochs, note="")
        left = "" if run.eta_seconds is None else f"{about(run.eta_seconds)} left"
        progress.update(bars[run.id], completed=run.epochs_done, note=left)
